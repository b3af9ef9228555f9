"""What meters should not send, between what they should: all of the one is stored, nothing of the other."""

import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.line_protocol import point_of, sample_line
from edge.meters import FAMILIES
from edge.meters.reading import SANE_MS
from edge.settings import Meter as MeterSettings
from tests.faults.chain import TOPIC, Chain
from tests.faults.conftest import Result
from tests.faults.junk import Reader, payloads
from tests.faults.meter import Meter, drawn_w, smappee

FULL = pytest.mark.faults
KINDS = (
    MeterSettings(),
    MeterSettings(family="generic", power="power_w", time="at", unit="kW"),
    MeterSettings(family="generic", power="voltages.0.voltage", time="utcTimeStamp"),
    *(MeterSettings(family=name) for name in FAMILIES if name != "smappee"),
)


@pytest.mark.parametrize("number", [20_000, pytest.param(1_000_000, marks=FULL)])
def test_random_payloads_are_samples_or_refused(result: Result, number: int) -> None:
    result.name = "random payloads, read by each meter family in turn, in one process; a real one in ten"
    chance = random.Random(result.seed)
    readers = [Reader(kind) for kind in KINDS]
    start_s = int(time.time()) - number
    junk = payloads(chance, start_s * 1000)
    for n in range(number):
        if n % 10 == 0:
            at_s = start_s + n // 10
            power_w = drawn_w(at_s)
            result.count.published += 1
            sample = readers[0].read(smappee(at_s, power_w))
            result.count.stored += sample is not None and (sample.at_ms, sample.power_w) == (at_s * 1000, power_w)
            continue
        payload = next(junk)
        try:
            sample = readers[n % len(readers)].read(payload)
        except Exception as error:
            raise AssertionError(f"{payload[:500]!r} is neither a sample nor refused") from error
        if sample is not None:
            point = point_of(sample_line(sample))
            assert point, payload
            assert math.isfinite(point.power_w), payload
            assert point.at_ms in SANE_MS, payload
    result.rounds = number
    assert result.count.good


@pytest.mark.parametrize("number", [300, pytest.param(5000, marks=FULL)])
def test_junk_between_samples_on_a_real_broker(tmp_path: Path, result: Result, number: int) -> None:
    result.name = (
        "junk between samples: retained stale message at connect, duplicates, far future, NaN, int after float, "
        "0 B to 10 MB, random"
    )
    with Chain(tmp_path / "chain") as chain:
        chain.start(before_services=lambda: _retain(chain, smappee(chain.meter.next_s - 50, 9999.0)))
        chain.meter.message = _int_now_and_then
        chance = random.Random(result.seed)
        junk = _refused(chance, chain.meter.next_s)
        for n in range(number):
            chain.meter.send_raw(next(junk))
            if n % 3 == 0:
                chain.meter.send(1)
            if n % 50 == 0:
                again_s = chance.choice([*chain.meter.sent])
                chain.meter.send_raw(smappee(again_s, chain.meter.sent[again_s] + 1))  # the first one stands
            if n % 100 == 99:
                chain.meter.send_raw(chance.randbytes(10_000_000 if n % 1000 == 199 else 10_000))
                chain.until(lambda: not chain.meter.unconfirmed, what="the broker takes it")
        chain.meter.send(20)
        result.add(chain.check(), f"{number} pieces of junk")
        found = chain.influx.query("nilm", "SELECT count(power_w) FROM mains", {})
        assert found[0].values[0][1] == len(chain.meter.sent), "something is stored that is no sample"
        assert not chain.streams.counters("home").get("retained")
        assert all(child.starts == 1 for child in chain.children().values())
    assert result.count.good, result.count.faults


@pytest.mark.parametrize("rounds", [pytest.param(3, marks=FULL)])
def test_samples_in_any_order(chain: Chain, result: Result, rounds: int) -> None:
    """Late ones go to InfluxDB; backfill, which a timer runs every two hours, has their predictions."""
    result.name = "1,200 samples in any order, each twice; backfill"
    chance = random.Random(result.seed)
    chain.checker.values_too = False
    for _ in range(rounds):
        seconds = [*range(chain.meter.next_s, chain.meter.next_s + 1200)]
        chain.meter.send_these(chance.sample(seconds, len(seconds)))
        chain.meter.send_these(chance.sample(seconds, len(seconds)))
        chain.settle(15)
        chain.backfill()
        result.add(chain.check(), "shuffled")
    assert result.count.good, result.count.faults


@pytest.mark.parametrize("seconds", [200, pytest.param(3600, marks=FULL)])
def test_two_meters_on_one_topic_filter(chain: Chain, result: Result, seconds: int) -> None:
    """One building cannot have two mains: of each second the first one counts, and the second is a duplicate."""
    result.name = "two meters on one topic filter: each second once, of one of them"
    topic = TOPIC.replace("tested", "another")
    other = Meter(chain.config.mqtt, topic, chain.meter.next_s, name="other", power_w=lambda at_s: drawn_w(at_s) + 0.5)
    chain.others.append(other)
    chain.checker.values_too = False
    for _ in range(seconds // 100):
        other.send(100)
        chain.meter.send(100)
        chain.run(0.2)
    chain.settle()
    sent = {at_s: (power_w, other.sent[at_s]) for at_s, power_w in chain.meter.sent.items()}
    result.rounds = 1
    result.count = chain.checker.count(sent)
    counters = chain.streams.counters("home")
    assert counters["accepted"] + counters.get("late", 0) == seconds == counters["duplicate"], counters
    assert result.count.good, result.count.faults


def _retain(chain: Chain, payload: bytes) -> None:
    chain.until(lambda: chain.meter.connected, what="the meter connects")
    chain.meter.retain(payload)
    chain.until(lambda: not chain.meter.unconfirmed, what="the broker keeps it")


def _int_now_and_then(at_s: int, power_w: float) -> bytes:
    """Whole numbers without a point, which InfluxDB would refuse beside the others as they are."""
    if power_w == int(power_w):
        return json.dumps({"totalPower": int(power_w), "utcTimeStamp": at_s * 1000}).encode()
    return smappee(at_s, power_w)


def _refused(chance: random.Random, at_s: int) -> Iterator[bytes]:
    """Junk that is no sample, and samples of times to come."""
    reader = Reader(MeterSettings())
    yield b'{"totalPower": NaN, "utcTimeStamp": %d}' % (at_s * 1000)
    for ahead_s in (3600, 86_400 * 365):
        yield smappee(int(time.time()) + ahead_s, 5.0)
    for payload in payloads(chance, at_s * 1000):
        if not reader.read(payload):
            yield payload
