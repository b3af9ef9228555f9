"""Which seconds a backfill writes, and which hours it predicts again."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.core.sample import Flags

HOUR_MS = 3_600_000
_HOLD_S = 10
_LONGEST_HOLD_S = 3600


def worth(flags: NDArray[np.int64]) -> NDArray[np.int64]:
    """How good samples are: 3 measured, 2 held, 1 estimated; 0 is left for none."""
    return np.where(flags & Flags.ESTIMATED, 1, np.where(flags & Flags.HELD, 2, 3))


def better(
    at_s: NDArray[np.int64], flags: NDArray[np.int64], stored_s: NDArray[np.int64], stored_flags: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of some samples are better than what is stored (seconds rising): a measured one is never replaced."""
    there = np.zeros(len(at_s), np.int64)
    if len(stored_s):
        place = np.minimum(np.searchsorted(stored_s, at_s), len(stored_s) - 1)
        there = np.where(stored_s[place] == at_s, worth(stored_flags)[place], 0)
    return np.asarray(worth(flags) > there)


def on_seconds(
    time_ms: NDArray[np.int64], power_w: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """A meter's log on the 1 s grid: seconds, W, flags. Times must not go down.

    Rows within a second count as their mean. A row holds until the next one where that is at most 10 s or one and a
    half usual steps away, and for one usual step where it is not; the seconds after a row's own are HELD.
    """
    if not len(time_ms):
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64)
    row_s = np.floor_divide(time_ms, 1000)
    first = np.flatnonzero(np.append(True, np.diff(row_s) > 0))
    mean_w = np.add.reduceat(power_w, first) / np.diff(np.append(first, len(row_s)))
    row_s = row_s[first]
    steps_s = np.diff(row_s)
    usual_s = min(max(1, round(float(np.median(steps_s)))), _LONGEST_HOLD_S) if len(steps_s) else 1
    hold_s = max(_HOLD_S, usual_s * 3 // 2)
    lasts_s = np.append(np.where(steps_s <= hold_s, steps_s, usual_s), usual_s)
    nth = np.arange(int(lasts_s.sum())) - np.repeat(np.cumsum(lasts_s) - lasts_s, lasts_s)
    flags = np.where(nth > 0, int(Flags.LATE | Flags.HELD), int(Flags.LATE))
    return np.repeat(row_s, lasts_s) + nth, np.repeat(mean_w, lasts_s), flags


def runs(hours_ms: Iterable[int], longest_h: int) -> list[tuple[int, int]]:
    """Hours as stretches without a hole, from a first ms until before another, each at most `longest_h` hours."""
    found: list[tuple[int, int]] = []
    for hour_ms in sorted(set(hours_ms)):
        if found and found[-1][1] == hour_ms and hour_ms - found[-1][0] < longest_h * HOUR_MS:
            found[-1] = (found[-1][0], hour_ms + HOUR_MS)
        else:
            found.append((hour_ms, hour_ms + HOUR_MS))
    return found


def hours_between(start_ms: int, end_ms: int) -> range:
    """The first ms of the hours that hold a moment from `start_ms` until before `end_ms`."""
    return range(start_ms // HOUR_MS * HOUR_MS, end_ms, HOUR_MS)


def parts(at_s: Sequence[int] | NDArray[np.int64], longest_s: int) -> list[tuple[int, int]]:
    """Rising times in slices (first, last), each sharing its last with the next one's first: `longest_s`, or a step."""
    found, first = [], 0
    while first < len(at_s) - 1:
        last = max(first + 1, int(np.searchsorted(at_s, at_s[first] + longest_s, side="right")) - 1)
        found.append((first, last))
        first = last
    return found
