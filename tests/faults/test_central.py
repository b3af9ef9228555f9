"""From the meter to the central server: away for hours, flapping, cutting off, lying; the writer killed."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.influx import Influx
from edge.adapters.processes import Child, free_port
from edge.settings import Config
from tests.faults.chain import BUILDING, Chain, exact
from tests.faults.checker import Checker, Count
from tests.faults.conftest import Result
from tests.faulty import Faulty
from tests.servers import central_influxd, wait_for_answer

LIES: dict[str, Callable[[Faulty], None]] = {
    "cuts off in mid-body": lambda faulty: faulty.cut_body(only="/write"),
    "stores, cuts off the answer": lambda faulty: faulty.cut_answer(only="/write"),
    "500": lambda faulty: faulty.answer(500),
    "429": lambda faulty: faulty.answer(429),
    "204 but nothing stored": lambda faulty: faulty.swallow(),
    "hangs": lambda faulty: faulty.hang(),
}


class Forwarded:
    """A chain with a central influxd behind a proxy; what is counted is what arrived there."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.server: Child = central_influxd(folder / "central", port)
        self.server.start()
        self.influx = Influx.connect(replace(Config().influx, url=f"http://127.0.0.1:{port}"))
        wait_for_answer(self.influx.ping)
        self.faulty = Faulty(f"http://127.0.0.1:{port}")
        central = replace(Config().central, url=self.faulty.url, timeout_s=2.0, live_every_s=0.5)
        self.chain = Chain(folder / "chain", exact(durability="second", central=central))
        self.chain.checker = Checker(self.influx, self.chain.config, BUILDING)

    def check(self) -> Count:
        """Count there what the meter sent since the last check, once sync says that all is there."""
        assert self.chain.settle()
        self.chain.run(6.0)  # sync looks every five seconds what is closed
        self.chain.until(self._is_done, 120, "sync catches up")
        return self.chain.check()

    def _is_done(self) -> bool:
        said = self.chain.streams.services().get("sync", {})
        return not said.get("backlog_s", 1) and "away" not in said["status"] and "LOSS" not in said["status"]


@pytest.fixture
def forwarded(tmp_path: Path) -> Iterator[Forwarded]:
    made = Forwarded(tmp_path)
    with made.chain:
        yield made
    made.server.terminate()
    made.server.wait_or_kill(5)


@pytest.mark.faults
def test_a_central_server_that_is_away_flaps_and_lies(forwarded: Forwarded, result: Result) -> None:
    result.name = (
        "central server away for 12 hours, flapping each 5 s, cutting off, 500, 429, 204 without storing, hangs"
    )
    chain = forwarded.chain
    chain.start()
    chain.supervised = False  # threads of the proxy are about to run, and nothing is to be started beside them
    chain.stack.start_service("sync")
    with forwarded.faulty as faulty:
        faulty.cut_body()
        for _ in range(12):
            chain.feed_all(3600)
        faulty.behave()
        result.add(forwarded.check(), "away for 12 hours")
        for n in range(8):
            faulty.behave() if n % 2 else faulty.cut_body()
            chain.feed_all(900)
            chain.run(5.0)
        faulty.behave()
        result.add(forwarded.check(), "flapping each 5 s")
        for name, lie in LIES.items():
            lie(faulty)
            chain.feed_all(3600)
            chain.run(5.0)
            faulty.behave()
            result.add(forwarded.check(), name)
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_sync_killed_at_random(forwarded: Forwarded, result: Result) -> None:
    result.name = "nilm-sync killed at random moments while it sends hours; counted on the central server"
    dice = random.Random(result.seed)
    chain = forwarded.chain
    chain.start()
    chain.supervised = False
    with forwarded.faulty as faulty:
        faulty.slow(0.05)
        for _ in range(10):
            chain.feed_all(3600)
            chain.settle()
            chain.stack.start_service("sync")
            sync = chain.stack.services.pop()
            for _ in range(2):
                seen = len(faulty.seen)
                chain.until(lambda before=seen: len(faulty.seen) > before + 5, what="sync sends")  # type: ignore[misc]
                chain.run(dice.uniform(0.0, 1.5))
                assert sync.pid
                if sync.running():
                    os.kill(sync.pid, signal.SIGKILL)
                sync.wait_or_kill(5)
                sync.start()
            chain.stack.services.append(sync)
            result.add(forwarded.check(), "killed twice")
            chain.stack.services.remove(sync)
            sync.terminate()
            sync.wait_or_kill(5)
    assert result.count.good, result.count.faults
