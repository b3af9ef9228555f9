"""What a span of the local InfluxDB holds: whose it is and where it begins."""

from edge.adapters.influx import Influx
from edge.core.csv_lines import POWERS
from edge.core.sample import is_building
from edge.settings import Config

WHERE = "WHERE building = $building AND time >= $start AND time < $end"


class StoredSpans:
    """Raises Unavailable while InfluxDB is away or answers by halves. Spans: `start_ms` until before `end_ms`."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._influx = influx
        self._bucket = {"mains": config.influx.bucket_raw, "appliance": config.influx.bucket_pred}

    def buildings(self) -> list[str]:
        """Who has mains stored, sorted; names that are none of ours are left out."""
        query = "SHOW TAG VALUES FROM mains WITH KEY = building"
        found = [row[1] for series in self._influx.query(self._bucket["mains"], query, {}) for row in series.values]
        return sorted(name for name in found if is_building(name))

    def first_ms(self, building: str, start_ms: int, end_ms: int) -> int | None:
        """The first second of a span that has mains or an appliance; None for none."""
        found = []
        for kind, bucket in self._bucket.items():
            query = f"SELECT {POWERS[kind]} FROM {kind} {WHERE} ORDER BY time LIMIT 1"  # noqa: S608 - constants
            for series in self._influx.query(bucket, query, bound(building, start_ms, end_ms)):
                found += [int(row[0]) for row in series.values]
        return min(found, default=None)

    def forget(self, building: str) -> None:
        """Delete everything of a building."""
        for kind, bucket in self._bucket.items():
            self._influx.query(bucket, f"DELETE FROM {kind} WHERE building = $building", {"building": building})  # noqa: S608


def bound(building: str, start_ms: int, end_ms: int) -> dict[str, str | int | float]:
    """The parameters of `WHERE`."""
    return {"building": building, "start": start_ms * 1_000_000, "end": end_ms * 1_000_000}
