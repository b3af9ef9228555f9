"""History as a file: stored days from Parquet, the newest hours from InfluxDB, row for row the same."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from edge.adapters import history_export as leaving
from edge.adapters import history_tables as tables
from edge.adapters.files import written_whole
from edge.adapters.history_tables import Table
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.config import influx_token
from edge.core.manifest import HOUR_MS, Day, date_of
from edge.core.wanted import Wanted
from edge.errors import NilmError, Rejected, Unavailable
from edge.local_time import iso
from edge.settings import Config
from edge.stored_seconds import StoredSeconds, hours_of

_AS = {"csv": leaving.as_csv, "parquet": leaving.as_parquet}


def to_file(config: Config, wanted: Wanted, form: str, out: Path) -> int:
    """Write an export to `out`, whole or not at all; how many rows."""
    rows = 0

    def counted() -> Iterator[Table]:
        nonlocal rows
        for table in _found(config, wanted):
            rows += table.num_rows
            yield table

    with written_whole(out) as stream:
        for piece in pieces(wanted, form, counted()):
            stream.write(piece)
    return rows


def to_stream(config: Config, wanted: Wanted, form: str, out: BinaryIO) -> None:
    """Write an export to an open stream."""
    for piece in pieces(wanted, form, _found(config, wanted)):
        out.write(piece)
    out.flush()


def pieces(wanted: Wanted, form: str, found: Iterable[Table]) -> Iterator[bytes]:
    """Tables as the bytes of one CSV or Parquet file."""
    return _AS[form](_kind(wanted), found)


def history(folder: SnapshotFolder, stored: StoredSeconds, wanted: Wanted) -> Iterator[Table]:
    """The rows wanted, in time's order, an hour or a day at a time. NilmError where they are no longer kept."""
    newest_ms = 0
    for date in folder.dates(wanted.building):
        day = _load(folder, wanted.building, date)
        newest_ms = max([newest_ms, *(day.start_ms + (hour + 1) * HOUR_MS for hour in day.hours)])
        if day.start_ms < wanted.end_ms and day.end_ms > wanted.start_ms:
            yield from _rolled(wanted, _of_day(folder, day, wanted))
    at_ms = max(newest_ms, wanted.start_ms // HOUR_MS * HOUR_MS)
    while at_ms < wanted.end_ms:
        try:
            first_ms = stored.first_ms(wanted.building, at_ms, wanted.end_ms)
            if first_ms is None:
                return
            at_ms = min(Day("", date_of(first_ms)).end_ms, wanted.end_ms)
            hours = [
                stored.read(wanted.table, wanted.building, start, start + HOUR_MS)
                for start in hours_of(first_ms, at_ms)
            ]
        except Unavailable as error:
            ends = f"ends at {iso(newest_ms)}" if newest_ms else "is empty: nothing is snapshotted yet"
            raise Unavailable(f"{error}; without InfluxDB, history {ends}") from error
        if wanted.resolution != "1s":
            hours = [tables.minutes(wanted.table, tables.together(wanted.table, hours))]
        for table in hours:
            yield from _rolled(wanted, table)


def _found(config: Config, wanted: Wanted) -> Iterator[Table]:
    stored = StoredSeconds(config, Influx.connect(config.influx, influx_token(config)))
    return history(SnapshotFolder(Path(config.data_dir)), stored, wanted)


def _of_day(folder: SnapshotFolder, day: Day, wanted: Wanted) -> Table:
    if wanted.resolution == "1s" and day.seconds_dropped:
        raise NilmError(f"the seconds of {day.date} are no longer kept; ask for the resolution 1m.")
    kind = wanted.table if wanted.resolution == "1s" else f"{wanted.table}_1m"
    found = tables.empty(kind)
    for part in day.of(kind):
        try:
            found = tables.merged(kind, found, tables.from_parquet(kind, folder.read(day, part)))
        except Rejected as error:
            raise Unavailable(f"{error}; nilm-edge snapshot --verify mends what can be mended") from error
    return found


def _rolled(wanted: Wanted, found: Table) -> Iterator[Table]:
    """The rows of a day or an hour that are wanted, by the hour where they are seconds."""
    if wanted.resolution in {"15m", "1h"}:
        found = leaving.coarser(f"{wanted.table}_1m", found, wanted.resolution)
    cut = tables.between(found, wanted.start_ms, wanted.end_ms)
    if wanted.resolution != "1s":
        yield from [cut] if cut.num_rows else []
        return
    for hour_ms in tables.rows_by_hour(cut):
        yield tables.between(cut, hour_ms, hour_ms + HOUR_MS)


def _load(folder: SnapshotFolder, building: str, date: str) -> Day:
    try:
        return folder.load(building, date)
    except Rejected as error:
        raise Unavailable(f"{error}; nilm-edge snapshot --verify mends what can be mended") from error


def _kind(wanted: Wanted) -> str:
    return wanted.table if wanted.resolution == "1s" else f"{wanted.table}_1m"
