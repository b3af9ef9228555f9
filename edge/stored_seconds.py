"""The seconds that the local InfluxDB holds, read in bulk, checked to be complete, and deleted."""

from edge.adapters import history_tables as tables
from edge.adapters.history_tables import Table
from edge.core.csv_lines import POWERS
from edge.core.manifest import HOUR_MS, RAW
from edge.errors import Unavailable
from edge.stored_spans import WHERE, StoredSpans, bound

_COUNTS = {kind: ", ".join(f"count({name})" for name in POWERS[kind].split(", ")) for kind in RAW}
_GROUP = {"mains": "", "appliance": "GROUP BY appliance"}


class StoredSeconds(StoredSpans):
    """Its rows as tables, hour by hour."""

    def values_by_hour(self, kind: str, building: str, start_ms: int, end_ms: int) -> dict[int, int]:
        """How many powers of a measurement each hour has, where it has any; hours by their first millisecond.

        A row has one, or two where an appliance has a prediction and a meter of its own.
        """
        query = f"SELECT {_COUNTS[kind]} FROM {kind} {WHERE} GROUP BY time(1h) fill(none)"  # noqa: S608 - constants
        found = self._influx.query(self._bucket[kind], query, bound(building, start_ms, end_ms))
        counted = {int(row[0]): _sum(row[1:]) for series in found for row in series.values}
        return {hour_ms: count for hour_ms, count in counted.items() if count}

    def hours(self, building: str, start_ms: int, end_ms: int) -> set[int]:
        """The hours of a span that have rows."""
        return {hour_ms for kind in RAW for hour_ms in self.values_by_hour(kind, building, start_ms, end_ms)}

    def read(self, kind: str, building: str, start_ms: int, end_ms: int) -> Table:
        """All rows of a measurement in a span, as many as InfluxDB counts; an hour of 14 series is 4 MB on its way."""
        span = bound(building, start_ms, end_ms)
        columns = ", ".join(f'"{name}"' for name in tables.fields(kind))
        query = f"SELECT {columns} FROM {kind} {WHERE} {_GROUP[kind]}"  # noqa: S608 - constants
        count = f"SELECT {_COUNTS[kind]} FROM {kind} {WHERE}"  # noqa: S608 - constants
        asked = self._influx.query(self._bucket[kind], count, span)
        counted = sum(_sum(row[1:]) for one in asked for row in one.values)
        found = tables.from_csv(kind, self._influx.query_csv(self._bucket[kind], query, span))
        powers = tables.values(found)
        if powers < counted:  # more is a second that came in between
            raise Unavailable(f"InfluxDB gave {powers} powers of {kind}, and counts {counted}")
        return found

    def delete(self, building: str, start_ms: int, end_ms: int) -> None:
        """Delete a span of one building, nothing else."""
        for kind in RAW:
            query = f"DELETE FROM {kind} {WHERE}"  # noqa: S608 - constants
            self._influx.query(self._bucket[kind], query, bound(building, start_ms, end_ms))

    def delete_asked(self, building: str, end_ms: int) -> None:
        """Delete what /infer was asked about times before `end_ms`, where there is any."""
        where, span = "WHERE building = $building AND time < $end", bound(building, 0, end_ms)
        bucket = self._bucket["appliance"]
        if self._influx.query(bucket, f"SELECT power_w FROM inference {where} LIMIT 1", span):  # noqa: S608
            self._influx.query(bucket, f"DELETE FROM inference {where}", span)  # noqa: S608


def hours_of(start_ms: int, end_ms: int) -> range:
    """The first milliseconds of the hours from `start_ms` until before `end_ms`."""
    return range(start_ms // HOUR_MS * HOUR_MS, end_ms, HOUR_MS)


def _sum(counts: list[int | None]) -> int:
    return sum(int(count) for count in counts if count)
