"""A made-up house, for tests and screenshots: appliances that switch, and a thread that plays them each second."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from edge.adapters.streams import Streams
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.sample import NO_FLAGS, Flags, Sample
from edge.errors import Unavailable

CYCLES = {
    "HeatPump": (1450, 1900, 0.55, 90),
    "Dishwasher": (1950, 2700, 0.35, 40),
    "WashingMachine": (420, 600, 0.6, 130),
    "Dryer": (2300, 3600, 0.3, 30),
    "Oven": (2150, 400, 0.4, 20),
    "Stove": (1250, 900, 0.3, 15),
    "RangeHood": (145, 3000, 0.5, 5),
    "EVCharger": (3680, 3600, 0.33, 60),
    "EVSocket": (1900, 3600, 0.2, 10),
    "RainwaterPump": (780, 700, 0.12, 25),
}
"""Appliance: power when on, its period in s, the part of it that it is on, ripple in W."""

COLUMNS = tuple(Column(name, "test-1") for name in CYCLES)


def now_s() -> int:
    return int(time.time())


def second(building: str, at_s: int, *, flags: Flags = NO_FLAGS, warmup: bool = False) -> tuple[Sample, Tick]:
    """The house at a second: always the same for the same second."""
    values: Any = np.zeros(len(CYCLES), COLUMN)
    for i, (power_w, period_s, part, ripple_w) in enumerate(CYCLES.values()):
        phase = ((at_s + 977 * i) % period_s) / period_s
        on = phase < part
        watts = (power_w + ripple_w * math.sin(at_s / (5 + i))) * min(1.0, 40 * phase + 0.3) if on else 0.0
        values[i] = (watts, 0.97 if on else 0.02, 0.93 * watts, 1.07 * watts, on, warmup)
    other_w = 210.25 + 30 * math.sin(at_s / 300) + (at_s * 7919 % 11)
    mains_w = round(float(values["power_w"].sum()) + other_w, 2)
    at_ms = at_s * 1000
    return Sample(building, at_ms, mains_w, 230.0, None, flags), Tick(building, at_ms, COLUMNS, values, other_w)


def beat(streams: Streams, **more: Any) -> None:
    """What the services say of themselves while all is well."""
    at = {"beat_ms": round(time.time() * 1000), "started_ms": 1_795_000_000_000, "version": "0.1.0"}
    model = {"id": "test", "version": "1", "state": "ok", "appliances": list(CYCLES), "sha256": "x", "metrics": {}}
    said: dict[str, Any] = {
        "ingest": {"lag_ms": 20, "connected": True, "meters": [], "status": "listening to home/realtime"},
        "infer": {"lag_ms": 35, "models": [model], "status": "10 appliances for home, lag 35 ms"},
        "persist": {"lag_ms": 400, "spool_segments": 0, "spool_bytes": 0, "status": "stored up to 0.4 s ago"},
    }
    for name, state in {**said, **more}.items():
        streams.beat(name, {**at, **state})


def fill(streams: Streams, building: str, seconds: int, until_s: int | None = None) -> int:
    """Store the `seconds` up to now; returns the newest second."""
    newest_s = until_s or now_s()
    both = [second(building, at_s) for at_s in range(newest_s - seconds + 1, newest_s + 1)]
    streams.add_samples([sample for sample, _ in both])
    streams.add_ticks([tick for _, tick in both])
    return newest_s


@contextmanager
def playing(streams: Streams, building: str, **said: Any) -> Iterator[None]:
    """Store each second as it comes; seconds while Redis is away are lost. `said`: by services, beside what they do."""
    stop = threading.Event()

    def play() -> None:
        played_s = round(time.time()) - 1
        while not stop.wait(1 - time.time() % 1):
            due = [second(building, at_s) for at_s in range(played_s + 1, round(time.time()) + 1)]  # all, if late
            played_s += len(due)
            with suppress(Unavailable):
                streams.add_samples([sample for sample, _ in due])
                streams.add_ticks([tick for _, tick in due])
                beat(streams, **said)

    beat(streams, **said)
    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
