"""What one appliance draws: a heating part that follows the voltage, a driven part that does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dice import Dice, Floats

Run = tuple[float, float]
SHORTEST = 0.15
"""A stroke or a pause is at least such a part of its usual length."""


class Load:
    """Power at nominal voltage on a 1 s grid, and the runs (start_s, end_s) that other appliances follow."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.heat_w: NDArray[np.float32] = np.zeros(seconds, np.float32)
        self.drive_w: NDArray[np.float32] = np.zeros(seconds, np.float32)
        self.runs: list[Run] = []

    def heat(self, start_s: float, power_w: Floats) -> None:
        """Add a resistive course, P ~ V²."""
        _add(self.heat_w, start_s, power_w)

    def drive(self, start_s: float, power_w: Floats) -> None:
        """Add a motor's or electronics' course, P constant over V."""
        _add(self.drive_w, start_s, power_w)

    def current(self, start_s: float, power_w: Floats) -> None:
        """Add a course of set current, P ~ V: half of each other kind is the same to first order."""
        self.heat(start_s, 0.5 * power_w)
        self.drive(start_s, 0.5 * power_w)

    def free_s(self, at_s: float) -> float:
        """The time itself, or soon after the last run where it still goes on."""
        return max(at_s, self.runs[-1][1] + 15.0) if self.runs else at_s

    def standby(self, power_w: float) -> None:
        """Add what it draws all day."""
        self.drive_w += np.float32(power_w)


def _add(total_w: NDArray[np.float32], start_s: float, power_w: Floats) -> None:
    """Add a course that starts between two seconds: each second holds its mean, so edges are shared by two."""
    first = int(start_s // 1)
    late = start_s - first
    begin, end = max(first, 0), min(first + len(power_w) + 1, len(total_w))
    if begin >= end:
        return
    shifted = np.empty(len(power_w) + 1)
    shifted[:-1] = power_w * (1.0 - late)
    shifted[-1] = 0.0
    shifted[1:] += power_w * late
    total_w[begin:end] += shifted[begin - first : end - first].astype(np.float32)


def flat(duration_s: float, power_w: float) -> Floats:
    """Constant power; the last second holds what is left of it."""
    whole = int(duration_s)
    course = np.full(whole + 1, power_w)
    course[-1] = power_w * (duration_s - whole)
    return course


def settling(duration_s: float, power_w: float, excess: float, settle_s: float) -> Floats:
    """Power that starts `1 + excess` times as high and settles like 1 / (1 + t / settle_s)²: inrush, warm-up."""
    return flat(duration_s, power_w) * _high_at_first(int(duration_s) + 1, excess, settle_s)


def started(course: Floats, rise_s: float, excess: float, settle_s: float) -> Floats:
    """The course from half its power up in `rise_s`, and `1 + excess` times as high at first: ceramics, compressors."""
    rising = np.minimum(0.5 + 0.5 * (np.arange(len(course)) + 1.0) / (rise_s + 1.0), 1.0)
    begun: Floats = course * rising * _high_at_first(len(course), excess, settle_s)
    return begun


def _high_at_first(size: int, excess: float, settle_s: float) -> Floats:
    falling: Floats = 1.0 + np.arange(size) / settle_s
    return 1.0 + excess / (falling * falling)


def pulses(
    dice: Dice, duration_s: float, on_s: float, off_s: float, spread: float = 0.12, *, first: float = 1.0
) -> Floats:
    """On-share of each second of a switched course, on first, and `first` times as long as later; edges fall between
    seconds and jitter by `spread`."""
    size = int(duration_s) + 1
    cycles = int(1.6 * size / (on_s + off_s)) + 2
    lengths = np.empty(2 * cycles)
    lengths[0::2], lengths[1::2] = on_s, off_s
    lengths *= np.maximum(1.0 + spread * np.clip(dice.noise(2 * cycles), -2.4, 2.4), SHORTEST)
    lengths[0] *= first
    edges_s = np.concatenate(([0.0], np.cumsum(lengths)))
    lengths[1::2] = 0.0
    on_time_s = np.concatenate(([0.0], np.cumsum(lengths)))
    seconds = np.minimum(np.arange(size + 1), duration_s)
    return np.diff(np.interp(seconds, edges_s, on_time_s))


def join(*courses: Floats) -> Floats:
    """One course after the other."""
    return np.concatenate(courses)
