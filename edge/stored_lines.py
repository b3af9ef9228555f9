"""What the local InfluxDB holds, as line protocol for another server, and what it adds up to."""

from collections.abc import Iterator

from edge.adapters.influx import Influx
from edge.core.central_queries import totals_influxql, totals_of_influxql
from edge.core.csv_lines import COLUMNS, POWERS, fields_of, lines_of
from edge.core.sample import check_building
from edge.core.sync import Series, Total
from edge.errors import BadReading, Unavailable
from edge.settings import Config

_WHERE = "WHERE building = $building AND time >= $start AND time < $end"
_FOR_EVER_MS = 9_000_000_000_000


class StoredLines:
    """Raises Unavailable while InfluxDB is away or answers by halves. Spans: `start_ms` until before `end_ms`."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._influx = influx
        self._bucket = {"mains": config.influx.bucket_raw, "appliance": config.influx.bucket_pred}

    def buildings(self) -> list[str]:
        """Who has mains stored, sorted; names that are none of ours are left out."""
        query = "SHOW TAG VALUES FROM mains WITH KEY = building"
        found = [row[1] for series in self._influx.query(self._bucket["mains"], query, {}) for row in series.values]
        return sorted(name for name in found if _is_building(name))

    def first_ms(self, building: str, start_ms: int, end_ms: int) -> int | None:
        """The first second of a span that has mains or an appliance; None for none."""
        found = []
        for kind in COLUMNS:
            query = f"SELECT {POWERS[kind]} FROM {kind} {_WHERE} ORDER BY time LIMIT 1"  # noqa: S608 - constants
            for series in self._influx.query(self._bucket[kind], query, _bound(building, start_ms, end_ms)):
                found += [int(row[0]) for row in series.values]
        return min(found, default=None)

    def totals(self, building: str, start_ms: int, end_ms: int) -> dict[Series, Total]:
        """Count and sum of each series in a span."""
        found: dict[Series, Total] = {}
        for kind in COLUMNS:
            text = totals_influxql(kind, building, start_ms, end_ms)
            answer = self._influx.query(self._bucket[kind], text, {})
            said = [{"tags": one.tags, "columns": one.columns, "values": one.values} for one in answer]
            found |= totals_of_influxql(kind, said)
        return found

    def lines(self, building: str, start_ms: int, end_ms: int, *, texts: bool = True) -> Iterator[str]:
        """Every point of a span."""
        for kind in COLUMNS:
            yield from self.lines_of(kind, building, start_ms, end_ms, texts=texts)

    def lines_of(
        self, kind: str, building: str, start_ms: int, end_ms: int = _FOR_EVER_MS, *, texts: bool = True
    ) -> Iterator[str]:
        """The points of one measurement in a span."""
        columns = ", ".join(f'"{name}"' for name in fields_of(kind, texts=texts))
        group = "GROUP BY appliance" if kind == "appliance" else ""
        query = f"SELECT {columns} FROM {kind} {_WHERE} {group}"  # noqa: S608 - constants
        answer = self._influx.query_csv(self._bucket[kind], query, _bound(building, start_ms, end_ms))
        try:
            yield from lines_of(kind, building, answer.decode())
        except ValueError as error:
            raise Unavailable(f"InfluxDB's answer cannot be read: {error}") from error


def _bound(building: str, start_ms: int, end_ms: int) -> dict[str, str | int | float]:
    return {"building": building, "start": start_ms * 1_000_000, "end": end_ms * 1_000_000}


def _is_building(name: str) -> bool:
    try:
        return bool(check_building(name))
    except BadReading:
        return False
