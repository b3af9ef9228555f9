"""Processes that stand still, two that die together, and deaths while a backlog is stored."""

import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.chain import SERVERS, SERVICES, Chain, Kill, exact, moments
from tests.faults.conftest import Result

EACH = (*SERVICES, *SERVERS)


@pytest.mark.faults
def test_each_process_stands_still_for_half_a_minute(chain: Chain, result: Result) -> None:
    result.name = "SIGSTOP of each process for 30 s"
    for name in EACH:
        child = chain.children()[name]
        assert child.pid
        chain.feed(0.5, 80)
        os.kill(child.pid, signal.SIGSTOP)
        chain.feed(30, 10)
        os.kill(child.pid, signal.SIGCONT)
        result.add(chain.check(), f"{name} stood still")
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_two_processes_killed_together(chain: Chain, result: Result) -> None:
    result.name = "two processes killed within a fifth of a second"
    chance = random.Random(result.seed)
    for _ in range(20):
        first, second = chance.sample(EACH, 2)
        after_s = chance.uniform(0, 1)
        chain.feed_through([Kill(first, after_s), Kill(second, after_s + chance.uniform(0, 0.2))])
        result.add(chain.check(), f"{first} and {second} killed after {after_s:.4f} s")
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_killed_while_the_spool_is_drained(tmp_path: Path, result: Result) -> None:
    result.name = "InfluxDB back after two hours; persist, InfluxDB, Redis killed while the spool is drained"
    config = exact(durability="second")
    config = replace(config, redis=replace(config.redis, spool_after_s=0))
    with Chain(tmp_path / "chain", config) as chain:
        chain.start()
        for kill in moments(result.seed, ("persist", "influxd", "redis-server"), 5, within_s=3.0):
            chain.supervised = False
            influxd = chain.children()["influxd"]
            influxd.terminate()
            influxd.wait_or_kill(10)
            chain.feed_all(7200)
            chain.until(lambda: len(chain.spool_files()) >= 2, 60, "the spool is used")
            waited = len(chain.spool_files())
            chain.supervised = True
            chain.feed_through([kill], per_s=20)
            chain.settle(120)
            result.add(chain.check(), f"{waited} files, {kill.victim} killed after {kill.after_s:.4f} s")
    assert result.count.good, result.count.faults
