"""Payloads that no meter should send: random bytes, random JSON, and good messages gone wrong in one place."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from edge.adapters.mqtt import Message
from edge.core.sample import Sample
from edge.errors import BadReading
from edge.meters import family_of
from edge.meters.reading import Reading
from edge.settings import Meter
from edge.sources import Source
from edge.unit import now_ms

SPOILT: tuple[Any, ...] = (
    None, True, "", "x", "NaN", "Infinity", "1e999", float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 10**400,
    -(10**400), 2**63, 1e-320, -0.0, [], {}, [[]], "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-11-21T10:00:00", "2026-02-30T00:00:00Z", "\x00", "\ud800", "1_0", "٣",
)  # fmt: skip
MARKS = b'{}[]",:\\\x00\xff\xc3 0-eE.+nNtf'


def good(at_ms: int) -> dict[str, Any]:
    """A message with all that is read from it."""
    return {
        "totalPower": 1234.5,
        "utcTimeStamp": at_ms,
        "voltages": [{"voltage": 231, "phaseId": 0}],
        "power_w": 7.5,
        "at": at_ms // 1000,
    }


def payloads(chance: random.Random, at_ms: int) -> Iterator[bytes]:
    """Without end; a few of them happen to be readings."""
    whole = json.dumps(good(at_ms)).encode()
    while True:
        kind = chance.random()
        if kind < 0.1:
            yield chance.randbytes(chance.randrange(64))
        elif kind < 0.2:
            yield json.dumps(_anything(chance, 4)).encode()
        elif kind < 0.55:
            message = good(at_ms)
            message[chance.choice([*message])] = _anything(chance, 2)
            if chance.random() < 0.1:
                message.pop(chance.choice([*message]))
            yield json.dumps(message).encode()
        elif kind < 0.9:
            yield _mutated(chance, whole)
        elif kind < 0.999:
            yield whole[: chance.randrange(len(whole))]
        else:
            yield chance.choice([b"[" * 30_000, b'{"totalPower":' * 9000, b"1" * 10_000, whole + b" " * 70_000])


def _mutated(chance: random.Random, whole: bytes) -> bytes:
    spoilt = bytearray(whole)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(spoilt))
        do = chance.random()
        if do < 0.5:
            spoilt[at] = chance.choice(MARKS)
        elif do < 0.75:
            del spoilt[at : at + chance.randrange(1, 9)]
        else:
            spoilt[at:at] = bytes(chance.choice(MARKS) for _ in range(chance.randrange(1, 5)))
        if not spoilt:
            return b""
    return bytes(spoilt)


def _anything(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if depth == 0 or kind < 0.5:
        return chance.choice(SPOILT)
    if kind < 0.6:
        return chance.uniform(-1, 1) * 10 ** chance.randrange(-5, 40)
    if kind < 0.8:
        return [_anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = ("totalPower", "utcTimeStamp", "voltages", "voltage", "a", "")
    return {chance.choice(names): _anything(chance, depth - 1) for _ in range(chance.randrange(4))}


class Reader:
    """Payloads read as nilm-ingest reads those of one meter, without broker and Redis."""

    def __init__(self, meter: Meter) -> None:
        family = family_of(meter.family)
        self._topic = family.example
        self._source = Source(replace(meter, topic=family.topic))

    def read(self, payload: bytes) -> Sample | None:
        """What comes of it; None where it is refused, or no sample yet."""
        try:
            found = self._source.read(Message(self._topic, payload, False, 0, 0), 0)
            return self._source.sample(found, now_ms()) if isinstance(found, Reading) else None
        except BadReading:
            return None
