"""Scenarios and their results: `make test-faults` writes what was measured into docs/reliability.md."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.chain import Chain
from tests.faults.checker import Count
from tests.faults.report import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--report", help="Markdown file whose table of results is brought up to date")
    parser.addoption("--seed", default="", help="what the moments of kills are drawn by; printed, for doing it again")


@dataclass(slots=True)
class Result:
    """What one scenario comes to; `name` stays empty where nothing is reported."""

    seed: str
    name: str = ""
    rounds: int = 0
    count: Count = field(default_factory=Count)

    def add(self, count: Count, what: str) -> None:
        """One more round; said at once."""
        self.rounds += 1
        self.count.add(count)
        said = f"{count.stored}/{count.published} lost {count.lost} doubled {count.doubled} altered {count.altered}"
        print(f"  {self.rounds:>4}  {what:<60} {said}", flush=True)
        for fault in count.faults[:4]:
            print(f"        {fault}", flush=True)


@pytest.fixture
def result(request: pytest.FixtureRequest) -> Iterator[Result]:
    """To be filled by a scenario; where it is a full one, written to the report, also when it failed."""
    seed = request.config.getoption("--seed", "") or f"{time.time_ns() % 1_000_000}"
    found = Result(seed)
    print(f"\n{request.node.name}, seed {seed}", flush=True)
    start_s = time.monotonic()
    yield found
    report = request.config.getoption("--report", None)
    if report and found.name:
        Report(Path(report)).put(found.name, found.rounds, found.count, time.monotonic() - start_s)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """Servers, services and a meter; each acknowledged sample on disk."""
    with Chain(tmp_path / "chain") as running:
        yield running.start()
