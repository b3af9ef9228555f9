"""Random draws that give the same bits on every machine: PCG64's uniform numbers and plain arithmetic, no libm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
T = TypeVar("T")

PIECE = 1 << 20
"""Numbers made at a time, so that years need little memory beside themselves."""


class Dice:
    """One stream of random numbers, independent for each (seed, name): a new appliance shifts no other one."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed, self._name = seed, name
        self._sequence = np.random.SeedSequence(seed, spawn_key=(crc32(name.encode()),))
        self._generator = np.random.Generator(np.random.PCG64(self._sequence))
        self._pool: list[float] = []

    def beside(self, name: str) -> Dice:
        """Another stream for a second course of events of the same thing."""
        return Dice(self._seed, f"{self._name}/{name}")

    def uniform(self) -> float:
        """A number in [0, 1); drawn in blocks because one call a number costs ten times as much."""
        if not self._pool:
            self._pool = self._generator.random(256).tolist()
        return self._pool.pop()

    def between(self, low: float, high: float) -> float:
        """A number in [low, high), all alike."""
        return low + (high - low) * self.uniform()

    def skewed(self, low: float, high: float) -> float:
        """A number in [low, high), small ones more often: the square of a uniform."""
        return low + (high - low) * self.uniform() ** 2

    def bell(self) -> float:
        """About normal, mean 0 and deviation 1, within ±3: three uniforms added."""
        return 2.0 * (self.uniform() + self.uniform() + self.uniform()) - 3.0

    def near(self, centre: float, spread: float) -> float:
        """A bell around `centre` whose deviation is `spread` of it; `spread` at most 0.3 keeps the sign."""
        return centre * (1.0 + spread * self.bell())

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform() < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def count(self, mean: float) -> int:
        """How often something happens when it does `mean` times on average: spread from 0 to twice the mean."""
        return int(2.0 * mean * self.uniform() + self.uniform())

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all alike; repeat one to weigh it."""
        return options[self.whole(0, len(options) - 1)]

    def noise(self, size: int) -> Floats:
        """`size` numbers, mean 0, deviation 1 (triangular), from a stream of their own: a longer one starts alike."""
        generator = np.random.Generator(np.random.PCG64(self._sequence.spawn(1)[0]))
        numbers = np.empty(size)
        for at in range(0, size, PIECE):
            pairs = generator.random(2 * min(PIECE, size - at))
            numbers[at : at + PIECE] = (pairs[0::2] + pairs[1::2] - 1.0) * 2.449489742783178
        return numbers

    def wander(self, size: int, step_s: int) -> Floats:
        """A line through a random knot each `step_s` seconds, mean 0, deviation about 0.8."""
        knots, line = self.noise(size // step_s + 2), np.empty(size)
        for first in range(0, size, PIECE):
            at = np.arange(first, min(first + PIECE, size))
            left = at // step_s
            share = (at - left * step_s) / step_s
            line[first : first + PIECE] = knots[left] * (1.0 - share) + knots[left + 1] * share
        return line


def wave(turns: float) -> float:
    """A sine of full turns by parabolas, within 6 %: same bits everywhere, which a libm sine is not."""
    x = 2.0 * (turns % 1.0) - 1.0
    return -4.0 * x * (1.0 - abs(x))
