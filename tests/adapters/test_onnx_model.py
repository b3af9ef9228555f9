"""Loading and running real ONNX graphs, from the builder that makes the shipped ones."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from edge.adapters.onnx_model import OnnxModel, load_models
from edge.core.disaggregator import Disaggregator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from network.graphs import Layer, Plan, build  # noqa: E402

SIZE_LIMIT = 200 * 1024
CHANNELS, FEATURES, APPLIANCES = 8, 2, 1
DILATIONS_S = (1, 2, 4)


def _plan(outputs: int = 4 * APPLIANCES) -> Plan:
    random = np.random.default_rng(11)

    def layer(rows: int, columns: int, taps: int, dilation_s: int, *scales: float) -> Layer:
        weight = (random.normal(size=(rows, columns, taps)) / np.sqrt(columns * taps)).astype(np.float32)
        bias = (random.normal(size=rows) / 8).astype(np.float32)
        return Layer(weight, bias, dilation_s, *(scales or (None,)))

    return Plan(
        1 / 255,
        np.eye(FEATURES, dtype=np.float32),
        layer(CHANNELS, FEATURES, 1, 1, 0.01),
        [layer(CHANNELS, CHANNELS, 3, d, 0.02, 0.02) for d in DILATIONS_S],
        layer(CHANNELS, CHANNELS, 1, 1, 0.02),
        layer(outputs, CHANNELS, 1, 1),
    )


def _entry(model_id: str, appliance: str) -> dict[str, Any]:
    feature = {"kind": "level", "lag_s": 0, "sign": 1, "offset_w": 0.0, "step_w": 8.0}
    numbers = {"on_threshold_w": 10, "power_scale_w": 1000, "p_gain": 1, "p_offset": 0, "on_level": 0.5}
    numbers |= {"off_level": 0.4, "min_on_s": 0, "min_off_s": 0, "interval_gain": 1, "interval_tail": 0.05}
    numbers |= {"certain_p": 0.5, "standby_w": 0, "least_w": 0}
    return {
        "id": model_id,
        "version": "1",
        "artifacts": {},
        "history_s": 24,
        "preprocessing": {
            "max_fill_s": 5,
            "memory_s": 10,
            "features": [feature, {**feature, "kind": "change", "lag_s": 1, "step_w": 1.0}],
        },
        "network": {"channels": CHANNELS, "kernel": 3, "dilations_s": list(DILATIONS_S)},
        "appliances": [{"name": appliance, **numbers}],
        "metrics": {},
        "training": {},
    }


class Folder:
    """A models folder with a good model `good` and a model `bad` that a test spoils."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = {"good": _entry("good", "Kettle"), "bad": _entry("bad", "Oven")}
        for name in self.entries:
            for kind in ("step", "window"):
                self.put(name, kind, build(_plan(), step=kind == "step", quantized=True))

    def put(self, name: str, kind: str, content: bytes) -> None:
        file = self.path / f"{name}-{kind}.onnx"
        file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self.entries[name]["artifacts"][kind] = {"path": file.name, "sha256": digest}

    def reason(self) -> str:
        """Load; the good model must serve and the bad one say why it does not."""
        (self.path / "registry.json").write_text(json.dumps({"models": list(self.entries.values())}))
        models, disabled = load_models(self.path)
        assert [m.id for m in models] == ["good"]
        (bad,) = disabled
        assert (bad.id, bad.version) == ("bad", "1")
        assert "\n" not in bad.reason
        return bad.reason


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def _nan(content: bytes, name_part: str) -> bytes:
    model = onnx.load_from_string(content)
    for tensor in model.graph.initializer:
        if name_part in tensor.name:
            values = onnx.numpy_helper.to_array(tensor).copy()
            values[...] = np.nan
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
            break
    else:
        raise AssertionError(name_part)
    return bytes(model.SerializeToString())


def test_a_wrong_hash(folder: Folder) -> None:
    folder.entries["bad"]["artifacts"]["step"]["sha256"] = "0" * 64
    assert folder.reason() == "bad-1: bad-step.onnx does not have the sha256 of the registry"


def test_a_missing_file(folder: Folder) -> None:
    (folder.path / "bad-window.onnx").unlink()
    assert "bad-window.onnx cannot be read" in folder.reason()


def test_a_truncated_file(folder: Folder) -> None:
    content = (folder.path / "bad-step.onnx").read_bytes()
    folder.put("bad", "step", content[: len(content) // 2])
    assert "bad-1: step graph cannot be loaded" in folder.reason()


def test_an_empty_file(folder: Folder) -> None:
    folder.put("bad", "window", b"")
    assert folder.reason().startswith("bad-1: window graph")


def test_an_unknown_operator(folder: Folder) -> None:
    model = onnx.load_from_string((folder.path / "bad-step.onnx").read_bytes())
    model.graph.node[0].op_type = "Frobnicate"
    folder.put("bad", "step", model.SerializeToString())
    assert "Frobnicate" in folder.reason()


def test_outputs_for_another_number_of_appliances(folder: Folder) -> None:
    folder.put("bad", "step", build(_plan(outputs=8), step=True, quantized=True))
    assert "do not have the shapes that the registry promises" in folder.reason()


def test_inputs_for_another_number_of_features(folder: Folder) -> None:
    features = folder.entries["bad"]["preprocessing"]["features"]
    features.append(features[0])
    assert "shapes do not fit the registry" in folder.reason()


def test_other_dilations_need_other_taps(folder: Folder) -> None:
    folder.entries["bad"]["network"]["dilations_s"] = [1, 2]
    assert "shapes do not fit the registry" in folder.reason()


@pytest.mark.parametrize("part", ["out_bias", "scale", "out_scale"])
def test_weights_that_are_no_numbers(folder: Folder, part: str) -> None:
    folder.put("bad", "window", _nan((folder.path / "bad-window.onnx").read_bytes(), part))
    assert "weight that is no number" in folder.reason()


def test_a_missing_field(folder: Folder) -> None:
    del folder.entries["bad"]["history_s"]
    (folder.path / "registry.json").write_text(json.dumps({"models": list(folder.entries.values())}))
    models, (bad,) = load_models(folder.path)
    assert [m.id for m in models] == ["good"]
    assert bad.reason.endswith("history_s is missing")


def test_a_path_out_of_the_folder(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "bad.onnx"
    outside.write_bytes((folder.path / "bad-step.onnx").read_bytes())
    step = folder.entries["bad"]["artifacts"]["step"]
    for path in (str(outside), f"../{outside.parent.name}/bad.onnx", f"..//{outside.parent.name}//bad.onnx"):
        step["path"] = path
        assert folder.reason() == f"bad-1: {path} lies outside the models folder"
    (folder.path / "link.onnx").symlink_to(outside)
    step["path"] = "link.onnx"
    assert folder.reason() == "bad-1: link.onnx lies outside the models folder"


def test_a_folder_in_place_of_a_file(folder: Folder) -> None:
    folder.entries["bad"]["artifacts"]["step"]["path"] = "."
    assert "cannot be read" in folder.reason()


def test_no_registry(tmp_path: Path) -> None:
    for text in (None, "{", "\udcff"):
        if text is not None:
            (tmp_path / "registry.json").write_text(text, encoding="utf-8", errors="surrogateescape")
        models, (disabled,) = load_models(tmp_path)
        assert models == []
        assert disabled.reason.startswith("registry.json cannot be used: ")


def _identical(model: OnnxModel, mains_w: NDArray[np.float64]) -> None:
    """mains (building, t): every second of every building, stepped side by side, against its window."""
    buildings, seconds = mains_w.shape
    names = [f"b{n}" for n in range(buildings)]
    stepping = Disaggregator([model])
    ticks = [stepping.predict_many(names, [1000 * (s + 1)] * buildings, mains_w[:, s].tolist()) for s in range(seconds)]
    at_ms = 1000 * (1 + np.arange(seconds, dtype=np.int64))
    for n in range(buildings):
        scored = np.concatenate([table.values for table in Disaggregator([model]).score(at_ms, mains_w[n])])
        assert (np.stack([row[n].values for row in ticks]) == scored).all()


def _random_mains(buildings: int, seconds: int) -> NDArray[np.float64]:
    random = np.random.default_rng(8)
    walk_w = np.cumsum(random.normal(size=(buildings, seconds)) * 20, axis=1)
    return walk_w + (random.random((buildings, seconds)) < 0.2) * random.uniform(-3000, 9000, (buildings, seconds))


def test_step_and_window_agree_to_the_bit(folder: Folder) -> None:
    del folder.entries["bad"]
    (folder.path / "registry.json").write_text(json.dumps({"models": list(folder.entries.values())}))
    (model,), _ = load_models(folder.path)
    _identical(model, _random_mains(3, 500))


@pytest.fixture(scope="module")
def shipped() -> list[OnnxModel]:
    models, disabled = load_models(ROOT / "models")
    assert disabled == []
    return models


def test_shipped_models_agree_to_the_bit_over_a_day(shipped: list[OnnxModel]) -> None:
    """Six starts from empty history, four hours each: three of random mains, three of the simulated home."""
    four_hours_s = 4 * 3600
    column = pyarrow.parquet.read_table(ROOT / "simulation_data.parquet", columns=["mains_w"])["mains_w"]
    home_w = column.slice(7 * 3600, 3 * four_hours_s).to_numpy().astype(np.float64).reshape(3, four_hours_s)
    for model in shipped:
        _identical(model, np.concatenate([_random_mains(3, four_hours_s), home_w]))


def test_shipped_models_are_small_and_whole(shipped: list[OnnxModel]) -> None:
    sizes = [file.stat().st_size for file in (ROOT / "models").glob("*.onnx")]
    assert max(sizes) <= SIZE_LIMIT
    assert sum(sizes) <= 10 * SIZE_LIMIT
    named = {a.path for m in shipped for a in (m.spec.step, m.spec.window)}
    assert named == {file.name for file in (ROOT / "models").glob("*.onnx")}
    assert sum(len(m.spec.appliances) for m in shipped) == 13


def test_onnxruntime_tells_nobody(tmp_path: Path) -> None:
    """Its telemetry begins at its import, with files below the home folder; switched off, there are none."""
    load = "import pathlib; from edge.adapters.onnx_model import load_models; load_models(pathlib.Path('models'))"
    subprocess.run([sys.executable, "-c", load], cwd=ROOT, env={**os.environ, "HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir())
