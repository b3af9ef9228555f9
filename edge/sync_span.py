"""A span of a building's history on its way to the central server, and its lines in pieces."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from edge.adapters.changed_hours import HOUR_MS
from edge.core.sync import Series, Total, Totals
from edge.errors import Unavailable


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A building's hour, or the part of the running one that was not sent live."""

    building: str
    start_ms: int
    end_ms: int

    @property
    def is_hour(self) -> bool:
        """Whether it is a whole hour of the clock."""
        return self.start_ms % HOUR_MS == 0 and self.end_ms - self.start_ms == HOUR_MS


@dataclass(slots=True)
class Flight:
    """How often a span was sent, when it can be looked at there, and what was found."""

    sent: int = 0
    sent_s: float = 0.0
    compare_at_s: float = 0.0
    refused: int = 0
    is_doubted: bool = False
    ours: dict[Series, Total] = field(default_factory=dict)


def in_batches(lines: Iterator[str], most: int) -> Iterator[list[str]]:
    """The lines, at most so many at a time."""
    while batch := list(islice(lines, most)):
        yield batch


def counted_lines(lines: Iterator[str], ours: Totals) -> Iterator[str]:
    """The lines; Unavailable at their end where they are fewer than was counted."""
    given = 0
    for line in lines:
        given += 1
        yield line
    most: dict[tuple[str, str], int] = {}
    for (kind, appliance, name), total in ours.items():
        if name in {"power_w", "measured_w"}:  # each row has one of them
            most[kind, appliance] = max(most.get((kind, appliance), 0), total.count)
    counted = sum(most.values())
    if given < counted:
        raise Unavailable(f"InfluxDB gave {given} rows of an hour, and counts {counted}")
