"""When an appliance ran: its seconds, of what is snapshotted from Parquet by DuckDB, of the rest from InfluxDB."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.adapters.duck import Catalogue, Limits
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.core.cycles import CycleFinder
from edge.core.manifest import Day
from edge.errors import NilmError
from edge.quarter_hours import days_between
from edge.settings import Config
from edge.stored_spans import StoredSpans

_CHUNK_MS = 6 * 3_600_000
_KINDS = ("appliance", "appliance_1m")
_ROWS = (
    'SELECT power_w, "on" FROM appliance '
    "WHERE building = $building AND appliance = $appliance AND time >= $start AND time < $end"
)
Piece = tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64], int]
"""Times in ms, on, W, and how many seconds each is."""


class RunTimes:
    """Unavailable while something is away; NilmError where it takes longer than history.query_timeout_s."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._config, self._influx = config, influx
        self._folder = SnapshotFolder(Path(config.data_dir))

    def find(self, building: str, appliance: str, start_ms: int, end_ms: int, pause_s: int) -> CycleFinder:
        """Its cycles from `start_ms` until before `end_ms`; of days whose seconds are no longer kept, by the minute."""
        found = CycleFinder(pause_s)
        for piece in self._pieces(building, appliance, start_ms, end_ms):
            found.add(*piece)
        return found

    def _pieces(self, building: str, appliance: str, start_ms: int, end_ms: int) -> Iterator[Piece]:
        timeout_s = self._config.history.query_timeout_s
        until_s = time.monotonic() + timeout_s
        newest_ms, days = days_between(self._folder, building, start_ms, end_ms)
        limits = Limits(timeout_s, self._config.history.query_memory_mb, 1)
        if days:
            with Catalogue.of_days(self._folder, days, limits, _KINDS) as catalogue:
                for day in days:
                    yield _stored(catalogue, day, appliance, max(start_ms, day.start_ms), min(end_ms, day.end_ms))
        spans, at_ms = StoredSpans(self._config, self._influx), max(newest_ms, start_ms)
        while at_ms < end_ms and (first_ms := spans.first_ms(building, at_ms, end_ms)) is not None:
            if time.monotonic() > until_s:
                raise NilmError(f"it took longer than {timeout_s} s: much of it is not snapshotted yet; ask for less.")
            at_ms = min((first_ms // _CHUNK_MS + 1) * _CHUNK_MS, end_ms)
            yield self._unstored(building, appliance, first_ms, at_ms)

    def _unstored(self, building: str, appliance: str, start_ms: int, end_ms: int) -> Piece:
        bound: dict[str, str | int | float] = {"building": building, "appliance": appliance}
        bound |= {"start": start_ms * 1_000_000, "end": end_ms * 1_000_000}
        found = self._influx.query(self._config.influx.bucket_pred, _ROWS, bound)
        rows = [row for series in found for row in series.values if row[1] is not None]
        at_ms, power_w, on = zip(*rows, strict=True) if rows else ((), (), ())
        return np.array(at_ms, np.int64), np.array(on, np.bool_), np.array(power_w, np.float64), 1


def _stored(catalogue: Catalogue, day: Day, appliance: str, start_ms: int, end_ms: int) -> Piece:
    by_minute = day.seconds_dropped
    rows: dict[str, Any] = catalogue.run_times(day.date, appliance, start_ms, end_ms, by_minute=by_minute)
    at_ms, on, power_w = (np.asarray(rows[name]) for name in ("at_ms", "on", "power_w"))
    return at_ms.astype(np.int64), on.astype(np.bool_), power_w.astype(np.float64), 60 if by_minute else 1
