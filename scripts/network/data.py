"""Training data: an ever-changing pool of simulated homes, and crops of them rich in appliance runs."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from simulated_home import FIRST_TRAINING_SEED, simulate

from edge.core.features import Encoder
from network.recipe import TARGETS, preprocessing

FIRST_DAY = date(2024, 1, 1)
SCALE_RANGE = (1.0, 1.6)
"""Some meters read mains (VA) that much above the circuits (W)."""


@dataclass(frozen=True)
class Recording:
    """One home: mains (t,) and appliances (t, appliance), W."""

    mains_w: NDArray[np.float32]
    appliances_w: NDArray[np.float32]


def record(seed: int, days: float, *, all_appliances: bool, vary_scale: bool) -> Recording:
    """Simulate a home on a day of the year that follows from its seed."""
    start = FIRST_DAY + timedelta(days=seed * 37 % 730)
    home = simulate(seed, days, start, all_appliances=all_appliances, vary_scale=vary_scale)
    return Recording(home.mains_w, np.stack([home.appliances[t.name] for t in TARGETS], axis=1))


class Pool:
    """The last `size` homes of an endless series of seeds."""

    def __init__(self, size: int, first_seed: int = FIRST_TRAINING_SEED) -> None:
        self._random = np.random.default_rng(first_seed)
        self._encoder = Encoder(preprocessing())
        self._thresholds_w = np.array([t.on_threshold_w for t in TARGETS], np.float32)
        self.next_seed, self._size = first_seed, size
        self._homes: list[Recording] = []
        self._runs: list[list[NDArray[np.intp]]] = []

    def refresh(self) -> None:
        """Simulate the next home; the oldest goes."""
        chosen = np.random.default_rng(self.next_seed)
        home = record(self.next_seed, 1.0, all_appliances=bool(chosen.random() < 0.4), vary_scale=True)
        on = home.appliances_w > self._thresholds_w
        starts = [np.flatnonzero(np.diff(column.astype(np.int8)) > 0) for column in on.T]
        self._homes.append(home)
        self._runs.append(starts)
        if len(self._homes) > self._size:
            self._homes.pop(0)
            self._runs.pop(0)
        self.next_seed += 1

    def on_share(self) -> NDArray[np.float64]:
        """Each appliance's share of seconds on, (appliance,)."""
        shares = np.array([(h.appliances_w > self._thresholds_w).mean(axis=0) for h in self._homes])
        mean: NDArray[np.float64] = shares.mean(axis=0)
        return mean

    def batch(self, crops: int, length_s: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Inputs (crop, feature, t) from empty history, watts (crop, appliance, t); two crops of three hold a run."""
        inputs, targets = [], []
        for n in range(crops):
            home, at = self._place(length_s, seek_run=n % 3 > 0)
            part = slice(at, at + length_s)
            inputs.append(self._encoder.encode_series(home.mains_w[part]).T)
            targets.append(home.appliances_w[part].T)
        return np.stack(inputs), np.stack(targets)

    def _place(self, length_s: int, *, seek_run: bool) -> tuple[Recording, int]:
        random = self._random
        while seek_run:
            appliance = int(random.integers(len(TARGETS)))
            having = [n for n, runs in enumerate(self._runs) if len(runs[appliance])]
            if not having:
                continue
            n = int(random.choice(having))
            run = int(random.choice(self._runs[n][appliance]))
            latest = len(self._homes[n].mains_w) - length_s
            return self._homes[n], int(np.clip(run - random.integers(length_s), 0, latest))
        home = self._homes[int(random.integers(len(self._homes)))]
        return home, int(random.integers(len(home.mains_w) - length_s + 1))
