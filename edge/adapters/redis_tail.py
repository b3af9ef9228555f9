"""What a reader that keeps a stream itself must know to go on from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.adapters.redis_terms import available, key_of

if TYPE_CHECKING:
    from edge.core.prediction import PredictionTable

Entry = tuple[bytes, dict[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Growth:
    """A stream at one moment: which run of Redis, its length and first entry, and its entries after the one named."""

    run: str
    length: int
    first: bytes
    entries: list[Entry]
    measured: bool
    """Whether an appliance of this building ever had a meter of its own."""


class Tail:
    """The part of `Streams` for readers that keep what they have read."""

    _redis: Any

    def growth(self, building: str, stream: str, after: bytes) -> Growth:
        """What became of a building's `window` or `predictions` since the entry `after` (b"0-0" for all of it)."""
        key = key_of(building, stream)
        with available():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.info("server")
            pipeline.xlen(key)
            pipeline.xrange(key, count=1)
            pipeline.xrange(key, min=b"(" + after)
            pipeline.exists(key_of(building, "measured"))
            server, length, first, entries, measured = pipeline.execute()
        return Growth(server["run_id"], int(length), first[0][0] if first else b"", entries, bool(measured))

    def tables(self, entries: Sequence[Entry]) -> "list[PredictionTable]":
        """Entries of `predictions` as one table for each run of the same columns."""
        with available():
            found: list[PredictionTable] = self._tables(entries)  # type: ignore[attr-defined]
        return found
