"""The last hour of a building as it leaves: kept here, so that a request takes from Redis only what is new.

A stream only grows at its end and loses its oldest entries, as long as Redis runs; so what is kept is the stream if the
run is the same and, after what is new was added and what is gone was dropped, there are as many entries. Else it is
read anew.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

import orjson

from edge.adapters.redis_tail import Entry
from edge.adapters.redis_terms import at_ms_of
from edge.adapters.streams import Streams
from edge.core.prediction import PredictionTable
from edge.errors import Unavailable
from gateway.predictions import prediction_columns, prediction_points
from gateway.readings import Reading, reading_points

BUILDINGS = 8
"""So many buildings are kept, at some 6 MB each; the one asked for longest ago goes."""
_PATIENCE_S = 1.0

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Readings:
    """The newest readings, oldest first, and each as JSON."""

    readings: list[Reading]
    rows: list[bytes]


@dataclass(frozen=True, slots=True)
class Predictions:
    """The newest predictions, oldest first; each second as JSON (`rows`) unless some appliance is `measured`."""

    tables: list[PredictionTable]
    columns: dict[str, Any]
    """Of every appliance, without what is measured."""
    rows: list[bytes]
    measured: bool


@dataclass(slots=True)
class _Copy(Generic[Item]):
    """One stream: its entries as they are kept, each with its id, and as JSON once that was asked for."""

    kept: Callable[[Sequence[Entry]], list[Item]]
    encoded: Callable[[Sequence[Item]], list[bytes]]
    run: str = ""
    ids: deque[bytes] = field(default_factory=deque)
    items: deque[Item] = field(default_factory=deque)
    rows: deque[bytes | None] = field(default_factory=deque)
    measured: bool = False
    table: tuple[tuple[bytes, bytes, int], Any] | None = None
    """What was made of the newest items last: of which, and the outcome."""

    def follow(self, streams: Streams, building: str, stream: str) -> None:
        """Become what the stream is now."""
        for _ in range(2):
            grown = streams.growth(building, stream, self.ids[-1] if self.ids else b"0-0")
            self.measured = grown.measured
            if grown.run == self.run or not self.ids:
                self.run = grown.run
                self.ids.extend(entry_id for entry_id, _ in grown.entries)
                self.items.extend(self.kept(grown.entries))
                self.rows.extend([None] * len(grown.entries))
                while self.ids and len(self.ids) > grown.length and self.ids[0] != grown.first:
                    for column in (self.ids, self.items, self.rows):
                        column.popleft()
                if len(self.ids) == grown.length and (not self.ids or self.ids[0] == grown.first):
                    return
            self.table = None
            for column in (self.ids, self.items, self.rows):
                column.clear()
        raise Unavailable("Redis loses what it holds while it is read")

    def newest(self, last: int) -> list[Item]:
        """The newest items, oldest first."""
        return list(islice(self.items, max(0, len(self.items) - last), None))

    def as_table(self, last: int, make: Callable[[list[Item]], Any]) -> Any:
        """The newest items as `make` makes something of them; once, while they are the same."""
        state = (self.ids[0], self.ids[-1], last) if self.ids else (b"", b"", last)
        if self.table is None or self.table[0] != state:
            self.table = state, make(self.newest(last))
        return self.table[1]

    def as_json(self, last: int) -> list[bytes]:
        """The same, each as JSON."""
        first = max(0, len(self.items) - last)
        missing = [n for n, row in enumerate(self.rows) if row is None and n >= first]
        if missing:
            items = list(self.items)
            for n, row in zip(missing, self.encoded([items[n] for n in missing]), strict=True):
                self.rows[n] = row
        return [row for row in islice(self.rows, first, None) if row is not None]


class Recent:
    """Raises Unavailable while Redis is away."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._lock = threading.Lock()
        self._copies: OrderedDict[tuple[str, str], tuple[threading.Lock, _Copy[Any]]] = OrderedDict()

    def readings(self, building: str, last: int, *, rows: bool) -> Readings:
        """The newest `last` readings; as JSON too if `rows`."""
        with self._copy(building, "window", lambda: _Copy(_readings, _reading_rows)) as copy:
            return Readings(copy.newest(last), copy.as_json(last) if rows else [])

    def predictions(self, building: str, last: int, *, rows: bool) -> Predictions:
        """The newest `last` seconds of predictions; as JSON too if `rows`."""
        with self._copy(building, "predictions", lambda: _Copy(list, self._prediction_rows)) as copy:
            rows = rows and not copy.measured
            said = copy.as_json(last) if rows else []
            tables, columns = copy.as_table(last, self._tables_and_columns)
            return Predictions(tables, columns, said, copy.measured)

    @contextmanager
    def _copy(self, building: str, stream: str, new: Callable[[], _Copy[Any]]) -> Iterator[_Copy[Any]]:
        with self._lock:
            lock, copy = self._copies.setdefault((building, stream), (threading.Lock(), new()))
            self._copies.move_to_end((building, stream))
            while len(self._copies) > 2 * BUILDINGS:
                self._copies.popitem(last=False)
        if not lock.acquire(timeout=_PATIENCE_S):
            raise Unavailable("Redis is slow: others wait for it already")
        try:
            copy.follow(self._streams, building, stream)
            yield copy
        finally:
            lock.release()

    def _tables_and_columns(self, entries: list[Entry]) -> tuple[list[PredictionTable], dict[str, Any]]:
        tables = self._streams.tables(entries)
        return tables, prediction_columns(tables)

    def _prediction_rows(self, entries: Sequence[Entry]) -> list[bytes]:
        return [orjson.dumps(point) for point in prediction_points(self._streams.tables(entries))]


def _readings(entries: Sequence[Entry]) -> list[Reading]:
    return [(at_ms_of(entry_id), float(said[b"power_w"]), int(said[b"flags"])) for entry_id, said in entries]


def _reading_rows(readings: Sequence[Reading]) -> list[bytes]:
    return [orjson.dumps(point) for point in reading_points(readings)]
