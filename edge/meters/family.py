"""What a meter family is: its topics, its reader, how long its values stay true, and how it would say them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.meters.reading import NoSample, Reading
from edge.settings import Meter


class Reader(Protocol):
    """Reads one meter's messages, and remembers what later ones need (phases, partial updates, units)."""

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """What a message says at `now_ms`, monotonic; BadReading where it is not of this family."""


def _none(_topic: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Family:
    """A family of meters."""

    topic: str
    """The topic filter of its messages, as wide as it makes sense."""
    example: str
    """A topic that one meter of it publishes to."""
    every_s: float
    """How often its meters publish as they come."""
    hold_s: int
    """Seconds for which a value stays true without another message."""
    reader: Callable[[Meter], Reader]
    simulate: Callable[[str, int, float, float], list[tuple[str, bytes]]]
    """The messages, topic and payload, by which the meter of a topic says its time in ms, its W and its V."""
    status: Callable[[str], tuple[str, ...]] = _none
    """Filters of what the meter of a topic says of itself (unit, online); there retained messages count."""
    keepalive: Callable[[str], str] | None = None
    """Where to publish an empty message every 30 s so that the meter of a topic goes on; "" while not known."""
