"""`nilm-edge models list` and `models verify`."""

import json
import shutil
from pathlib import Path

import pytest

from edge.adapters.onnx_model import OnnxModel
from edge.cli import main
from edge.models import SHIPPED_DIR


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_DIR, tmp_path / "models"))


def _said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = main(["models", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_the_shipped_models_are_listed_and_good(capsys: pytest.CaptureFixture[str]) -> None:
    registry = json.loads((SHIPPED_DIR / "registry.json").read_text())
    for command in ("list", "verify"):
        code, out = _said(capsys, command, "--models", SHIPPED_DIR, "--json")
        assert code == 0
        found = json.loads(out)
        assert [(m["id"], m["state"]) for m in found] == [(m["id"], "ok") for m in registry["models"]]
        code, out = _said(capsys, command, "--models", SHIPPED_DIR)
        assert code == 0
        assert len(out.splitlines()) == len(registry["models"])


def test_a_changed_file_is_off_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = next(folder.glob("*step.onnx"))
    step.write_bytes(step.read_bytes() + b"\0")
    code, out = _said(capsys, "verify", "--models", folder)
    assert code == 1
    assert "off: " in out
    assert "does not have the sha256 of the registry" in out
    assert out.count("\n") == len(json.loads((folder / "registry.json").read_text())["models"])
    assert _said(capsys, "list", "--models", folder)[0] == 0


def test_graphs_that_disagree_are_found(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = OnnxModel.window
    monkeypatch.setattr(OnnxModel, "window", lambda self, x: window(self, x) * 1.01)
    code, out = _said(capsys, "verify", "--models", folder)
    assert code == 1
    assert "its step and window graphs disagree at second" in out


def test_no_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = _said(capsys, "verify", "--models", tmp_path)
    assert code == 1
    assert "registry.json cannot be used" in out
    assert out.count("\n") == 1
