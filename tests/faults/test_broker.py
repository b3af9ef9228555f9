"""mosquitto restarted, killed, and away for an hour, with a meter that queues."""

import random
from pathlib import Path

import pytest

from tests.faults.chain import Chain, exact
from tests.faults.conftest import Result

FULL = pytest.mark.faults


@pytest.mark.parametrize("seconds", [300, pytest.param(3600, marks=FULL)])
def test_a_broker_that_is_away_while_the_meter_queues(chain: Chain, result: Result, seconds: int) -> None:
    result.name = "broker away for an hour, the meter queues"
    chain.feed(0.5, 80)
    _stop(chain)
    chain.meter.send(seconds)
    chain.run(1.0)
    assert chain.meter.unconfirmed >= seconds
    chain.supervised = True
    chain.feed(0.5, 80)
    result.add(chain.check(), f"away for {seconds} s")
    assert result.count.good, result.count.faults


@pytest.mark.parametrize("rounds", [pytest.param(10, marks=FULL)])
def test_a_broker_restarted_and_killed_again_and_again(chain: Chain, result: Result, rounds: int) -> None:
    result.name = "broker restarted and killed in turn, samples coming"
    chance = random.Random(result.seed)
    for n in range(rounds):
        chain.feed(chance.uniform(0, 1), 80)
        killed = bool(n % 2)
        if killed:
            chain.children()["mosquitto"].wait_or_kill(0)
        else:
            chain.children()["mosquitto"].terminate()
        chain.feed(chance.uniform(0.2, 2), 80)
        result.add(chain.check(), "killed" if killed else "restarted")
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_messages_for_an_absent_ingest_wait_at_the_broker(tmp_path: Path, result: Result) -> None:
    """Three hours, in which the broker is restarted, more than the window holds: backfill has the predictions."""
    with Chain(tmp_path / "chain", exact(durability="second")) as chain:
        _let_three_hours_wait(chain.start(), result)
    assert result.count.good, result.count.faults


def _let_three_hours_wait(chain: Chain, result: Result) -> None:
    result.name = "nilm-ingest away for 3 hours, the broker restarted meanwhile; backfill"
    chain.feed(0.5, 80)
    chain.settle()
    chain.supervised = False
    chain.children()["ingest"].wait_or_kill(0)
    chain.meter.send(3600)
    chain.until(lambda: not chain.meter.unconfirmed, 60, "the broker takes it")
    mosquitto = chain.children()["mosquitto"]
    mosquitto.terminate()
    mosquitto.wait_or_kill(10)
    mosquitto.start()
    chain.meter.send(7200)
    chain.until(lambda: not chain.meter.unconfirmed, 60, "the broker takes it")
    chain.supervised = True
    chain.checker.values_too = False
    chain.settle(30)
    chain.backfill()
    result.add(chain.check(), "10,800 s at once")


def _stop(chain: Chain) -> None:
    chain.supervised = False
    chain.children()["mosquitto"].terminate()
    assert chain.children()["mosquitto"].wait_or_kill(5)
