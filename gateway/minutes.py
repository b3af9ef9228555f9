"""Minutes of history, from InfluxDB once: what is asked for is kept by the hour until something in that hour changes.

Whoever stores a second that is older than FRESH_MS notes its hour for the reader MINUTES, after it is stored
(`edge.persist`, `edge.backfill`, `edge.repredict`). Minutes that ended later than that are asked for each time.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edge.adapters.changed_hours import FRESH_MS, HOUR_MS, MINUTES, ChangedHours
from edge.adapters.influx import Influx
from edge.errors import Unavailable
from edge.settings import Config
from edge.unit import now_ms
from gateway import history
from gateway.kept import Points, joined, points
from gateway.parameters import Span

STEP_S = 60
_STEP_MS = 1000 * STEP_S
_HOURS = 24 * 10
"""So many hours of mains and of appliances are kept, 25 MB at most; the one asked for longest ago goes."""
_LONGEST_MS = 8 * 24 * HOUR_MS
"""What spans more is not kept: it would push out all else."""
_AT_ONCE_MS = 24 * HOUR_MS

_WARMED = 4
"""Of so many buildings the last day is at hand without being asked for."""

Read = Callable[[str, Span], Points]


class Minutes:
    """Raises Unavailable while InfluxDB is away; Rejected where it refuses the query."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._influx, self._buckets = influx, config.influx
        self._notes = ChangedHours(Path(config.data_dir))
        self._lock = threading.Lock()
        self._filling: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._kept: OrderedDict[tuple[str, str, int], tuple[int, Points]] = OrderedDict()

    def readings(self, building: str, span: Span) -> Points:
        """Mains by the minute, as `history.stored_readings` has it."""
        return self._read("mains", self._readings, building, span)

    def predictions(self, building: str, span: Span) -> Points:
        """Every appliance by the minute, as `history.stored_predictions` has it."""
        return self._read("appliance", self._predictions, building, span)

    def warm(self, buildings: Sequence[str], stopped: threading.Event, pause_s: float = 0.2) -> None:
        """Have the hours of the last day at hand that are over, newest first; a while between two."""
        newest_ms = self._closed_ms() // HOUR_MS * HOUR_MS
        for hour_ms in range(newest_ms - HOUR_MS, newest_ms - 25 * HOUR_MS, -HOUR_MS):
            for building in buildings[:_WARMED]:
                with self._lock:
                    until_ms, _ = self._kept.get(("appliance", building, hour_ms), (0, None))
                if until_ms < hour_ms + HOUR_MS and not stopped.wait(pause_s):
                    for read in (self.readings, self.predictions):
                        read(building, Span(hour_ms, hour_ms + HOUR_MS, STEP_S))

    def _read(self, kind: str, read: Read, building: str, span: Span) -> Points:
        closed_ms = min(span.end_ms, self._closed_ms())
        if closed_ms <= span.start_ms or span.end_ms - span.start_ms > _LONGEST_MS:
            return read(building, span)
        with self._lock:
            filling = self._filling[building]
        with filling:  # what is noted is not looked at while an hour is on its way in: it would come in as it was
            try:
                self._forget_changed(building)
            except Unavailable:  # the disk refuses: nothing can be kept
                return read(building, span)
            pieces = self._hours(kind, read, building, span.start_ms, closed_ms)
        found = [piece.between(span.start_ms, closed_ms) for piece in pieces]
        if closed_ms < span.end_ms:
            found.append(read(building, Span(closed_ms, span.end_ms, STEP_S)))
        return joined(found)

    def _closed_ms(self) -> int:
        return (now_ms() - FRESH_MS) // _STEP_MS * _STEP_MS

    def _forget_changed(self, building: str) -> None:
        for hour_ms in self._notes.waiting(MINUTES).get(building, []):
            self._notes.clear(MINUTES, building, hour_ms)
            with self._lock:
                for kind in ("mains", "appliance"):
                    self._kept.pop((kind, building, hour_ms), None)

    def _hours(self, kind: str, read: Read, building: str, start_ms: int, closed_ms: int) -> list[Points]:
        """The hours that hold the span, each as far as it is over; what is not kept yet is read."""
        found: dict[int, tuple[int, Points]] = {}
        missing: list[tuple[int, int]] = []
        for hour_ms in range(start_ms // HOUR_MS * HOUR_MS, closed_ms, HOUR_MS):
            with self._lock:
                until_ms, piece = self._kept.get((kind, building, hour_ms), (hour_ms, Points()))
            found[hour_ms] = until_ms, piece
            if until_ms < (end_ms := min(hour_ms + HOUR_MS, closed_ms)):
                missing.append((until_ms, end_ms))
        for from_ms, end_ms in _runs(missing):
            new = read(building, Span(from_ms, end_ms, STEP_S))
            for hour_ms in range(from_ms // HOUR_MS * HOUR_MS, end_ms, HOUR_MS):
                had = found[hour_ms][1]
                more = new.between(max(from_ms, hour_ms), hour_ms + HOUR_MS)
                found[hour_ms] = min(hour_ms + HOUR_MS, end_ms), joined([had, more]) if had.at_ms else more
        with self._lock:
            for hour_ms, hour in found.items():
                self._kept[kind, building, hour_ms] = hour
                self._kept.move_to_end((kind, building, hour_ms))
            while len(self._kept) > 2 * _HOURS:
                self._kept.popitem(last=False)
        return [piece for _, piece in found.values()]

    def _readings(self, building: str, span: Span) -> Points:
        found = history.stored_readings(self._influx, self._buckets.bucket_raw, building, span)
        return points(found, history.columns_of_readings(found))

    def _predictions(self, building: str, span: Span) -> Points:
        found = history.stored_predictions(self._influx, self._buckets.bucket_pred, building, span, None)
        return points(found, history.columns_of_predictions(found))


def _runs(missing: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans that follow each other as one, of a day at most."""
    start_ms, end_ms = 0, 0
    for from_ms, until_ms in missing:
        if from_ms == end_ms and until_ms - start_ms <= _AT_ONCE_MS:
            end_ms = until_ms
            continue
        if end_ms > start_ms:
            yield start_ms, end_ms
        start_ms, end_ms = from_ms, until_ms
    if end_ms > start_ms:
        yield start_ms, end_ms
