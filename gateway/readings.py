"""Mains readings as the dicts that leave as JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.core.sample import Flags
from gateway.times import iso_times

Reading = tuple[int, float, int]
"""at_ms, power_w, flags."""


def reading_points(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """One point a second; the flags are spelt out where there are any."""
    times = iso_times([reading[0] for reading in readings])
    return [
        {"time": time, "power_w": power_w, "flags": flags, "held": bool(flags & Flags.HELD)}
        if flags
        else {"time": time, "power_w": power_w}
        for time, (_, power_w, flags) in zip(times, readings, strict=True)
    ]


def reading_columns(readings: Sequence[Reading]) -> dict[str, Any]:
    """The same for charts: a third of the size, and quick to read."""
    at_ms, power_w, flags = zip(*readings, strict=True) if readings else ((), (), ())
    return {"at_ms": at_ms, "power_w": np.round(np.array(power_w, np.float64), 1).tolist(), "flags": flags}
