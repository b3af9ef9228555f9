"""Energy counters: what a building drew between two readings, spread over the seconds that nobody measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.sample import POWER_LIMIT_W

_PER_WH = 36_000
"""Powers are whole tenths of a watt, which line protocol keeps exactly: this many of them for a second are 1 Wh."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """From `at_s[i]` until before `at_s[i + 1]` the building drew `energy_wh[i]`; the counter counts in `step_wh`."""

    at_s: NDArray[np.int64]
    energy_wh: NDArray[np.float64]
    step_wh: float
    resets: int
    """Readings below the one before, or impossibly far above: what was drawn there is taken from its neighbours."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What the seconds of some intervals get: `at_s` rising, `power_w` in tenths of a watt."""

    at_s: NDArray[np.int64]
    power_w: NDArray[np.float64]
    unplaced_wh: float
    """The most by which an interval's seconds and its counter differ: the samples there say more than the counter."""


def intervals(time_ms: NDArray[np.int64], counter_wh: NDArray[np.float64]) -> Intervals:
    """Intervals between readings, whose times must not go down; several in one second count as the last of them."""
    at_s = np.floor_divide(time_ms, 1000)
    last = np.append(np.diff(at_s) > 0, True) if len(at_s) else np.zeros(0, bool)
    at_s, counter_wh = _without_slips(at_s[last], counter_wh[last])
    rises_wh = np.diff(counter_wh)
    step_wh = float(rises_wh[rises_wh > 0].min(initial=np.inf))
    if not np.isfinite(step_wh):
        step_wh = 0.0
    kept = _ticks(rises_wh, step_wh)
    at_s, counter_wh = at_s[kept], counter_wh[kept]
    lasted_s, energy_wh = np.diff(at_s), np.diff(counter_wh)
    broken = (energy_wh < 0) | (energy_wh * 3600 > lasted_s * POWER_LIMIT_W)
    return Intervals(at_s, _mended(lasted_s, energy_wh, broken), step_wh, int(broken.sum()))


def fill(found: Intervals, first: int, end: int, known_s: NDArray[np.int64], known_w: NDArray[np.float64]) -> Filled:
    """What the seconds of the intervals `first` until before `end` get that are not `known`, seconds rising.

    With what is known each interval's energy is its counter's, to the larger of 1 Wh and its step; never below zero.
    """
    seconds, powers, unplaced_wh = [], [], 0.0
    for i in range(first, end):
        start_s, until_s = int(found.at_s[i]), int(found.at_s[i + 1])
        low, high = np.searchsorted(known_s, [start_s, until_s])
        missing = np.ones(until_s - start_s, bool)
        missing[known_s[low:high] - start_s] = False
        count = int(missing.sum())
        if not count:
            continue
        left = round((float(found.energy_wh[i]) - float(known_w[low:high].sum()) / 3600) * _PER_WH)
        unplaced_wh = max(unplaced_wh, -left / _PER_WH)
        left = _without_spike(max(left, 0), count, known_w[low:high], found.step_wh)
        each, rest = divmod(left, count)
        n = np.arange(count + 1, dtype=np.int64)
        seconds.append(start_s + np.flatnonzero(missing))
        powers.append((each + np.diff(rest * n // count)) / 10)
    if not seconds:
        return Filled(np.zeros(0, np.int64), np.zeros(0), unplaced_wh)
    return Filled(np.concatenate(seconds), np.concatenate(powers), unplaced_wh)


def _without_slips(
    at_s: NDArray[np.int64], counter_wh: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Less the single readings that fit neither neighbour, where those two fit each other."""
    if len(at_s) < 3:
        return at_s, counter_wh
    before, here, after = counter_wh[:-2], counter_wh[1:-1], counter_wh[2:]
    slip = (after >= before) & ((here < before) | (here > after))
    kept = np.concatenate([[True], ~slip, [True]])
    return at_s[kept], counter_wh[kept]


def _ticks(rises_wh: NDArray[np.float64], step_wh: float) -> NDArray[np.bool_]:
    """The readings that tell something: not those at which a coarse counter stood still before its next step."""
    kept = np.ones(len(rises_wh) + 1, bool)
    still = np.isclose(rises_wh, 0, atol=step_wh / 1000)
    one_step = np.isclose(rises_wh, step_wh, rtol=1e-3, atol=1e-9) & (rises_wh > 0)
    merged = False
    for i in range(len(rises_wh) - 1, -1, -1):  # from a single step back over the readings without any
        merged = one_step[i] or (merged and bool(still[i]))
        if merged and i and still[i - 1]:
            kept[i] = False
    return kept


def _mended(
    lasted_s: NDArray[np.int64], energy_wh: NDArray[np.float64], broken: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The mean power of the nearest good intervals for each broken one; nothing where none is good."""
    good = np.flatnonzero(~broken)
    mended = np.where(broken, 0.0, energy_wh)
    if not len(good):
        return mended
    mean_w = energy_wh[good] / lasted_s[good]
    for i in np.flatnonzero(broken):
        after = int(np.searchsorted(good, i))
        mended[i] = float(mean_w[max(after - 1, 0) : after + 1].mean()) * float(lasted_s[i])
    return mended


def _without_spike(left: int, count: int, known_w: NDArray[np.float64], step_wh: float) -> int:
    """A few seconds among many known ones must not carry the counter's own inexactness as a spike."""
    highest = round(float(known_w.max(initial=0.0)) * 10) * count
    excess = left - highest
    if len(known_w) > count and 0 < excess <= max(1.0, step_wh) * _PER_WH:
        return max(highest, 0)
    return left
