"""Quarters of an hour summed up: energy and cost by period, and by hour of the week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from edge.core.tariff import DAYS, Tariff
from edge.periods import on_the_wall

MAINS = ""
"""The name of mains among the appliances, which all have one."""
WS_PER_KWH = 3.6e6
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quarters:
    """Rows of one series in any order: `ws` is energy in W·s, `export_ws` what of it flowed out (as ≥ 0)."""

    name: str
    at_ms: NDArray[np.int64]
    ws: Floats
    export_ws: Floats
    seconds: NDArray[np.int64]
    on_s: NDArray[np.int64]


@dataclass(slots=True)
class Sums:
    """One series by period: kWh drawn and given back, their cost, and the seconds they are known of."""

    import_kwh: Floats
    export_kwh: Floats
    cost: Floats
    seconds: NDArray[np.int64]
    on_s: NDArray[np.int64]


class EnergyByPeriod:
    """Sums of the periods between `bounds_ms`."""

    def __init__(self, bounds_ms: Sequence[int], tariff: Tariff, where: tzinfo) -> None:
        self._bounds_ms = np.array(bounds_ms, np.int64)
        self._tariff, self._where = tariff, where
        self.sums: dict[str, Sums] = {}

    def add(self, found: Quarters) -> None:
        """Add quarters, all of them within the bounds."""
        number = len(self._bounds_ms) - 1
        if found.name not in self.sums:
            floats, counts = np.zeros((3, number)), np.zeros((2, number), np.int64)
            self.sums[found.name] = Sums(*floats, *counts)
        sums = self.sums[found.name]
        at = np.searchsorted(self._bounds_ms, found.at_ms, side="right") - 1
        weekday, quarter = on_the_wall(found.at_ms, self._where)
        drawn_kwh, given_kwh = (found.ws + found.export_ws) / WS_PER_KWH, found.export_ws / WS_PER_KWH
        cost = drawn_kwh * self._tariff.price[weekday, quarter] - given_kwh * self._tariff.export_price
        sums.import_kwh += np.bincount(at, drawn_kwh, number)
        sums.export_kwh += np.bincount(at, given_kwh, number)
        sums.cost += np.bincount(at, cost, number)
        np.add.at(sums.seconds, at, found.seconds)
        np.add.at(sums.on_s, at, found.on_s)


class WeekHours:
    """One series by weekday and hour, each (7, 24): W·s and seconds."""

    def __init__(self, where: tzinfo) -> None:
        self._where = where
        self.ws = np.zeros((len(DAYS), 24))
        self.seconds = np.zeros((len(DAYS), 24), np.int64)

    def add(self, found: Quarters) -> None:
        """Add quarters."""
        weekday, quarter = on_the_wall(found.at_ms, self._where)
        np.add.at(self.ws, (weekday, quarter // 4), found.ws)
        np.add.at(self.seconds, (weekday, quarter // 4), found.seconds)
