"""Redis killed, and its log torn at the end."""

import random
from pathlib import Path

import pytest

from tests.faults.chain import Chain
from tests.faults.conftest import Result

RECORD = b"*3\r\n$4\r\nXADD\r\n$16\r\nnilm:home:window\r\n$8\r\n"
"""The beginning of a record that was never finished, and so never acknowledged."""


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.faults)])
def test_a_record_that_was_never_finished(chain: Chain, result: Result, rounds: int) -> None:
    result.name = "Redis killed while it takes samples, a half-written record at the end of its log"
    chance = random.Random(result.seed)
    for _ in range(rounds):
        chain.feed(chance.uniform(0.2, 1), 80)
        log = _kill(chain)
        torn = RECORD[: chance.randrange(1, len(RECORD))]
        with log.open("ab") as end:
            end.write(torn)
        chain.feed(0.5, 80)
        result.add(chain.check(), f"{len(torn)} bytes of a record more")
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_a_log_torn_into_what_was_acknowledged(chain: Chain, result: Result) -> None:
    """As a disk leaves it that confirms what it has not written; the models go on without what the window lost."""
    result.name = "Redis killed, up to 2,000 acknowledged bytes torn off its log; InfluxDB had them"
    chain.checker.values_too = False
    chance = random.Random(result.seed)
    for _ in range(10):
        chain.feed(chance.uniform(0.2, 1), 80)
        assert chain.settle()
        log = _kill(chain)
        torn_bytes = chance.randrange(1, 2000)
        log.write_bytes(log.read_bytes()[:-torn_bytes])
        chain.feed(0.5, 80)
        result.add(chain.check(), f"{torn_bytes} bytes less")
    assert result.count.good, result.count.faults


def _kill(chain: Chain) -> Path:
    chain.supervised = False
    chain.children()["redis-server"].wait_or_kill(0)
    chain.supervised = True
    (log,) = (chain.stack.data_dir / "redis" / "appendonlydir").glob("*.incr.aof")
    return log
