"""What Home Assistant finds, judged by Home Assistant's own schemas: make test-homeassistant."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge.announce import site_of
from edge.core.discovery import entities
from edge.settings import Config

pytestmark = pytest.mark.homeassistant
HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-homeassistant" / "bin" / "python"


def _judged(configs: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    judge = [PYTHON, HERE / "read_as_home_assistant.py"]
    done = subprocess.run(judge, input=json.dumps(configs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    print(f"Home Assistant {answer['version']}")
    assert len(answer["said"]) == len(configs)
    return list(answer["said"])


def _is_within(ours: Any, theirs: Any) -> bool:
    """Whether all that we say is still there: what Home Assistant does not know is gone, what it assumes is added."""
    if isinstance(ours, dict):
        return all(name in theirs and _is_within(value, theirs[name]) for name, value in ours.items())
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(_is_within, ours, theirs))
    return bool(ours == theirs)


def test_home_assistant_takes_every_field_as_it_is() -> None:
    found = entities(site_of(Config()), "home", ["Fridge", "Heat pump", "EVCharger"])
    assert len(found) == 2 * 5 + 1 + 3
    configs = [(entity.config_topic.split("/")[1], entity.config) for entity in found]
    for (_, ours), theirs in zip(configs, _judged(configs), strict=True):
        assert isinstance(theirs, dict), theirs
        assert _is_within(ours, theirs)


def test_the_judge_refuses_what_is_wrong() -> None:
    (entity, *_) = entities(site_of(Config()), "home", [])
    wrong = [
        entity.config | {"device_class": "watts"},
        entity.config | {"state_class": "total_rising"},
        entity.config | {"availability": [{"topics": "a"}]},
        entity.config | {"device": {"name": "without an identifier"}},
        {name: value for name, value in entity.config.items() if name != "state_topic"},
    ]
    assert all(isinstance(said, str) for said in _judged([("sensor", config) for config in wrong]))
    (kept,) = _judged([("sensor", entity.config | {"no_such_field": 1})])
    assert not _is_within({"no_such_field": 1}, kept)
