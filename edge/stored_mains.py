"""Mains as InfluxDB has them: seconds as arrays, their counts, and where the next second is not the next one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.adapters.influx import Influx
from edge.core.sample import Flags
from edge.settings import Config

_WHERE = "WHERE building = $building AND time >= $start AND time < $end"
_PREDICTED = f"FROM appliance {_WHERE} AND appliance = 'other'"
_CHUNK_MS = 6 * 3_600_000
QUARTER_MS = 900_000
"""What is counted is counted by quarters of an hour: each zone's days are made of them."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Stored samples: `at_s` rising, `power_w`, `flags`."""

    at_s: NDArray[np.int64]
    power_w: NDArray[np.float64]
    flags: NDArray[np.int64]

    def where(self, wanted: NDArray[np.bool_] | slice) -> Self:
        """These samples alone."""
        return replace(self, at_s=self.at_s[wanted], power_w=self.power_w[wanted], flags=self.flags[wanted])


class StoredMains:
    """Raises Unavailable while InfluxDB is away. Spans go from `start_ms` until before `end_ms`."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._raw, self._pred = config.influx.bucket_raw, config.influx.bucket_pred
        self._influx = influx

    def read(self, building: str, start_ms: int, end_ms: int) -> Seconds:
        """The samples of a span."""
        rows: list[tuple[int, float, int]] = []
        query = f"SELECT power_w, flags FROM mains {_WHERE}"  # noqa: S608 - constants
        for chunk_ms in range(start_ms, end_ms, _CHUNK_MS):
            bound = _bound(building, chunk_ms, min(chunk_ms + _CHUNK_MS, end_ms))
            for series in self._influx.query(self._raw, query, bound):
                rows += [(row[0] // 1000, row[1], row[2] or 0) for row in series.values if row[1] is not None]
        table = np.array(rows, np.float64).reshape(-1, 3)
        return Seconds(table[:, 0].astype(np.int64), table[:, 1], table[:, 2].astype(np.int64))

    def first_ms(self, building: str) -> int | None:
        """The first second ever stored of a building; None for none."""
        return self._one("SELECT first(power_w) FROM mains WHERE building = $building", {"building": building})

    def edges_ms(self, building: str, start_ms: int, end_ms: int) -> tuple[int | None, int | None]:
        """The first and the last second of a span."""
        bound = _bound(building, start_ms, end_ms)
        query = f"SELECT power_w FROM mains {_WHERE} ORDER BY time"  # noqa: S608 - constants
        return self._one(f"{query} ASC LIMIT 1", bound), self._one(f"{query} DESC LIMIT 1", bound)

    def jumps(self, building: str, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Each second of a span whose predecessor in it is more than one second before, and how many."""
        inner = f"SELECT elapsed(power_w, 1s) AS after_s FROM mains {_WHERE}"  # noqa: S608 - constants
        query = f"SELECT after_s FROM ({inner}) WHERE after_s > 1"  # noqa: S608 - constants
        found = self._influx.query(self._raw, query, _bound(building, start_ms, end_ms))
        return [(int(row[0]), int(row[1])) for series in found for row in series.values]

    def counts(self, building: str, start_ms: int, end_ms: int) -> dict[int, int]:
        """How many seconds each quarter of an hour has, by its first ms."""
        return self._counts(self._raw, f"SELECT count(power_w) FROM mains {_WHERE}", building, start_ms, end_ms)  # noqa: S608

    def flagged(self, flag: Flags, building: str, start_ms: int, end_ms: int) -> dict[int, int]:
        """The same of those that have this flag."""
        query = f"SELECT count(flags) FROM mains {_WHERE} AND flags & {int(flag)} = {int(flag)}"  # noqa: S608
        return self._counts(self._raw, query, building, start_ms, end_ms)

    def predicted(self, building: str, start_ms: int, end_ms: int) -> dict[int, int]:
        """The same of those that have predictions."""
        return self._counts(self._pred, f"SELECT count(power_w) {_PREDICTED}", building, start_ms, end_ms)

    def _counts(self, bucket: str, query: str, building: str, start_ms: int, end_ms: int) -> dict[int, int]:
        bound = _bound(building, start_ms, end_ms)
        found = self._influx.query(bucket, f"{query} GROUP BY time(15m) fill(none)", bound)
        return {int(row[0]): int(row[1]) for series in found for row in series.values if row[1]}

    def _one(self, query: str, bound: Mapping[str, str | int]) -> int | None:
        for series in self._influx.query(self._raw, query, bound):
            return int(series.values[0][0])
        return None


def _bound(building: str, start_ms: int, end_ms: int) -> dict[str, str | int]:
    return {"building": building, "start": start_ms * 1_000_000, "end": end_ms * 1_000_000}
