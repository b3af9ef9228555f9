"""Broken models beside good ones in a running nilm-infer: each is off with one line that says why, the rest serves."""

import copy
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.sample import POWER_LIMIT_W, Sample
from edge.models import SHIPPED_DIR
from edge.settings import Config
from gateway import create_app
from gateway.hub import Hub
from tests.servers import wait_until
from tests.services.processes import Service

START_MS = 1_700_000_000_000
ODD_W = [-500.0, 0.0, POWER_LIMIT_W, -POWER_LIMIT_W]


class Broken:
    """A models folder: the shipped models, and copies of the first one for other appliances, each with a fault."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(shutil.copytree(SHIPPED_DIR, folder / "models"))
        self.registry = json.loads((self.folder / "registry.json").read_text())
        self.good = [model["id"] for model in self.registry["models"]]
        self.reasons: dict[str, str] = {}

    def add(self, fault: str, reason: str, spoil: Callable[[dict[str, Any]], None]) -> None:
        entry = copy.deepcopy(self.registry["models"][0])
        entry["id"] = fault
        for appliance in entry["appliances"]:
            appliance["name"] += f"_{fault}"
        spoil(entry)
        self.registry["models"].append(entry)
        self.reasons[fault] = reason
        (self.folder / "registry.json").write_text(json.dumps(self.registry))

    def put(self, entry: dict[str, Any], name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        entry["artifacts"]["step"] = {"path": name, "sha256": hashlib.sha256(content).hexdigest()}


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    folder = Broken(tmp_path)
    step = (folder.folder / folder.registry["models"][0]["artifacts"]["step"]["path"]).read_bytes()
    unknown, nan = onnx.load_from_string(step), onnx.load_from_string(step)
    unknown.graph.node[0].op_type = "Frobnicate"
    scale = next(t for t in nan.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)
    empty = np.full_like(onnx.numpy_helper.to_array(scale), np.nan)
    scale.CopyFrom(onnx.numpy_helper.from_array(empty, scale.name))
    (tmp_path / "outside.onnx").write_bytes(step)

    folder.add("hash", "does not have the sha256", lambda e: e["artifacts"]["step"].update(sha256="0" * 64))
    folder.add("cut", "step graph cannot be loaded", lambda e: folder.put(e, "cut.onnx", step[:-5000]))
    folder.add("op", "Frobnicate", lambda e: folder.put(e, "op.onnx", unknown.SerializeToString()))
    folder.add("nan", "weight that is no number", lambda e: folder.put(e, "nan.onnx", nan.SerializeToString()))
    folder.add("field", "history_s is missing", lambda e: e.pop("history_s"))
    folder.add("outside", "outside the models folder", lambda e: e["artifacts"]["step"].update(path="../outside.onnx"))
    folder.add("gone", "cannot be read", lambda e: e["artifacts"]["window"].update(path="gone.onnx"))
    folder.add("shape", "do not fit the registry", lambda e: e["network"]["dilations_s"].pop())
    return folder


def test_each_is_off_with_one_line_and_the_rest_serves(
    config: Config, streams: Streams, influx: Influx, broken: Broken
) -> None:
    config = replace(config, infer=replace(config.infer, models_dir=str(broken.folder)))
    powers_w = [300.0 + n for n in range(60)] + ODD_W
    with Service("infer", config) as service:
        streams.add_samples([Sample("home", START_MS + 1000 * n, w) for n, w in enumerate(powers_w)])
        wait_until(lambda: streams.newest_ms("home", "predictions") == START_MS + 1000 * (len(powers_w) - 1))
        wait_until(lambda: "infer" in streams.services())
        answer = create_app(config, streams, influx, Hub(streams)).test_client().get("/models")
        lines = service.log_file.read_text().splitlines()

    (table,) = streams.predictions("home")
    served = [a["name"] for m in broken.registry["models"] if m["id"] in broken.good for a in m["appliances"]]
    assert [column.appliance for column in table.columns] == served
    assert len(table.at_ms) == len(powers_w)
    for name in ("power_w", "p_on", "low_w", "high_w"):
        assert np.isfinite(table.values[name]).all()

    told = {model["id"]: model for model in answer.get_json()["models"]}
    assert told.keys() == {*broken.good, *broken.reasons}
    assert all(told[good]["state"] == "ok" for good in broken.good)
    for fault, reason in broken.reasons.items():
        assert told[fault]["state"] == "disabled"
        assert reason in told[fault]["reason"]
        (line,) = [line for line in lines if f"model {fault} " in line]
        assert "ERROR" in line
        assert told[fault]["reason"] in line
    assert not any("Traceback" in line for line in lines)
