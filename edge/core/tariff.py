"""What a kilowatt-hour costs at which hour of the week, read from the configuration."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUARTERS = 96
"""Quarters of an hour in a day: prices change at these, and so do the offsets of all time zones in use."""

_ENTRY = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? +(\d\d):(\d\d)-(\d\d):(\d\d) += +([0-9.]+)")
_MOST = 1000.0
_SHAPE = "write mon-fri 07:00-22:00 = 0.32, times in whole quarters of an hour"


@dataclass(frozen=True, slots=True)
class Tariff:
    """`price` (weekday, quarter of the day) per kWh that is drawn, `export_price` per kWh that is given back."""

    currency: str
    price: NDArray[np.float64]
    export_price: float

    @property
    def is_set(self) -> bool:
        """Whether anything has a price at all."""
        return bool(self.price.any() or self.export_price)


def parse_tariff(currency: str, price_kwh: float, times: str, export_price_kwh: float) -> Tariff:
    """The tariff of these settings; of `times` the first entry that fits counts. ConfigError says what is wrong."""
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ConfigError(f"tariff.currency: {currency!r} is not three capital letters such as EUR")
    price = np.full((len(DAYS), QUARTERS), price_kwh)
    for days, quarters, one in reversed(list(_entries(times))):
        price[np.ix_(days, quarters)] = one
    price.setflags(write=False)
    return Tariff(currency, price, export_price_kwh)


def _entries(times: str) -> Iterator[tuple[list[int], list[int], float]]:
    for text in filter(None, (part.strip() for part in times.split(","))):
        found = _ENTRY.fullmatch(text.lower())
        if not found:
            raise ConfigError(f"tariff.times: {text!r} cannot be read; {_SHAPE}")
        first, last = found[1], found[2] or found[1]
        if first not in DAYS or last not in DAYS:
            raise ConfigError(f"tariff.times: {text!r}: days are {', '.join(DAYS)}")
        start, end = (_quarter(text, int(found[n]), int(found[n + 1])) for n in (3, 5))
        if start >= end:
            raise ConfigError(f"tariff.times: {text!r} ends before it begins; a night is two entries, up to 24:00 each")
        begin, count = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % len(DAYS) + 1
        yield [(begin + n) % len(DAYS) for n in range(count)], list(range(start, end)), _price(text, found[7])


def _quarter(text: str, hour: int, minute: int) -> int:
    if hour * 60 + minute > 24 * 60 or minute >= 60 or minute % 15:
        raise ConfigError(f"tariff.times: {text!r}: there is no such time; {_SHAPE}")
    return hour * 4 + minute // 15


def _price(text: str, number: str) -> float:
    try:
        price = float(number)
    except ValueError:
        price = math.nan
    if not 0 <= price <= _MOST:
        raise ConfigError(f"tariff.times: {text!r}: a price is a number from 0 to {_MOST:g}")
    return price
