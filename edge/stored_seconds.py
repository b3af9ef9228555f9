"""The seconds that the local InfluxDB holds, read in bulk, checked to be complete, and deleted."""

from edge.adapters import history_tables as tables
from edge.adapters.history_tables import Table
from edge.adapters.influx import Influx
from edge.core.csv_lines import POWERS
from edge.core.manifest import HOUR_MS, RAW
from edge.core.sample import check_building
from edge.errors import BadReading, Unavailable
from edge.settings import Config

_WHERE = "WHERE building = $building AND time >= $start AND time < $end"
_COUNTS = {kind: ", ".join(f"count({name})" for name in POWERS[kind].split(", ")) for kind in RAW}
_GROUP = {"mains": "", "appliance": "GROUP BY appliance"}


class StoredSeconds:
    """Raises Unavailable while InfluxDB is away or answers by halves."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._influx = influx
        self._bucket = {"mains": config.influx.bucket_raw, "appliance": config.influx.bucket_pred}

    def buildings(self) -> list[str]:
        """Who has mains stored, sorted; names that are none of ours are left out."""
        query = "SHOW TAG VALUES FROM mains WITH KEY = building"
        found = [row[1] for series in self._influx.query(self._bucket["mains"], query, {}) for row in series.values]
        return sorted(name for name in found if _is_building(name))

    def first_ms(self, building: str, start_ms: int, end_ms: int) -> int | None:
        """The first second in a span that has mains or an appliance; None for none."""
        found = []
        for kind in RAW:
            query = f"SELECT {POWERS[kind]} FROM {kind} {_WHERE} ORDER BY time LIMIT 1"  # noqa: S608 - constants
            for series in self._influx.query(self._bucket[kind], query, _bound(building, start_ms, end_ms)):
                found += [int(row[0]) for row in series.values]
        return min(found, default=None)

    def values_by_hour(self, kind: str, building: str, start_ms: int, end_ms: int) -> dict[int, int]:
        """How many powers of a measurement each hour has, where it has any; hours by their first millisecond.

        A row has one, or two where an appliance has a prediction and a meter of its own.
        """
        query = f"SELECT {_COUNTS[kind]} FROM {kind} {_WHERE} GROUP BY time(1h) fill(none)"  # noqa: S608 - constants
        found = self._influx.query(self._bucket[kind], query, _bound(building, start_ms, end_ms))
        counted = {int(row[0]): _sum(row[1:]) for series in found for row in series.values}
        return {hour_ms: count for hour_ms, count in counted.items() if count}

    def hours(self, building: str, start_ms: int, end_ms: int) -> set[int]:
        """The hours of a span that have rows."""
        return {hour_ms for kind in RAW for hour_ms in self.values_by_hour(kind, building, start_ms, end_ms)}

    def read(self, kind: str, building: str, start_ms: int, end_ms: int) -> Table:
        """All rows of a measurement in a span, as many as InfluxDB counts; an hour of 14 series is 4 MB on its way."""
        bound = _bound(building, start_ms, end_ms)
        columns = ", ".join(f'"{name}"' for name in tables.fields(kind))
        query = f"SELECT {columns} FROM {kind} {_WHERE} {_GROUP[kind]}"  # noqa: S608 - constants
        count = f"SELECT {_COUNTS[kind]} FROM {kind} {_WHERE}"  # noqa: S608 - constants
        asked = self._influx.query(self._bucket[kind], count, bound)
        counted = sum(_sum(row[1:]) for one in asked for row in one.values)
        found = tables.from_csv(kind, self._influx.query_csv(self._bucket[kind], query, bound))
        powers = tables.values(found)
        if powers < counted:  # more is a second that came in between
            raise Unavailable(f"InfluxDB gave {powers} powers of {kind}, and counts {counted}")
        return found

    def delete(self, building: str, start_ms: int, end_ms: int) -> None:
        """Delete a span of one building, nothing else."""
        for kind in RAW:
            query = f"DELETE FROM {kind} {_WHERE}"  # noqa: S608 - constants
            self._influx.query(self._bucket[kind], query, _bound(building, start_ms, end_ms))

    def delete_asked(self, building: str, end_ms: int) -> None:
        """Delete what /infer was asked about times before `end_ms`, where there is any."""
        where, bound = "WHERE building = $building AND time < $end", _bound(building, 0, end_ms)
        bucket = self._bucket["appliance"]
        if self._influx.query(bucket, f"SELECT power_w FROM inference {where} LIMIT 1", bound):  # noqa: S608
            self._influx.query(bucket, f"DELETE FROM inference {where}", bound)  # noqa: S608


def hours_of(start_ms: int, end_ms: int) -> range:
    """The first milliseconds of the hours from `start_ms` until before `end_ms`."""
    return range(start_ms // HOUR_MS * HOUR_MS, end_ms, HOUR_MS)


def _bound(building: str, start_ms: int, end_ms: int) -> dict[str, str | int | float]:
    return {"building": building, "start": start_ms * 1_000_000, "end": end_ms * 1_000_000}


def _sum(counts: list[int | None]) -> int:
    return sum(int(count) for count in counts if count)


def _is_building(name: str) -> bool:
    try:
        return bool(check_building(name))
    except BadReading:
        return False
