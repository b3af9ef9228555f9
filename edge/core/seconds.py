"""Seconds: rows of a recording, one to sixty seconds apart, on the 1 s grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOLD_MS = 20_000
"""A row speaks for the seconds after it for so long, or for one interval of the recording where that is longer."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Whole seconds `at_ms`, the row that speaks for each, and where each segment begins and the last one ends."""

    at_ms: NDArray[np.int64]
    row: NDArray[np.intp]
    bounds: NDArray[np.intp]


def interval_ms(time_ms: NDArray[np.int64], segment: NDArray[np.int64]) -> float | None:
    """The median time from row to row within a segment; None where no segment has two rows."""
    steps_ms = np.diff(time_ms)[np.diff(segment) == 0]
    return float(np.median(steps_ms)) if len(steps_ms) else None


def on_grid(time_ms: NDArray[np.int64], segment: NDArray[np.int64], rows: NDArray[np.intp], every_ms: float) -> Seconds:
    """The seconds for which `rows` speak: each until the next one, at most `HOLD_MS` or `every_ms`.

    `time_ms` never goes down within a segment, which ends `every_ms` after its last row.
    """
    at_ms = time_ms[rows]
    ends = np.append(np.diff(segment[rows]) != 0, True)
    until_ms = np.append(at_ms[1:], 0)
    until_ms[ends] = at_ms[ends] + round(every_ms)
    until_ms = np.minimum(until_ms, at_ms + max(HOLD_MS, round(every_ms)) + 1)
    first_s, end_s = -(-at_ms // 1000), -(-until_ms // 1000)
    counts = np.maximum(end_s - first_s, 0)
    speaker = np.repeat(np.arange(len(rows)), counts)
    nth = np.arange(len(speaker)) - (np.cumsum(counts) - counts)[speaker]
    changes = np.flatnonzero(np.diff(segment[rows][speaker])) + 1
    bounds = np.concatenate([[0], changes, [len(speaker)]]).astype(np.intp)
    return Seconds((first_s[speaker] + nth) * 1000, rows[speaker], bounds)
