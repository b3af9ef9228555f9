import json
from pathlib import Path

import pytest

from edge.cli import main


def test_inference_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.bench.inference.output_of", lambda _command, _timeout_s: '{"tick_ms": 1000.0}')
    out = tmp_path / "figures.json"
    assert main(["bench", "inference", "--seconds", "300", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert found["building_ticks_per_s"].keys() == {"1", "16", "256", "1024"}
    assert all(rate > 0 for rate in found["building_ticks_per_s"].values())
    assert found["ratio_window"] == pytest.approx(found["window_ms"] / found["p50_ms"], abs=0.1, rel=0.01)
    assert found["ratio_predecessor"] == pytest.approx(1000 / found["p50_ms"], abs=1, rel=0.01)
    assert found["warm_start_ms"] > 0
    assert found["rss_mib"] > 0
    assert "building-ticks/s" in capsys.readouterr().out


def test_without_torch_there_is_no_predecessor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.bench.inference._PREDECESSOR", tmp_path / "none.py")
    out = tmp_path / "figures.json"
    assert main(["bench", "inference", "--seconds", "200", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["predecessor_ms"] is found["ratio_predecessor"] is None
