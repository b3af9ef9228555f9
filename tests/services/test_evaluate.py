"""`nilm-edge evaluate` on small recordings, as a person runs it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from edge.adapters.onnx_model import load_models
from edge.adapters.plots import available
from edge.cli import main
from edge.core.disaggregator import Disaggregator
from edge.core.metrics import Tally
from edge.evaluate import fp32_twins
from edge.models import SHIPPED_DIR
from edge.models_folder import twins_dir

ROOT = Path(__file__).parents[2]
FIELDS = {"appliance", "f1", "precision", "recall", "mae_w", "always_zero_mae_w", "sae", "sae_daily", "nde", "teca"}
FIELDS |= {"match_ratio", "ece", "interval_coverage", "fp32", "skill", "on_s", "runs", "on_threshold_w", "column"}
START_MS = 1_700_000_000_000


def _write(file: Path, **columns: Any) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file


def _home(seconds: int, **more: Any) -> dict[str, Any]:
    """Some hours of the simulated home under other names."""
    table = pyarrow.parquet.read_table(ROOT / "simulation_data.parquet").slice(7 * 3600, seconds)
    names = {"time": "time", "mains_w": "mains", "Fridge_w": "fridge", "WashingMachine_w": "washer_dryer"}
    return {new: table[old] for old, new in names.items()} | more


def _figures(file: Path, tmp_path: Path, *options: str) -> dict[str, Any]:
    out = tmp_path / "figures.json"
    fp32 = ["--fp32", str(tmp_path / "none")] if "--fp32" not in options else []
    assert main(["evaluate", str(file), "--json", str(out), "--models", str(SHIPPED_DIR), *fp32, *options]) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_figures_are_those_of_the_metrics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = _home(20_000)
    found = _figures(_write(tmp_path / "home.parquet", **home), tmp_path)
    assert [a["column"] for a in found["appliances"]] == ["washer_dryer", "fridge"]
    assert found["appliances"][0].keys() >= FIELDS
    assert found["violations"] == {"sum_over_mains_s": 0, "negative_s": 0}
    assert (found["seconds"], found["interval_s"], found["segments"]) == (20_000, 1.0, 1)
    assert found["appliances"][1]["fp32"] is found["fp32_macro_f1"] is None
    covers = [a["interval_coverage"] for a in found["appliances"] if a["interval_coverage"] is not None]
    assert covers
    assert found["interval_coverage"] == pytest.approx(sum(covers) / len(covers))

    models, _ = load_models(SHIPPED_DIR)
    served = [a for m in models for a in m.spec.appliances]
    place = next(n for n, a in enumerate(served) if a.name == "Fridge")
    at_ms = home["time"].cast(pyarrow.int64()).to_numpy()
    tally, true_w = Tally([served[place]]), home["fridge"].to_numpy()[:, None]
    tables = list(Disaggregator(models).score(at_ms, home["mains"].to_numpy().astype(np.float64)))
    tally.add(at_ms, np.concatenate([t.values[:, [place]] for t in tables]), true_w)
    (fridge,) = tally.scores()
    expected = {k: v if isinstance(v, str) else pytest.approx(v) for k, v in asdict(fridge).items()}
    assert {k: found["appliances"][1][k] for k in expected} == expected

    said = capsys.readouterr()
    assert "Fridge" in said.out
    assert "scripts/quantize.py" in said.out
    assert "home.parquet: 100 %" in said.err


def test_segments_and_slow_rows(tmp_path: Path) -> None:
    home = _home(6000)
    slow = {name: column.take(pyarrow.array(range(0, 6000, 6))) for name, column in home.items()}
    found = _figures(_write(tmp_path / "slow.parquet", **slow, segment=[n // 500 for n in range(1000)]), tmp_path)
    assert (found["seconds"], found["interval_s"], found["segments"]) == (6000, 6.0, 2)
    assert found["warmup_s"] == 6000


def test_missing_mains_and_labels_are_left_out(tmp_path: Path) -> None:
    home = _home(3000)
    mains_w, fridge_w = home["mains"].to_numpy().copy(), home["fridge"].to_numpy().copy()
    mains_w[1000:1100], fridge_w[2000:2500] = np.nan, np.nan
    found = _figures(_write(tmp_path / "holes.parquet", **(home | {"mains": mains_w, "fridge": fridge_w})), tmp_path)
    assert found["seconds"] == 3000 - 80
    fridge = next(a for a in found["appliances"] if a["appliance"] == "Fridge")
    assert fridge["seconds"] == 3000 - 80 - 500


def test_impossible_mains_make_no_nan(tmp_path: Path) -> None:
    home = _home(2000)
    mains_w = home["mains"].to_numpy().copy()
    mains_w[100:200], mains_w[300:400] = -9e9, 9e9
    found = _figures(_write(tmp_path / "odd.parquet", **(home | {"mains": mains_w})), tmp_path)
    assert found["violations"] == {"sum_over_mains_s": 0, "negative_s": 0}
    assert "NaN" not in json.dumps(found)


def test_a_clone_has_the_twins_of_the_shipped_models() -> None:
    models, _ = load_models(SHIPPED_DIR)
    assert [t.spec.name for t in fp32_twins(models, twins_dir(SHIPPED_DIR))] == [m.spec.name for m in models]


def test_twins_are_the_same_models_from_the_same_training(tmp_path: Path) -> None:
    models, _ = load_models(SHIPPED_DIR)
    assert [t.spec.name for t in fp32_twins(models, SHIPPED_DIR)] == [m.spec.name for m in models]
    registry = json.loads((SHIPPED_DIR / "registry.json").read_text())
    for model in registry["models"]:
        model["training"] = {"steps": -1}
        for artifact in model["artifacts"].values():
            (tmp_path / artifact["path"]).write_bytes((SHIPPED_DIR / artifact["path"]).read_bytes())
    (tmp_path / "registry.json").write_text(json.dumps(registry))
    assert fp32_twins(models, tmp_path) == fp32_twins(models, tmp_path / "none") == []


def test_figures_of_the_twins(tmp_path: Path) -> None:
    file = _write(tmp_path / "home.parquet", **_home(5000))
    found = _figures(file, tmp_path, "--fp32", str(SHIPPED_DIR))
    for appliance in found["appliances"]:
        assert appliance["fp32"]["mae_w"] == appliance["mae_w"]
    assert found["fp32_macro_f1"] == found["macro_f1"]


TIMES = [START_MS + 1000 * n for n in range(50)]
GOOD: dict[str, Any] = {"time": TIMES, "mains_w": [300.0] * 50, "Fridge_w": [90.0] * 50}


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"mains_w": [1.0], "Fridge_w": [1.0]}, "no column time"),
        ({"time": TIMES, "Fridge_w": GOOD["Fridge_w"]}, "no column mains_w or mains"),
        ({"time": TIMES, "mains_w": GOOD["mains_w"]}, "no column of an appliance that the models serve"),
        (GOOD | {"fridge": [1.0] * 50}, "Fridge_w and fridge could each be Fridge"),
        (GOOD | {"mains_w": [float("nan")] * 50}, "the column mains_w has no number in any row"),
        (GOOD | {"Fridge_w": [None] * 49 + [float("nan")]}, "the column Fridge_w has no number in any row"),
        (GOOD | {"time": TIMES[::-1]}, "not sorted: time goes backwards at row 2"),
        (GOOD | {"time": [str(t) for t in TIMES]}, "the column time is string"),
        (GOOD | {"time": [None, *TIMES[1:]]}, "the column time has 1 rows without a time"),
        (GOOD | {"mains_w": ["many"] * 50}, "the column mains_w is string, not numbers"),
        (GOOD | {"Fridge_w": [True] * 50}, "the column Fridge_w is bool, not numbers"),
        (GOOD | {"time": [t // 1000 for t in TIMES]}, "a row every 0.001 s"),
        (GOOD | {"time": [START_MS + 900_000 * n for n in range(50)]}, "a row every 900 s"),
        (GOOD | {"segment": list(range(50))}, "too short"),
        (GOOD | {"segment": [[1]] * 50}, "which tells no segments apart"),
        ({name: column[:0] for name, column in _home(1).items()}, "no number in any row"),
    ],
)
def test_a_bad_file_is_one_sentence(
    columns: dict[str, Any], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _write(tmp_path / "bad.parquet", **columns)
    assert main(["evaluate", str(file), "--models", str(SHIPPED_DIR)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert said.err.startswith("nilm-edge: bad.parquet: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("segment", [["a"] * 25 + ["b"] * 25, [1.5] * 25 + [None] * 25, [True] * 25 + [False] * 25])
def test_segments_may_be_named_by_anything(segment: list[Any], tmp_path: Path) -> None:
    assert _figures(_write(tmp_path / "home.parquet", **GOOD, segment=segment), tmp_path)["segments"] == 2


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Brussels"])
def test_times_of_any_unit(unit: str, zone: str | None, tmp_path: Path) -> None:
    times = pyarrow.array(TIMES, pyarrow.timestamp("ms")).cast(pyarrow.timestamp(unit, zone))
    assert _figures(_write(tmp_path / "home.parquet", **(GOOD | {"time": times})), tmp_path)["seconds"] == 50


def test_two_columns_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = [pyarrow.array(GOOD[name]) for name in ("time", "mains_w", "Fridge_w", "Fridge_w")]
    table = pyarrow.Table.from_arrays(columns, names=["time", "mains_w", "Fridge_w", "Fridge_w"])
    pyarrow.parquet.write_table(table, tmp_path / "bad.parquet")
    assert main(["evaluate", str(tmp_path / "bad.parquet"), "--models", str(SHIPPED_DIR)]) == 1
    assert capsys.readouterr().err == "nilm-edge: bad.parquet: there are two columns Fridge_w\n"


def test_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = _write(tmp_path / "whole.parquet", **GOOD).read_bytes()
    cut, damaged = tmp_path / "cut.parquet", tmp_path / "damaged.parquet"
    cut.write_bytes(whole[: len(whole) // 2])
    damaged.write_bytes(whole[:4] + b"\0" * 300 + whole[304:])
    for file in (cut, damaged, tmp_path / "none.parquet", tmp_path):
        assert main(["evaluate", str(file), "--models", str(SHIPPED_DIR)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("nilm-edge: ")
        assert said.count("\n") == 1


def test_without_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _write(tmp_path / "home.parquet", **GOOD)
    assert main(["evaluate", str(file), "--models", str(tmp_path)]) == 1
    assert "has no model that serves" in capsys.readouterr().err


def test_plots_need_matplotlib(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.evaluate.plots.available", lambda: False)
    _figures(_write(tmp_path / "home.parquet", **GOOD), tmp_path, "--plots", str(tmp_path / "plots"))
    assert "no plots: matplotlib is not installed (pip install 'nilm-edge[train]')\n" in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()


@pytest.mark.skipif(not available(), reason="matplotlib comes with the extra `train`")
def test_a_plot_for_each_appliance(tmp_path: Path) -> None:
    file = _write(tmp_path / "home.parquet", **_home(4000))
    _figures(file, tmp_path, "--plots", str(tmp_path / "plots"))
    plots = {file.name: file.read_bytes()[1:4] for file in (tmp_path / "plots").iterdir()}
    assert plots == {"Fridge.png": b"PNG", "WashingMachine.png": b"PNG"}
