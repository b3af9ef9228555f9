"""What the local InfluxDB holds, as line protocol for another server, and what it adds up to."""

from collections.abc import Iterator

from edge.core.central_queries import totals_influxql, totals_of_influxql
from edge.core.csv_lines import COLUMNS, fields_of, lines_of
from edge.core.sync import Series, Total
from edge.errors import Unavailable
from edge.stored_spans import WHERE, StoredSpans, bound

_FOR_EVER_MS = 9_000_000_000_000


class StoredLines(StoredSpans):
    """Its points as text, and what they add up to."""

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
        query = f"SELECT {columns} FROM {kind} {WHERE} {group}"  # noqa: S608 - constants
        answer = self._influx.query_csv(self._bucket[kind], query, bound(building, start_ms, end_ms))
        try:
            yield from lines_of(kind, building, answer.decode())
        except ValueError as error:
            raise Unavailable(f"InfluxDB's answer cannot be read: {error}") from error
