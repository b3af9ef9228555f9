"""Cycles: when an appliance ran, from whether it was on and what it drew."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Cycle:
    """From the first to the last step that it was on, pauses included: `ws` in W·s over the `known_s` of it."""

    start_ms: int
    end_ms: int
    on_s: int
    known_s: int
    ws: float
    max_w: float

    @property
    def mean_w(self) -> float:
        """Over what is known of it."""
        return self.ws / self.known_s


@dataclass(slots=True)
class _Since:
    """What is known since the last step on: it belongs to the cycle should that go on."""

    known_s: int = 0
    ws: float = 0.0
    max_w: float = float("-inf")


class CycleFinder:
    """Told of steps in order, piece by piece. While it is off, or nothing is known, for `pause_s` or less, it runs."""

    def __init__(self, pause_s: int) -> None:
        self._pause_ms = pause_s * 1000
        self._since = _Since()
        self.cycles: list[Cycle] = []
        self.newest_ms: int | None = None
        """The end of the newest step."""

    def add(
        self, at_ms: NDArray[np.int64], on: NDArray[np.bool_], power_w: NDArray[np.float64], step_s: int = 1
    ) -> None:
        """Steps of `step_s` each (t,), their times rising, all later than those before."""
        if not len(at_ms):
            return
        step_ms = step_s * 1000
        self.newest_ms = int(at_ms[-1]) + step_ms
        ws = np.concatenate(([0.0], np.cumsum(power_w) * step_s))
        steps = np.flatnonzero(on)
        cuts = np.flatnonzero(np.diff(at_ms[steps]) - step_ms > self._pause_ms) + 1
        after = 0
        for run in np.split(steps, cuts) if len(steps) else []:
            first, end = int(run[0]), int(run[-1]) + 1
            found = Cycle(
                int(at_ms[first]),
                int(at_ms[end - 1]) + step_ms,
                len(run) * step_s,
                (end - first) * step_s,
                float(ws[end] - ws[first]),
                float(power_w[first:end].max()),
            )
            self._pass(ws, power_w, after, first, step_s)
            self._append(found)
            after = end
        self._pass(ws, power_w, after, len(at_ms), step_s)

    def _pass(self, ws: NDArray[np.float64], power_w: NDArray[np.float64], first: int, end: int, step_s: int) -> None:
        """Steps that it was off."""
        if first < end:
            self._since.known_s += (end - first) * step_s
            self._since.ws += float(ws[end] - ws[first])
            self._since.max_w = max(self._since.max_w, float(power_w[first:end].max()))

    def _append(self, found: Cycle) -> None:
        since, self._since = self._since, _Since()
        if self.cycles and found.start_ms - self.cycles[-1].end_ms <= self._pause_ms:
            before = self.cycles[-1]
            self.cycles[-1] = replace(
                before,
                end_ms=found.end_ms,
                on_s=before.on_s + found.on_s,
                known_s=before.known_s + since.known_s + found.known_s,
                ws=before.ws + since.ws + found.ws,
                max_w=max(before.max_w, since.max_w, found.max_w),
            )
        else:
            self.cycles.append(found)
