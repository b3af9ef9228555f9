"""The shape of the project: small files, one `run` a service, settings documented, two commands on the first screen."""

import ast
import re
from pathlib import Path

import pytest

from edge.config_text import to_toml
from edge.settings import Config

ROOT = Path(__file__).parent.parent.parent
SERVICES = ["ingest", "infer", "persist", "simulate", "snapshot", "backfill", "sync", "announce"]
LIMIT_BYTES = 16_000


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_one_run_that_fits_on_a_screen(name: str) -> None:
    tree = ast.parse((ROOT / "edge" / f"{name}.py").read_text())
    (run,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run"]
    assert run.end_lineno
    assert run.end_lineno - run.lineno < 50


def test_files_are_small() -> None:
    files = [
        *ROOT.glob("edge/**/*.py"),
        *ROOT.glob("gateway/**/*.py"),
        *ROOT.glob("scripts/**/*.py"),
        *ROOT.glob("tests/**/*.py"),
    ]
    large = {
        file.relative_to(ROOT).as_posix(): file.stat().st_size for file in files if file.stat().st_size > LIMIT_BYTES
    }
    assert not large


def test_the_documented_configuration_is_the_one_in_the_code() -> None:
    documented = (ROOT / "docs" / "config.toml").read_text()
    assert documented == to_toml(Config(), comments=True), (
        "write it with: nilm-edge config --defaults > docs/config.toml"
    )


def test_numbers_carry_their_unit() -> None:
    """A setting or field that is a duration, power or size says in which unit."""
    bare = re.compile(
        r"\b(timeout|interval|duration|delay|power|energy|voltage|current|size|age|lag)\s*:\s*(int|float)\b"
    )
    for file in [*ROOT.glob("edge/**/*.py"), *ROOT.glob("gateway/**/*.py")]:
        assert not bare.search(file.read_text()), file


def test_the_first_screen_has_the_two_commands() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])
    assert "make run" in first_screen
    assert "make test" in first_screen


def test_ci_runs_the_tests_a_person_runs() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_errors_are_one_class_per_reaction() -> None:
    defined = {
        node.name
        for file in ROOT.glob("edge/**/*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id in {"Exception", "BaseException"} for b in node.bases)
    }
    assert defined == {"NilmError"}
