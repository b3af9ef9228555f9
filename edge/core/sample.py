"""The sample: one second of a building's mains, or of one appliance that has a meter of its own."""

import math
import re
from dataclasses import dataclass
from enum import IntFlag

from edge.errors import BadReading

WINDOW_S = 3600
"""The window's length in samples: the contract with every reader, not a setting."""

POWER_LIMIT_W = 1_000_000.0
"""No metered building draws or exports more; a larger number is a broken reading."""

_RUN_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_BUILDING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Flags(IntFlag):
    """What a reader must know about a sample; stored as an integer."""

    HELD = 1
    """No message came for this second: the last value is held."""
    ARRIVAL_TIME = 2
    """Stamped by arrival, since the meter sent no time that could be trusted."""
    LATE = 4
    """Arrived after a newer second: in the database, not in the window."""
    ESTIMATED = 8
    """Worked out from an energy counter: the energy is right, its course within the gap is not known."""


NO_FLAGS = Flags(0)


def check_building(name: str) -> str:
    """Return `name`; BadReading unless it is 1-64 of A-Z a-z 0-9 _ . - and starts with a letter or digit."""
    if not is_building(name):
        raise BadReading(f"building name {name[:80]!r} is not 1-64 of A-Z a-z 0-9 _ . -")
    return name


def is_building(name: str) -> bool:
    """Whether `name` can be a building's."""
    return bool(_BUILDING.fullmatch(name))


@dataclass(frozen=True, slots=True)
class Sample:
    """One second: `at_ms` a whole second, UTC; import is positive. BadReading where it is impossible."""

    building: str
    at_ms: int
    power_w: float
    voltage_v: float | None = None
    current_a: float | None = None
    flags: Flags = NO_FLAGS
    appliance: str = ""
    """The appliance whose power a meter of its own measured; "" for mains."""
    run_id: str = ""
    """Of a sample that a check put in: it travels along to InfluxDB."""

    def __post_init__(self) -> None:
        check_building(self.building)
        if self.run_id and not _RUN_ID.fullmatch(self.run_id):
            raise BadReading(f"run id {self.run_id[:80]!r} is not 1-64 of A-Z a-z 0-9 _ . -")
        if self.at_ms <= 0 or self.at_ms % 1000:
            raise BadReading(f"time {self.at_ms} ms is not a whole second after 1970")
        for unit, value in (("W", self.power_w), ("V", self.voltage_v), ("A", self.current_a)):
            if value is not None and not (math.isfinite(value) and abs(value) <= POWER_LIMIT_W):
                raise BadReading(f"{value} {unit} is not a possible reading")
