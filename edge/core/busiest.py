"""The day on which each appliance ran longest, kept while a recording passes by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.prediction import PredictionTable
from edge.core.registry import Appliance

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Day:
    """One appliance on one UTC day: mains, what it drew and what was said of it, W."""

    appliance: str
    at_ms: NDArray[np.int64]
    mains_w: NDArray[np.float32]
    true_w: NDArray[np.float32]
    power_w: NDArray[np.float32]


class Busiest:
    """Takes consecutive seconds; holds two days at most of each appliance."""

    def __init__(self, appliances: Sequence[Appliance]) -> None:
        self._appliances = tuple(appliances)
        self._on_s = np.full(len(self._appliances), -1)
        self._best: list[Day | None] = [None] * len(self._appliances)
        self._today = 0
        self._parts: list[tuple[NDArray[np.generic], ...]] = []

    def add(
        self, table: PredictionTable, columns: Sequence[int], mains_w: NDArray[np.float64], true_w: NDArray[np.float32]
    ) -> None:
        """Take the seconds of `table`, whose `columns` are the appliances, and true watts (t, appliance)."""
        days = table.at_ms // _DAY_MS
        for part in np.split(np.arange(len(days)), np.flatnonzero(np.diff(days)) + 1):
            if len(part) == 0:
                continue
            if int(days[part[0]]) != self._today:
                self._close()
                self._today = int(days[part[0]])
            said_w = table.values["power_w"][part][:, columns].astype(np.float32)
            self._parts.append((table.at_ms[part], mains_w[part].astype(np.float32), true_w[part], said_w))

    def days(self) -> list[Day]:
        """Each appliance's busiest day so far."""
        self._close()
        return [day for day in self._best if day is not None]

    def _close(self) -> None:
        if not self._parts:
            return
        at_ms, mains_w, true_w, said_w = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        self._parts = []
        for n, appliance in enumerate(self._appliances):
            on_s = int((true_w[:, n] >= appliance.on_threshold_w).sum())
            if on_s > self._on_s[n]:
                self._on_s[n] = on_s
                self._best[n] = Day(appliance.name, at_ms, mains_w, true_w[:, n].copy(), said_w[:, n].copy())
