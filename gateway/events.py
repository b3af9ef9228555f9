"""Server-sent events: seconds and status, as the bytes that go out."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from edge.core.prediction import PredictionTable
from edge.core.sample import Flags, Sample
from gateway.predictions import Measured, prediction_points

RETRY_MS = 2000
MEASURED_MS = 15_000
"""What was measured longer ago says nothing of a second."""
OPENING = b"retry: %d\n\n" % RETRY_MS
HEARTBEAT = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class Event:
    """`at_ms` is the second it tells of; None for a status."""

    at_ms: int | None
    data: bytes


def seconds(
    samples: Sequence[Sample], tables: Sequence[PredictionTable], measured: Measured | None = None
) -> Iterator[Event]:
    """One event for each predicted second whose sample is there, oldest first."""
    mains = {sample.at_ms: sample for sample in samples}
    known = {name: sorted(said.items()) for name, said in (measured or {}).items()}
    for table in tables:
        for at_ms, point in zip(table.at_ms.tolist(), prediction_points([table]), strict=True):
            if at_ms in mains:
                yield Event(at_ms, _encoded(mains[at_ms], point, _newest(known, at_ms)))


def _newest(known: Mapping[str, list[tuple[int, float]]], at_ms: int) -> dict[str, dict[str, Any]]:
    """What appliances' own meters said last by `at_ms`: they may be slower than the prediction."""
    found = {}
    for name, said in known.items():
        place = bisect_right(said, at_ms, key=lambda one: one[0]) - 1
        if place >= 0 and at_ms - said[place][0] <= MEASURED_MS:
            found[name] = {"at_ms": said[place][0], "measured_w": round(said[place][1], 2)}
    return found


def _encoded(sample: Sample, point: dict[str, Any], measured: dict[str, dict[str, Any]]) -> bytes:
    body = {
        "time": point["time"],
        "at_ms": sample.at_ms,
        "power_w": sample.power_w,
        "flags": int(sample.flags),
        "held": bool(sample.flags & Flags.HELD),
        "appliances": point["appliances"],
        "other_w": point["other_w"],
        "warmup": point["warmup"],
    }
    if measured:
        body["measured"] = measured
    return b"id: %d\ndata: %s\n\n" % (sample.at_ms, orjson.dumps(body))


def status(now_ms: int, *, redis_up: bool, newest: Sample | None = None) -> Event:
    """How things stand while no second comes; `newest` is the newest mains sample."""
    body: dict[str, Any] = {"redis": "up" if redis_up else "down", "now_ms": now_ms}
    if newest is not None:
        body |= {"newest_ms": newest.at_ms, "power_w": newest.power_w}
    return Event(None, b"event: status\ndata: %s\n\n" % orjson.dumps(body))
