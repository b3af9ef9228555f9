"""DuckDB: the catalogue of views over the stored days, and questions to it that can do no harm."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from edge.adapters.snapshot_folder import SnapshotFolder
from edge.core.manifest import KINDS, MINUTES, Day
from edge.errors import ConfigError, NilmError, Unavailable

_COLUMNS = {
    "mains": "power_w DOUBLE, voltage_v DOUBLE, current_a DOUBLE, flags BIGINT",
    "appliance": "appliance VARCHAR, power_w DOUBLE, p_on DOUBLE, low_w DOUBLE, high_w DOUBLE, "
    '"on" BOOLEAN, warmup BOOLEAN, model VARCHAR, measured_w DOUBLE',
    "mains_1m": "samples INTEGER, power_w DOUBLE, min_w DOUBLE, max_w DOUBLE, export_w DOUBLE",
    "appliance_1m": "appliance VARCHAR, samples INTEGER, power_w DOUBLE, min_w DOUBLE, max_w DOUBLE, on_s INTEGER",
}
_WS_PER_KWH = "3.6e6"
_QUARTER = "make_timestamptz(epoch_us(time) // 900000000 * 900000000)"
_HOUR = "make_timestamptz(epoch_us(time) // 3600000000 * 3600000000)"
_DAY = "date_trunc('day', time)"
_STEPS = (("15m", "1m", _QUARTER), ("1h", "15m", _HOUR), ("1d", "15m", _DAY))
_QUARTER_COLUMNS = {"mains_1m": ("''", "export_w", "0"), "appliance_1m": ("appliance", "0.0", "on_s")}
_BATCH_ROWS = 10_000
_READS = {"SELECT", "EXPLAIN"}


def build_catalogue(file: Path, folder: SnapshotFolder) -> None:
    """Put a catalogue of the present files at `file`, whole or not at all: whoever has the old one open keeps it."""
    part = file.with_name(file.name + ".part")
    leftovers = (part, part.with_name(part.name + ".wal"))
    try:
        for leftover in leftovers:  # of a build that was killed
            leftover.unlink(missing_ok=True)
        with duckdb.connect(str(part), config={"threads": "1"}) as connection:
            for name, query in _views(folder):
                connection.execute(f"CREATE VIEW {name} AS {query}")
        part.replace(file)
    except (OSError, duckdb.Error) as error:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        raise Unavailable(f"cannot write {file}: {_first_line(error)}") from error


@dataclass(frozen=True, slots=True)
class Limits:
    """What a question may take."""

    timeout_s: float
    memory_mb: int
    threads: int


class Catalogue:
    """The catalogue, open for reading, with DuckDB locked: no other file, no network, no writing, no settings."""

    def __init__(self, connection: Any, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._late = False
        self._timer = threading.Timer(limits.timeout_s, self._stop)

    @classmethod
    @contextlib.contextmanager
    def open(cls, file: Path, folder: SnapshotFolder, limits: Limits, timezone: str = "") -> Iterator[Self]:
        """Open `file`; NilmError where there is none or it cannot be read."""
        if not file.exists():
            raise NilmError(f"{file} is not there yet: run nilm-edge snapshot first.")
        try:
            connection = duckdb.connect(str(file), read_only=True, config={"threads": str(limits.threads)})
        except duckdb.Error as error:
            raise NilmError(
                f"{file} cannot be read ({_first_line(error)}): nilm-edge snapshot makes it anew."
            ) from error
        with connection:
            _lock(connection, folder, limits, timezone)
            with cls(connection, limits)._timed() as catalogue:
                yield catalogue

    @classmethod
    @contextlib.contextmanager
    def of_days(
        cls, folder: SnapshotFolder, days: Sequence[Day], limits: Limits, kinds: Sequence[str] = MINUTES
    ) -> Iterator[Self]:
        """What these manifests name of these kinds and nothing else, locked in the same way; needs no catalogue."""
        with duckdb.connect(config={"threads": str(limits.threads)}) as connection:
            try:
                for kind in kinds:
                    connection.execute(f"CREATE VIEW {kind} AS SELECT * FROM {_source(folder, days, kind)}")  # noqa: S608
            except duckdb.Error as error:
                raise Unavailable(_first_line(error)) from error
            _lock(connection, folder, limits, "UTC")
            with cls(connection, limits)._timed() as catalogue:
                yield catalogue

    @contextlib.contextmanager
    def _timed(self) -> Iterator[Self]:
        self._timer.start()
        try:
            yield self
        finally:
            self._timer.cancel()
            self._timer.join()

    def quarters(self, kind: str, start_ms: int, end_ms: int) -> dict[str, Any]:
        """Quarters of an hour of a kind's minutes as arrays: name, at_ms, ws, export_ws, seconds, on_s."""
        name, export, on_s = _QUARTER_COLUMNS[kind]
        query = (
            f"SELECT {name} AS name, epoch_ms(time) // 900000 * 900000 AS at_ms, "  # noqa: S608 - our own names
            f"sum(power_w * samples) AS ws, sum({export} * samples) AS export_ws, "
            f"sum(samples)::BIGINT AS seconds, sum({on_s})::BIGINT AS on_s FROM {kind} "
            f"WHERE epoch_ms(time) >= {int(start_ms)} AND epoch_ms(time) < {int(end_ms)} AND samples > 0 "
            "GROUP BY ALL ORDER BY ALL"
        )
        with self._limited():
            found: dict[str, Any] = self._connection.sql(query).fetchnumpy()
            return found

    def run_times(self, date: str, appliance: str, start_ms: int, end_ms: int, *, by_minute: bool) -> dict[str, Any]:
        """An appliance's steps of one date as arrays, by time: at_ms, on, power_w; `by_minute`: on for half of each."""
        on, source = ("2 * on_s >= samples", "appliance_1m") if by_minute else ('"on"', "appliance")
        query = (
            f"SELECT epoch_ms(time) AS at_ms, {on} AS 'on', power_w FROM {source} "  # noqa: S608 - our own names
            f"WHERE date = $date AND appliance = $appliance AND power_w IS NOT NULL "
            f"AND epoch_ms(time) >= {int(start_ms)} AND epoch_ms(time) < {int(end_ms)} ORDER BY time"
        )
        with self._limited():
            asked = self._connection.execute(query, {"date": date, "appliance": appliance})
            found: dict[str, Any] = asked.fetchnumpy()
            return found

    def ask(self, sql: str) -> "Answer":
        """The answer to one SELECT; NilmError in one sentence where it is none, is wrong, or takes too much.

        Unavailable where a stored file is gone: the next catalogue knows better.
        """
        with self._limited():
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type.name not in _READS:
                raise NilmError("only one SELECT (or WITH … SELECT, or EXPLAIN) can be asked at a time.")
            relation = self._connection.sql(statements[0].query)
            if relation is None:
                raise NilmError("that question has no answer.")
            return Answer(tuple(relation.columns), self._rows(relation))

    def _rows(self, relation: Any) -> Iterator[list[Any]]:
        with self._limited():
            for batch in relation.to_arrow_reader(_BATCH_ROWS):
                columns = [column.to_pylist() for column in batch.columns]
                yield from (list(row) for row in zip(*columns, strict=True))

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError, ValueError, RuntimeError) as error:
            if self._late:
                raise NilmError(
                    f"it took longer than {self._limits.timeout_s:g} s (history.query_timeout_s); "
                    "ask for less, or give `date` too: only those days' files are then opened."
                ) from error
            if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in str(error):
                raise NilmError(
                    f"it needs more than {self._limits.memory_mb} MB (history.query_memory_mb); ask for less."
                ) from error
            if isinstance(error, duckdb.IOException) or "IO Error" in str(error):
                raise Unavailable(_first_line(error)) from error
            raise NilmError(_first_line(error)) from error

    def _stop(self) -> None:
        self._late = True
        self._connection.interrupt()


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows; the rows come as they are found."""

    columns: Sequence[str]
    rows: Iterator[list[Any]]


def _lock(connection: Any, folder: SnapshotFolder, limits: Limits, timezone: str) -> None:
    root = str(folder.root.resolve()).replace("'", "''")
    if timezone:
        try:
            connection.execute("SET TimeZone = '{}'".format(timezone.replace("'", "")))
        except duckdb.Error as error:
            raise ConfigError(f"history.timezone: {timezone!r} is no time zone such as Europe/Brussels") from error
    for statement in (
        f"SET memory_limit = '{limits.memory_mb}MB'",
        "SET temp_directory = ''",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET allow_community_extensions = false",
        "SET allow_persistent_secrets = false",
        "SET python_enable_replacements = false",
        f"SET allowed_directories = ['{root}']",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def _views(folder: SnapshotFolder) -> Iterator[tuple[str, str]]:
    days = [day for building in folder.buildings() for day in folder.days(building)]
    for kind in KINDS:
        source = _source(folder, days, kind)
        if kind.endswith("_1m"):
            columns = _rolled(kind)
        else:
            columns = ", ".join(column.split()[0] for column in _COLUMNS[kind].split(", "))
        yield kind, f"SELECT time, date, building, {columns} FROM {source}"  # noqa: S608 - our own names
    for kind in ("mains", "appliance"):
        more = "appliance, " if kind == "appliance" else ""
        last = "sum(on_s)::BIGINT AS on_s" if kind == "appliance" else "sum(export_kwh) AS export_kwh"
        for step, finer, time in _STEPS:
            date = "" if step == "1d" else "date, "  # a local day may lie in two UTC dates
            yield (
                f"{kind}_{step}",
                f"SELECT {time} AS time, {date}building, {more}sum(samples)::BIGINT AS samples, "  # noqa: S608
                "sum(power_w * samples) / sum(samples) AS power_w, min(min_w) AS min_w, max(max_w) AS max_w, "
                f"sum(energy_kwh) AS energy_kwh, {last} FROM {kind}_{finer} GROUP BY ALL",
            )


def _rolled(kind: str) -> str:
    energy = f"power_w * samples / {_WS_PER_KWH} AS energy_kwh"
    if kind == "mains_1m":
        return f"samples, power_w, min_w, max_w, {energy}, export_w * samples / {_WS_PER_KWH} AS export_kwh"
    return f"appliance, samples, power_w, min_w, max_w, {energy}, on_s"


def _source(folder: SnapshotFolder, days: Sequence[Day], kind: str) -> str:
    root = folder.root.resolve()
    files: dict[bool, list[str]] = {}
    for day in days:
        for part in day.of(kind):
            if folder.is_there(day, part):
                path = str(root / folder.file(day, part).relative_to(folder.root)).replace("'", "''")
                files.setdefault(part.measured or kind != "appliance", []).append(path)
    if not files:
        columns = ["time TIMESTAMPTZ", "date DATE", "building VARCHAR", *_COLUMNS[kind].split(", ")]
        nothing = ", ".join(f"NULL::{column.split()[1]} AS {column.split()[0]}" for column in columns)
        return f"(SELECT {nothing} WHERE false)"
    sources = [_read(files[complete], "*" if complete else "*, NULL::DOUBLE AS measured_w") for complete in files]
    return f"({' UNION ALL BY NAME '.join(sources)})"


def _read(files: Sequence[str], columns: str) -> str:
    listed = ", ".join(f"'{file}'" for file in files)
    return (
        f"SELECT {columns} FROM read_parquet([{listed}], hive_partitioning = true, hive_types_autocast = false, "  # noqa: S608
        "hive_types = {'building': VARCHAR, 'date': DATE})"
    )


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())[:500]
