"""A fresh machine for a test, and a place for what it measured."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.appliance.machine import REPOSITORY, Machine, base_tree, checked

RESULTS = REPOSITORY / "build" / "bench"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--measure-s", type=float, default=60.0, help="how long to measure what the appliance costs")


@pytest.fixture
def measure_s(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--measure-s"))


@pytest.fixture(params=["bookworm", "trixie"])
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(suite: str) -> Iterator[Machine]:
    assert os.geteuid() == 0, "these tests make machines of their own, which takes root: sudo make test-appliance"
    tree = REPOSITORY / "build" / "appliance" / f"{suite}-{os.getpid()}"
    tree.parent.mkdir(parents=True, exist_ok=True)
    checked("cp", "--archive", "--reflink=auto", str(base_tree(suite)), str(tree))
    try:
        with Machine(tree) as machine:
            yield machine
    finally:
        shutil.rmtree(tree)


@pytest.fixture
def record(suite: str) -> Callable[[str, float], None]:
    """Keeps a figure of this suite in build/bench/ and shows it."""
    file = RESULTS / f"fresh-machine-{suite}.json"

    def keep(name: str, figure: float) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(known | {name: round(figure, 1)}, indent=2) + "\n")
        print(f"{suite}: {name} {figure:.1f}", flush=True)

    return keep


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed state of this checkout, as a file to clone from."""
    file = tmp_path_factory.mktemp("bundle") / "nilm-edge.bundle"
    checked("git", "-C", str(REPOSITORY), "bundle", "create", "--quiet", str(file), "HEAD")
    return file
