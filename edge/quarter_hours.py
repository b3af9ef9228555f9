"""Quarters of an hour of a building: of what is snapshotted from Parquet by DuckDB, of the rest from InfluxDB."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.adapters.duck import Catalogue, Limits
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.core.manifest import DAY_MS, HOUR_MS, MINUTES, Day
from edge.energy_sums import MAINS, Quarters
from edge.errors import NilmError, Rejected, Unavailable
from edge.settings import Config
from edge.stored_seconds import StoredSeconds

_DAYS_AT_ONCE = 100
"""140,000 rows of fourteen appliances."""
_WHERE = "WHERE building = $building AND time >= $start AND time < $end"
_BY_QUARTER = "GROUP BY time(15m) fill(none)"
_OF_EACH = "GROUP BY appliance, time(15m) fill(none)"
_SUMS = "SELECT sum(power_w) AS ws, count(power_w) AS seconds FROM"


class QuarterHours:
    """Unavailable while something is away; NilmError where it takes longer than history.query_timeout_s."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._config, self._influx = config, influx
        self._folder = SnapshotFolder(Path(config.data_dir))

    def read(self, building: str, start_ms: int, end_ms: int) -> Iterator[Quarters]:
        """Mains and each appliance from `start_ms` until before `end_ms`, a piece at a time, in no order."""
        timeout_s = self._config.history.query_timeout_s
        until_s = time.monotonic() + timeout_s
        newest_ms, days = days_between(self._folder, building, start_ms, end_ms)
        for first in range(0, len(days), _DAYS_AT_ONCE):
            yield from self._stored(days[first : first + _DAYS_AT_ONCE], start_ms, end_ms, until_s)
        until_ms = max(newest_ms, start_ms)
        stored = StoredSeconds(self._config, self._influx)
        while until_ms < end_ms and (at_ms := stored.first_ms(building, until_ms, end_ms)) is not None:
            if time.monotonic() > until_s:
                raise NilmError(f"it took longer than {timeout_s} s: much of it is not snapshotted yet; ask for less.")
            until_ms = min((at_ms // DAY_MS + 1) * DAY_MS, end_ms)
            yield from self._unstored(building, at_ms, until_ms)

    def _stored(self, days: Sequence[Day], start_ms: int, end_ms: int, until_s: float) -> Iterator[Quarters]:
        settings = self._config.history
        limits = Limits(max(until_s - time.monotonic(), 0.01), settings.query_memory_mb, 1)
        with Catalogue.of_days(self._folder, days, limits) as catalogue:
            for kind in MINUTES:
                found = catalogue.quarters(kind, start_ms, end_ms)
                names = found.pop("name")
                for name in np.unique(np.asarray(names, str)):
                    mine = names == name
                    yield Quarters(str(name), **{column: np.asarray(values[mine]) for column, values in found.items()})

    def _unstored(self, building: str, start_ms: int, end_ms: int) -> Iterator[Quarters]:
        bound: dict[str, str | int | float] = {"building": building}
        bound |= {"start": start_ms * 1_000_000, "end": end_ms * 1_000_000}
        raw, predicted = self._config.influx.bucket_raw, self._config.influx.bucket_pred
        mains = self._influx.query(raw, f"{_SUMS} mains {_WHERE} {_BY_QUARTER}", bound)
        out = self._influx.query(
            raw,
            f"SELECT sum(power_w) FROM mains {_WHERE} AND power_w < 0 {_BY_QUARTER}",  # noqa: S608
            bound,
        )
        appliances = self._influx.query(predicted, f"{_SUMS} appliance {_WHERE} {_OF_EACH}", bound)
        on = self._influx.query(
            predicted,
            f'SELECT count("on") FROM appliance {_WHERE} AND "on" = true {_OF_EACH}',  # noqa: S608
            bound,
        )
        export_ws = {row[0]: -row[1] for series in out for row in series.values}
        on_s = {(series.tags["appliance"], row[0]): row[1] for series in on for row in series.values}
        for series in mains:
            yield _quarters(MAINS, series.values, export_ws, {})
        for series in appliances:
            name = series.tags["appliance"]
            mine = {at_ms: seconds for (of, at_ms), seconds in on_s.items() if of == name}
            yield _quarters(name, series.values, {}, mine)


def days_between(folder: SnapshotFolder, building: str, start_ms: int, end_ms: int) -> tuple[int, list[Day]]:
    """Up to when all is snapshotted, and the days from `start_ms` until before `end_ms`; Unavailable for a torn one."""
    newest_ms, wanted = 0, []
    for date in folder.dates(building):
        try:
            day = folder.load(building, date)
        except Rejected as error:
            raise Unavailable(f"{error}; nilm-edge snapshot --verify mends what can be mended") from error
        newest_ms = max([newest_ms, *(day.start_ms + (hour + 1) * HOUR_MS for hour in day.hours)])
        if day.start_ms < end_ms and day.end_ms > start_ms:
            wanted.append(day)
    return newest_ms, wanted


def _quarters(name: str, rows: Sequence[Any], export_ws: dict[int, float], on_s: dict[int, int]) -> Quarters:
    rows = [row for row in rows if row[2]]  # a second that has only what another meter measured is none
    times = [row[0] for row in rows]
    return Quarters(
        name,
        np.array(times, np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([export_ws.get(at, 0.0) for at in times], np.float64),
        np.array([row[2] for row in rows], np.int64),
        np.array([on_s.get(at, 0) for at in times], np.int64),
    )
