"""Models replaced while samples come: by others, and by broken ones."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from edge.models import SHIPPED_DIR
from tests.faults.chain import Chain, exact
from tests.faults.conftest import Result


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.faults)])
def test_models_replaced_while_running(tmp_path: Path, result: Result, rounds: int) -> None:
    """A new version with the same weights: each second is said once, as if nothing had happened, by one of them."""
    result.name = "models replaced (SIGHUP) while samples come, each other time by a broken one, which the old survive"
    models = Path(shutil.copytree(SHIPPED_DIR, tmp_path / "models"))
    (step,) = models.glob("*step.onnx")
    whole = step.read_bytes()
    config = exact()
    with Chain(tmp_path / "chain", replace(config, infer=replace(config.infer, models_dir=str(models)))) as chain:
        chain.checker.any_model = True
        chain.start()
        for n in range(rounds):
            chain.feed(0.2, 80)
            broken = bool(n % 2)
            if broken:
                step.write_bytes(whole[:-100])
            else:
                _rename(models, f"v{n}")
            infer = chain.children()["infer"]
            assert infer.pid
            os.kill(infer.pid, signal.SIGHUP)
            chain.feed(0.5, 80)
            wanted = "failed, the old models serve" if broken else "done"
            chain.until(lambda wanted=wanted: _said(chain).startswith(wanted), what="the reload")  # type: ignore[misc]
            step.write_bytes(whole)
            result.add(chain.check(), "a broken one: the old serve" if broken else "a new version")
        assert infer.starts == 1
    assert result.count.good, result.count.faults


def _rename(models: Path, version: str) -> None:
    registry = json.loads((models / "registry.json").read_text())
    registry["models"][0]["version"] = version
    (models / "registry.json").write_text(json.dumps(registry))


def _said(chain: Chain) -> str:
    return str(chain.streams.services()["infer"]["reload"])
