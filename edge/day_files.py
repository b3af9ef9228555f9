"""A stored day or hour made anew: what its files had and what InfluxDB has since, joined an appliance at a time."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edge.adapters import history_tables as tables
from edge.adapters.history_tables import Packed, Table, Written
from edge.core.manifest import HOUR_MS, Day
from edge.stored_seconds import StoredSeconds

_READS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Had:
    """What is stored of an hour (0 to 23) or of the whole day (None): files of seconds and of minutes."""

    hour: int | None
    seconds: list[bytes]
    minutes: list[bytes]


def made_anew(
    stored: StoredSeconds, day: Day, kind: str, had: Had, hours_ms: Iterable[int]
) -> tuple[dict[str, Written], int]:
    """Files of seconds and minutes, not written yet, and how many rows were read.

    InfluxDB is asked for `hours_ms`; where it has a second, it is right. Unavailable where it is away or cut short.
    """
    start_ms, end_ms = day.start_ms, day.end_ms
    if had.hour is not None:
        start_ms, end_ms = start_ms + had.hour * HOUR_MS, start_ms + (had.hour + 1) * HOUR_MS
    old = [Packed(kind, content) for content in had.seconds]
    runs = [(run, stored.series(kind, day.building, *run)) for run in _runs(hours_ms)]
    read_rows = 0

    names = sorted({name for one in old for name in one.names} | {one.name for _, series in runs for one in series})

    def fresh(name: str) -> Table:
        asked = [(one, run) for run, series in runs for one in series if one.name == name]
        return tables.together(kind, [stored.rows(one, *run) for one, run in asked])

    def groups() -> Iterator[Table]:
        nonlocal read_rows
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            for name, new in zip(names, pool.map(fresh, names), strict=True):
                read_rows += new.num_rows
                before = tables.together(kind, [rows for one in old for rows in one.rows(name)])
                before = tables.between(before, start_ms, end_ms)
                if before.num_rows:  # files of hours come in the order of their making; InfluxDB's rows are sorted
                    new = tables.in_order(tables.merged(kind, before, new))  # noqa: PLW2901
                yield new

    measured = any(one.measured for one in old) or any(one.measured for _, series in runs for one in series)
    return tables.with_minutes(kind, groups(), had.minutes, measured=measured), read_rows


def _runs(hours_ms: Iterable[int]) -> list[tuple[int, int]]:
    """Hours that follow each other as one span each."""
    runs: list[tuple[int, int]] = []
    for at in sorted(hours_ms):
        start_ms = runs.pop()[0] if runs and runs[-1][1] == at else at
        runs.append((start_ms, at + HOUR_MS))
    return runs
