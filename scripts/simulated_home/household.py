"""Who lives there and when: climate, days of waking, leaving, eating and sleeping that every appliance follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from .dice import Dice, Floats, wave

DAY_S = 86_400
HOUR_S = 3_600


@dataclass(frozen=True)
class Meal:
    """A meal at home: when cooking begins, how much of it there is (0 cold to 1 elaborate)."""

    name: str
    start_s: float
    effort: float


@dataclass(frozen=True)
class Day:
    """One day in seconds since the simulation's first midnight; `spans` are the times awake at home."""

    number: int
    weekend: bool
    wake_s: float
    sleep_s: float
    spans: tuple[tuple[float, float], ...]
    meals: tuple[Meal, ...]
    sunrise_s: float
    sunset_s: float
    outdoor_c: float

    @property
    def start_s(self) -> float:
        """Midnight."""
        return float(self.number * DAY_S)

    @property
    def lived(self) -> bool:
        """Somebody is there at some time."""
        return bool(self.spans)

    def moment_s(self, dice: Dice) -> float:
        """A time awake at home, all alike. The day must be `lived`."""
        at_s = dice.uniform() * sum(end - start for start, end in self.spans)
        for start_s, end_s in self.spans:
            if at_s < end_s - start_s:
                return start_s + at_s
            at_s -= end_s - start_s
        return self.spans[-1][1]

    def home_at(self, at_s: float) -> bool:
        """Somebody is awake at home."""
        return any(start <= at_s < end for start, end in self.spans)


@dataclass
class Household:
    """A family, its house's climate and its days; everything follows from the seed."""

    seed: int
    first: date
    day_count: int
    nominal_v: float = 230.0
    members: int = 2
    bustle: float = 1.0
    days: list[Day] = field(default_factory=list)
    outdoor_c: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        dice = Dice(self.seed, "household")
        self.members = dice.pick((1, 2, 2, 3, 4, 4, 5))
        self.nominal_v = dice.pick((230.0, 230.0, 120.0))
        self._out_share = dice.pick((0.9, 0.9, 0.6, 0.4, 0.1))
        self._wake_h = dice.near(6.6, 0.10)
        self._awake_h = dice.near(16.2, 0.04)
        self._lie_in_h = dice.between(0.3, 2.2)
        self._dinner_h = dice.near(18.4, 0.05)
        self.bustle = dice.between(0.15, 1.1)
        self._cooks = dice.between(0.5, 1.0)
        self._mean_c, self._season_c = dice.near(10.0, 0.2), dice.near(9.0, 0.12)
        away_days, anomaly_c = 0, 3.0 * dice.bell()
        knots_c = [anomaly_c]
        for number in range(self.day_count):
            anomaly_c = 0.7 * anomaly_c + 2.6 * dice.bell()
            knots_c.append(anomaly_c)
            if away_days == 0 and dice.chance(0.012):
                away_days = dice.whole(2, 8)
            self.days.append(self._day(number, 0.5 * (knots_c[-2] + anomaly_c), away_days > 0, dice))
            away_days = max(0, away_days - 1)
        self.outdoor_c = self._outdoor_c(np.array(knots_c))

    @property
    def seconds(self) -> int:
        """Length of the simulation."""
        return self.day_count * DAY_S

    @property
    def small_supply(self) -> bool:
        """A 120 V home, where a socket gives 1.8 kW at most."""
        return self.nominal_v < 200.0

    def _seasonal_c(self, on: date) -> float:
        return self._mean_c + self._season_c * wave((on.timetuple().tm_yday - 111) / 365.0)

    def _outdoor_c(self, knots_c: Floats) -> Floats:
        """Outdoor temperature each minute: season, weather and the hour (coldest near 5, warmest near 15)."""
        minute = np.arange(self.day_count * 1440)
        daily = np.array([2.8 * wave((m / 1440.0) - 0.42) for m in range(1440)])
        seasonal = np.repeat([self._seasonal_c(self.first + timedelta(n)) for n in range(self.day_count)], 1440)
        weather = np.interp(minute / 1440.0, np.arange(len(knots_c)), knots_c)
        return np.asarray(seasonal + weather + np.tile(daily, self.day_count))

    def _day(self, number: int, anomaly_c: float, away: bool, dice: Dice) -> Day:
        on = self.first + timedelta(number)
        weekend = on.weekday() >= 5
        midnight_s = float(number * DAY_S)
        wake_h = self._wake_h + 0.25 * dice.bell() + (self._lie_in_h if weekend else 0.0)
        sleep_h = min(wake_h + self._awake_h + 0.5 * dice.bell() - (self._lie_in_h if weekend else 0.0), 24.5)
        spans_h = _spans_h(wake_h, sleep_h, weekend, self._out_share, dice)
        spans = tuple((midnight_s + HOUR_S * a, midnight_s + HOUR_S * b) for a, b in spans_h)
        wishes_h = (
            ("breakfast", wake_h + dice.between(0.15, 0.8), 0.25 * dice.uniform(), 0.85),
            ("lunch", dice.near(12.4, 0.04), dice.between(0.1, 0.7), 0.75),
            ("dinner", self._dinner_h + 0.5 * dice.bell(), dice.between(0.25, 1.0), 0.55 + 0.4 * self._cooks),
        )
        meals = []
        for name, at_h, effort, likely in wishes_h:
            eaten = dice.chance(likely)
            if eaten and any(a <= at_h <= b for a, b in spans_h):
                meals.append(Meal(name, midnight_s + HOUR_S * at_h, effort * (1.2 if weekend else 1.0)))
        daylight_h = 12.0 + 4.2 * wave((on.timetuple().tm_yday - 80) / 365.0)
        return Day(
            number,
            weekend,
            midnight_s + HOUR_S * wake_h,
            midnight_s + HOUR_S * sleep_h,
            () if away else spans,
            () if away else tuple(meals),
            midnight_s + HOUR_S * (12.2 - daylight_h / 2),
            midnight_s + HOUR_S * (12.2 + daylight_h / 2),
            self._seasonal_c(on) + anomaly_c,
        )


def _spans_h(wake_h: float, sleep_h: float, weekend: bool, out_share: float, dice: Dice) -> list[tuple[float, float]]:
    """Hours awake at home: a working day outside, an errand, or all day."""
    if not weekend and dice.chance(out_share):
        leave_h = wake_h + dice.between(0.8, 1.8)
        back_h = leave_h + dice.pick((dice.between(7.5, 10.5), dice.between(7.5, 10.5), dice.between(4.5, 6.5)))
    elif dice.chance(0.6):
        leave_h = dice.between(wake_h + 1.5, 16.5)
        back_h = leave_h + dice.skewed(0.7, 6.0)
    else:
        return [(wake_h, sleep_h)]
    back_h = min(back_h, sleep_h - 0.5)
    return [(wake_h, leave_h), (back_h, sleep_h)] if leave_h < back_h else [(wake_h, sleep_h)]
