"""Training data from metered homes: crops of them, changed a little each time, among simulated ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.recording import Recording as File
from network.data import HomePool, Recording
from network.recipe import Target

GAIN = (0.85, 1.25)
"""Mains meters differ that much in what they make of a circuit's watts."""
OWN_GAIN = (0.75, 1.3)
"""Other homes' appliances of a kind draw that much less or more."""
MOVED_SHARE = 0.5
"""Share of crops that get another home's run of an appliance put in."""
SEEK_SHARE = 0.67
"""Share of crops that hold a run."""
QUIET_W = 5.0
SLOW_METERS, PASSED_OVER = 0.8, 1.0
"""Share of the simulated homes that are metered as seldom as the real ones, and of those of 230 V left out."""


def read(path: Path, targets: Sequence[Target]) -> list[Recording]:
    """The segments of a file on the 1 s grid; NaN where an appliance is not metered. NilmError where it is unusable."""
    file = File(path, [t.name for t in targets])
    labels, found = file.labels(), []
    for part in file.segments():
        watts = np.full((part.stop - part.start, len(targets)), np.nan, np.float32)
        metered = [n for n, t in enumerate(targets) if t.name in file.columns]
        order = list(file.columns)
        watts[:, metered] = labels.watts(part)[:, [order.index(targets[n].name) for n in metered]]
        found.append(Recording(file.mains_w[part].astype(np.float32), watts))
    return found


class RealPool:
    """Crops from metered homes, one to two from simulated ones, whose meters report as seldom.

    More of the few metered homes and the network knows their machines by heart, and no other's.
    """

    def __init__(self, homes: Sequence[Recording], simulated: HomePool, seed: int) -> None:
        self._simulated, self._targets = simulated, simulated.targets
        self._random = np.random.default_rng(seed)
        self._homes = list(homes)
        self._runs = [[self._starts(home, n) for home in homes] for n in range(len(self._targets))]

    @property
    def next_seed(self) -> int:
        """Of the simulated homes."""
        return self._simulated.next_seed

    def refresh(self) -> None:
        """Simulate the next home; the metered ones stay."""
        self._simulated.refresh()

    def on_share(self) -> NDArray[np.float64]:
        """Each appliance's share of seconds on in simulated homes, (appliance,)."""
        return self._simulated.on_share()

    def batch(self, crops: int, length_s: int, every_s: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """As `HomePool.batch`; NaN where an appliance was not metered."""
        metered = max(1, crops // 3)
        inputs, targets = (list(part) for part in self._simulated.batch(crops - metered, length_s, every_s))
        for _ in range(metered):
            mains_w, watts = self._crop(length_s, seek_run=bool(self._random.random() < SEEK_SHARE))
            inputs.append(self._simulated.encoder.encode_series(mains_w).T)
            targets.append(watts[every_s - 1 :: every_s].T)
        return np.stack(inputs), np.stack(targets)

    def _crop(self, length_s: int, *, seek_run: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mains (t,) and watts (t, appliance) of a piece of a home; a short segment begins with its first value."""
        random = self._random
        home = self._homes[self._longer()]
        at = int(random.integers(max(len(home.mains_w) - length_s, 0) + 1))
        if seek_run:
            appliance = int(random.integers(len(self._targets)))
            home, run = self._run(appliance)
            at = int(np.clip(run - random.integers(length_s), 0, max(len(home.mains_w) - length_s, 0)))
        mains_w, watts = _piece(home, at, length_s)
        for n in range(watts.shape[1]):
            if np.isfinite(watts[:, n]).all():
                more_w = (random.uniform(*OWN_GAIN) - 1) * watts[:, n]
                mains_w += more_w
                watts[:, n] += more_w
        if random.random() < MOVED_SHARE:
            self._move_in(mains_w, watts, length_s)
        mains_w *= random.uniform(*GAIN)
        return mains_w, watts

    def _move_in(self, mains_w: NDArray[np.float32], watts: NDArray[np.float32], length_s: int) -> None:
        appliance = int(self._random.integers(len(self._targets)))
        home, run = self._run(appliance)
        at = int(np.clip(run - self._random.integers(length_s), 0, max(len(home.mains_w) - length_s, 0)))
        other_w = np.nan_to_num(self._random.uniform(*OWN_GAIN) * _piece(home, at, length_s)[1][:, appliance])
        other_w[other_w < QUIET_W] = 0
        mine_w = watts[:, appliance]
        if np.isfinite(mine_w).all() and not ((mine_w > QUIET_W) & (other_w > 0)).any():
            mains_w += other_w
            watts[:, appliance] += other_w

    def _run(self, appliance: int) -> tuple[Recording, int]:
        having = [n for n, starts in enumerate(self._runs[appliance]) if len(starts)]
        chosen = having[int(self._random.integers(len(having)))]
        return self._homes[chosen], int(self._random.choice(self._runs[appliance][chosen]))

    def _longer(self) -> int:
        lengths = np.array([len(home.mains_w) for home in self._homes], np.float64)
        return int(self._random.choice(len(lengths), p=lengths / lengths.sum()))

    def _starts(self, home: Recording, appliance: int) -> NDArray[np.intp]:
        on = home.appliances_w[:, appliance] >= self._targets[appliance].on_threshold_w
        return np.flatnonzero(np.diff(on.astype(np.int8)) > 0)


def _piece(home: Recording, at: int, length_s: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    missing = max(0, length_s - len(home.mains_w))
    part = slice(at, at + length_s - missing)
    pad = np.pad(home.mains_w[part], (missing, 0), "edge")
    watts = np.pad(home.appliances_w[part], ((missing, 0), (0, 0)), constant_values=np.nan)
    if missing:  # what came before is not known; the network is not asked about it
        watts[:missing] = np.nan
    return pad, watts
