"""SIGHUP: other models without a restart, and the old ones where the new are broken."""

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.streams import Streams
from edge.core.sample import Sample
from edge.models import SHIPPED_DIR
from edge.settings import Config
from tests.servers import wait_until
from tests.services.processes import Service


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_DIR, tmp_path / "models"))


def _edit(models: Path, **changes: str) -> None:
    registry = json.loads((models / "registry.json").read_text())
    registry["models"][0].update(changes)
    (models / "registry.json").write_text(json.dumps(registry))


def _reloaded(streams: Streams, service: Service, how: str) -> None:
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: str(streams.services().get("infer", {}).get("reload")).startswith(how))


def _feed(streams: Streams, first_s: int, count: int) -> None:
    streams.add_samples([Sample("home", (first_s + n) * 1000, 500.0 + n) for n in range(count)])
    wait_until(lambda: streams.newest_ms("home", "predictions") == (first_s + count - 1) * 1000)


def test_a_new_version_takes_over_without_a_missing_or_doubled_second(
    config: Config, streams: Streams, models: Path
) -> None:
    start_s = int(time.time()) - 1000
    with Service("infer", replace(config, infer=replace(config.infer, models_dir=str(models)))) as service:
        _feed(streams, start_s, 200)
        _edit(models, version="next")
        _reloaded(streams, service, "done")
        _feed(streams, start_s + 200, 100)
        old, new = streams.predictions("home")
    assert {column.model for column in new.columns} == {"home13-next"}
    assert len({column.model for column in old.columns} - {"home13-next"}) == 1
    seconds = [*old.at_ms.tolist(), *new.at_ms.tolist()]
    assert seconds == [sample.at_ms for sample in streams.window("home")]


def test_the_old_models_stay_where_the_new_ones_are_broken(config: Config, streams: Streams, models: Path) -> None:
    start_s = int(time.time()) - 1000
    with Service("infer", replace(config, infer=replace(config.infer, models_dir=str(models)))) as service:
        _feed(streams, start_s, 50)
        (step,) = models.glob("*step.onnx")
        step.write_bytes(step.read_bytes()[:-100])
        _reloaded(streams, service, "failed, the old models serve")
        said = streams.services()["infer"]
        assert "does not have the sha256" in said["reload"]
        assert said["models"][0]["state"] == "ok"
        _feed(streams, start_s + 50, 50)
        (table,) = streams.predictions("home")
    assert len(table.at_ms) == 100


def test_what_the_home_has_not_is_not_said(config: Config, streams: Streams) -> None:
    with Service("infer", replace(config, infer=replace(config.infer, appliances="Oven, Fridge"))) as service:
        wait_until(lambda: "infer" in streams.services())
        _feed(streams, int(time.time()) - 100, 30)
        (table,) = streams.predictions("home")
        assert {column.appliance for column in table.columns} == {"Oven", "Fridge"}
        assert "2 appliances for" in str(streams.services()["infer"]["status"])
        assert service.process.poll() is None
