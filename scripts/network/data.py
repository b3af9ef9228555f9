"""Training data: an ever-changing pool of simulated homes, and crops of them rich in appliance runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from simulated_home import FIRST_TRAINING_SEED, SHIPPED_DAYS, later_days, simulate
from simulated_home.household import Household

from edge.core.features import Encoder
from network.recipe import TARGETS, Target, preprocessing

FIRST_DAY = date(2024, 1, 1)
DAY_S = 86_400
OWN_DAYS = 3 * 365 - SHIPPED_DAYS - 30
"""Days of the shipped home, after those of its file, that are in the pool: same machines and people, other days. Of one
year alone the network learns the days by heart."""
CALIBRATION_DAYS = 91
"""Days after these to fit constants on: the file's season, three years on and a month more on either side, as how often
an appliance is on is in its probability."""
ALL_APPLIANCES = 0.15
"""Share of training homes that have every appliance."""
SLOW_METERS, SLOWEST_S = 0.4, 10.0
"""Share of training homes whose meter reports seldom: each value is repeated until the next."""
OWN_SHARE = 0.5
"""Share of the crops that are of the shipped home."""
PASSED_OVER = 0.5
"""Share of 230 V homes that are passed over, so that as many are of 120 V, whose appliances are harder to tell."""


@dataclass(frozen=True)
class Recording:
    """One home: mains (t,) and appliances (t, appliance), W."""

    mains_w: NDArray[np.float32]
    appliances_w: NDArray[np.float32]


def record(
    seed: int, days: float, targets: Sequence[Target] = TARGETS, *, all_appliances: bool, vary_scale: bool
) -> Recording:
    """Simulate a home on a day of the year that follows from its seed."""
    start = FIRST_DAY + timedelta(days=seed * 37 % 730)
    home = simulate(seed, days, start, all_appliances=all_appliances, vary_scale=vary_scale)
    return Recording(home.mains_w, np.stack([home.appliances[t.name] for t in targets], axis=1))


def own(first: int, days: int) -> Recording:
    """Days of the shipped home, from the `first` after those of its file on."""
    home = later_days(first, days)
    return Recording(home.mains_w, np.stack([home.appliances[t.name] for t in TARGETS], axis=1))


def own_days(first: int, days: int) -> list[Recording]:
    """`own`, a recording a day."""
    home = own(first, days)
    at = range(0, len(home.mains_w), DAY_S)
    return [Recording(home.mains_w[a : a + DAY_S], home.appliances_w[a : a + DAY_S]) for a in at]


def winters(count: int) -> list[Recording]:
    """The shipped home's CALIBRATION_DAYS after OWN_DAYS, and those of the years after. Three want 19 GB of memory."""
    home = own(OWN_DAYS, (count - 1) * 365 + CALIBRATION_DAYS)
    of_year = [slice(n * 365 * DAY_S, (n * 365 + CALIBRATION_DAYS) * DAY_S) for n in range(count)]
    return [Recording(home.mains_w[days].copy(), home.appliances_w[days].copy()) for days in of_year]


def slowed(mains_w: NDArray[np.float32], interval_s: float, *, averaged: bool = False) -> NDArray[np.float32]:
    """Mains as a meter says them that reports every `interval_s`: the present second, or the mean since the last."""
    told = np.ceil(np.floor(np.arange(len(mains_w)) / interval_s) * interval_s).astype(np.intp)
    if averaged:
        last = np.maximum(told - max(round(interval_s), 1), -1)
        summed = np.concatenate([[0.0], np.cumsum(mains_w, dtype=np.float64)])
        mean_w: NDArray[np.float32] = ((summed[told + 1] - summed[last + 1]) / (told - last)).astype(np.float32)
        return mean_w
    return mains_w[told]


class HomePool:
    """The last `size` homes of an endless series of seeds, and the shipped home on other days than its file's."""

    def __init__(
        self,
        size: int,
        targets: Sequence[Target],
        *,
        first_seed: int = FIRST_TRAINING_SEED,
        slow_meters: float = SLOW_METERS,
        passed_over: float = PASSED_OVER,
        own: Sequence[Recording] = (),
    ) -> None:
        self.targets, self.next_seed, self.encoder = tuple(targets), first_seed, Encoder(preprocessing())
        self._size, self._slow_meters, self._passed_over = size, slow_meters, passed_over
        self._random = np.random.default_rng(first_seed)
        self._thresholds_w = np.array([t.on_threshold_w for t in targets], np.float32)
        self._homes: list[_Inputs] = []
        self._own = [self._prepared(day) for day in own]

    def refresh(self, homes: int = 1) -> None:
        """Simulate the next homes; the oldest go."""
        for _ in range(homes):
            self._homes.append(self._next())
        self._homes = self._homes[-self._size :]

    def _next(self) -> "_Inputs":
        chosen = np.random.default_rng(self.next_seed)
        while chosen.random() < self._passed_over and not Household(self.next_seed, FIRST_DAY, 1).small_supply:
            self.next_seed += 1
            chosen = np.random.default_rng(self.next_seed)
        everything = bool(chosen.random() < ALL_APPLIANCES)
        home = record(self.next_seed, 1.0, self.targets, all_appliances=everything, vary_scale=True)
        if chosen.random() < self._slow_meters:
            interval_s, averaged = chosen.uniform(1.5, SLOWEST_S), bool(chosen.random() < 0.5)
            home = Recording(slowed(home.mains_w, interval_s, averaged=averaged), home.appliances_w)
        self.next_seed += 1
        return self._prepared(home)

    def _prepared(self, home: Recording) -> "_Inputs":
        on = home.appliances_w >= self._thresholds_w
        starts = [np.flatnonzero(np.diff(column.astype(np.int8)) > 0) for column in on.T]
        return _Inputs(self.encoder.encode_series(home.mains_w).T, home.appliances_w.astype(np.float16), starts)

    def on_share(self) -> NDArray[np.float64]:
        """Each appliance's share of seconds on, (appliance,)."""
        shares = np.array([(h.watts >= self._thresholds_w).mean(axis=0) for h in self._homes])
        mean: NDArray[np.float64] = shares.mean(axis=0)
        return mean

    def batch(self, crops: int, length_s: int, every_s: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Inputs (crop, feature, t), watts (crop, appliance, t // every_s) of each block's last second.

        Two crops of three hold a run; the last OWN_SHARE of them are of the shipped home, where the pool has it.
        """
        inputs, targets = [], []
        for n in range(crops):
            homes = self._own if self._own and n >= round((1 - OWN_SHARE) * crops) else self._homes
            chosen, at = self._place(homes, length_s, seek_run=n % 3 > 0)
            inputs.append(chosen.x[:, at : at + length_s])
            targets.append(chosen.watts[at + every_s - 1 : at + length_s : every_s].T)
        return np.stack(inputs), np.stack(targets).astype(np.float32)

    def _place(self, homes: Sequence["_Inputs"], length_s: int, *, seek_run: bool) -> tuple["_Inputs", int]:
        random = self._random
        chosen = homes[int(random.integers(len(homes)))]
        latest = len(chosen.watts) - length_s
        having: list[_Inputs] = []
        while seek_run and not having:
            appliance = int(random.integers(len(self.targets)))
            having = [h for h in homes if len(h.starts[appliance])]
        if having:
            chosen = having[int(random.integers(len(having)))]
            run = int(random.choice(chosen.starts[appliance]))
            return chosen, int(np.clip(run - random.integers(length_s), 0, latest))
        return chosen, int(random.integers(latest + 1))


@dataclass(frozen=True)
class _Inputs:
    """A home's inputs (feature, t), its appliances (t, appliance) in W to 0.05 %, and where each of them starts."""

    x: NDArray[np.uint8]
    watts: NDArray[np.float16]
    starts: list[NDArray[np.intp]]
