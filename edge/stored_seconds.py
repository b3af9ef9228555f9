"""The seconds that the local InfluxDB holds, read in bulk, checked to be complete, and deleted."""

from dataclasses import dataclass

from edge.adapters import history_answers as answers
from edge.adapters import history_tables as tables
from edge.adapters.history_tables import Table
from edge.core.csv_lines import POWERS
from edge.core.manifest import HOUR_MS, RAW
from edge.errors import Unavailable
from edge.stored_spans import WHERE, StoredSpans, bound

_COUNTS = {kind: ", ".join(f"count({name})" for name in POWERS[kind].split(", ")) for kind in RAW}
_GROUP = {"mains": "", "appliance": "GROUP BY appliance"}


@dataclass(frozen=True, slots=True)
class Counted:
    """How many seconds of an appliance, or of mains (""), have a power, predicted or of mains, and one measured."""

    kind: str
    building: str
    name: str
    powers: int
    measured: int


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
        """All rows of a measurement in a span, as many as InfluxDB counts."""
        series = self.series(kind, building, start_ms, end_ms)
        return tables.together(kind, [self.rows(one, start_ms, end_ms) for one in series])

    def series(self, kind: str, building: str, start_ms: int, end_ms: int) -> list[Counted]:
        """What there is in a span, sorted by name."""
        query = f"SELECT {_COUNTS[kind]} FROM {kind} {WHERE} {_GROUP[kind]}"  # noqa: S608 - constants
        asked = self._influx.query(self._bucket[kind], query, bound(building, start_ms, end_ms))
        found = []
        for one in asked:
            powers, measured = (*(count or 0 for count in one.values[0][1:]), 0)[:2]
            found.append(Counted(kind, building, one.tags.get("appliance", ""), powers, measured))
        return found

    def rows(self, one: Counted, start_ms: int, end_ms: int) -> Table:
        """Its rows in the span, as many as were counted; a day is 7 MB on its way.

        One series at a time costs InfluxDB two thirds of what all at once cost.
        """
        wanted = [field for field in tables.fields(one.kind) if field != tables.MEASURED or one.measured]
        columns = ", ".join(f'"{field}"' for field in wanted)
        where = f"{WHERE} AND appliance = $appliance" if one.kind == "appliance" else WHERE
        query = f"SELECT {columns} FROM {one.kind} {where}"  # noqa: S608 - constants
        span = bound(one.building, start_ms, end_ms) | {"appliance": one.name}
        found = answers.rows(one.kind, one.name, self._influx.query_packed(self._bucket[one.kind], query, span))
        powers, counted = tables.values(found), one.powers + one.measured
        if powers < counted:  # more is a second that came in between
            raise Unavailable(f"InfluxDB gave {powers} powers of {one.name or one.kind}, and counts {counted}")
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
