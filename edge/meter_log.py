"""A meter's own log, CSV or Parquet: rows of time and power, or of time and an energy counter."""

import csv
import itertools
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.core.sample import POWER_LIMIT_W
from edge.errors import NilmError
from edge.local_time import WallClock, to_ms

TIMES = ("time", "timestamp")
POWERS = {"power_w": 1.0, "power_kw": 1000.0}
COUNTERS = {"energy_wh": 1.0, "energy_kwh": 1000.0}
_TOLD = 20
_MS_FROM = 1e11
"""A number above this is Unix ms: as seconds it would be the year 5138."""
_LAST_MS = 4_102_444_800_000
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


@dataclass(slots=True)
class MeterLog:
    """Rows in order of time: `time_ms` UTC, and `values` in W, or in Wh of a counter."""

    name: str
    is_counter: bool
    time_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    malformed: int = 0
    told: list[str] = field(default_factory=list)
    """Where the first malformed rows are, and what is wrong with each."""


def read(file: Path, where: tzinfo | None) -> MeterLog:
    """Read a log; `where` is the zone of times that name none. NilmError where it is no log or has no good row."""
    rows = _Rows(where)
    is_counter = (_read_parquet if _is_parquet(file) else _read_csv)(file, rows)
    time_ms, values = np.array(rows.time_ms, np.int64), np.array(rows.values, np.float64)
    if not len(time_ms):
        why = f"; {rows.told[0]}" if rows.told else ""
        raise NilmError(f"{file.name} has no row that can be used{why}")
    order = np.argsort(time_ms, kind="stable")
    return MeterLog(file.name, is_counter, time_ms[order], values[order], rows.malformed, rows.told)


class _Rows:
    """The good rows so far, and what is told of the others."""

    def __init__(self, where: tzinfo | None) -> None:
        self.clock = WallClock(where) if where else None
        self.time_ms = array("q")
        self.values = array("d")
        self.malformed = 0
        self.told: list[str] = []

    def add(self, place: str, time: int | datetime, value: float, limit: float) -> None:
        if isinstance(time, datetime):
            time = self._local_ms(time)
        if not 0 < time < _LAST_MS:
            raise ValueError(f"the time {time} ms is not between 1970 and 2100")
        if not abs(value) <= limit:
            raise ValueError(f"{place} is {value}, which is no possible value")
        self.time_ms.append(time)
        self.values.append(value)

    def refuse(self, where: str, why: object) -> None:
        self.malformed += 1
        if len(self.told) < _TOLD:
            self.told.append(f"{where}: {why}")

    def _local_ms(self, time: datetime) -> int:
        if self.clock is None:
            raise NilmError(
                f"times such as {time.isoformat(' ')} name no time zone; say it with --timezone, such as "
                "--timezone Europe/Brussels"
            )
        at_ms = self.clock.utc_ms(time)
        if at_ms is None:
            raise ValueError(f"there was no {time.isoformat(' ')} in that zone: clocks were put forward")
        return at_ms


def _is_parquet(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(4) == b"PAR1"
    except OSError as error:
        raise NilmError(f"cannot read {file}: {error.strerror}") from error


def _columns(names: Sequence[str], file: Path) -> tuple[str, str, float, bool]:
    """The columns of time and value, the value's factor to W or Wh, and whether it is a counter."""
    times = [name for name in names if name in TIMES]
    powers = [name for name in names if name in POWERS]
    counters = [name for name in names if name in COUNTERS]
    values = powers or counters
    if len(times) != 1 or len(values) != 1:
        raise NilmError(
            f"{file.name} has the columns {_printable(names)}; it needs one of {', '.join(TIMES)}, "
            f"and one of {', '.join([*POWERS, *COUNTERS])}, in a first line"
        )
    return times[0], values[0], (POWERS | COUNTERS)[values[0]], not powers


def _printable(names: Sequence[str]) -> str:
    """Names of anything's columns: no control characters reach the terminal."""
    text = ", ".join(names)[:200] or "none"
    return "".join(character if character.isprintable() else "?" for character in text)


def _read_csv(file: Path, rows: _Rows) -> bool:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        header = stream.readline()
        mark = max(";\t,", key=header.count)
        names = [name.strip().lower() for name in next(csv.reader([header], delimiter=mark), [])]
        time_name, name, factor, is_counter = _columns(names, file)
        time_at, value_at = names.index(time_name), names.index(name)
        limit = POWER_LIMIT_W if not is_counter else math.inf
        lines = _lines(csv.reader(stream, delimiter=mark), rows)
        if _newest_first(file, time_at, mark):
            lines = iter(list(lines)[::-1])
        for number, cells in lines:
            try:
                if len(cells) != len(names):
                    raise ValueError(f"{len(cells)} cells, where the first line has {len(names)}")
                text = cells[value_at].strip()
                value = _number(text if mark == "," else text.replace(",", "."), name)
                rows.add(name, _time(cells[time_at].strip()), value * factor, limit)
            except ValueError as error:
                rows.refuse(f"line {number}", error)
    return is_counter


def _lines(reader: "Iterator[list[str]]", rows: _Rows) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not empty, by its number in the file."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            rows.refuse(f"line {reader.line_num + 1}", error)  # type: ignore[attr-defined]
            continue
        if any(cell.strip() for cell in cells):
            yield reader.line_num + 1, cells  # type: ignore[attr-defined]


def _newest_first(file: Path, time_at: int, mark: str) -> bool:
    """Whether the first rows go back in time: then the whole log does."""
    found: list[int | datetime] = []
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        stream.readline()
        for cells in csv.reader((line for _, line in zip(range(50), stream, strict=False)), delimiter=mark):
            try:
                time = _time(cells[time_at].strip())
            except (ValueError, IndexError):
                continue
            if found and type(time) is not type(found[0]):
                return False
            found.append(time)
    falls = sum(later < earlier for earlier, later in itertools.pairwise(found))  # type: ignore[operator]
    rises = sum(later > earlier for earlier, later in itertools.pairwise(found))  # type: ignore[operator]
    return falls > rises


def _read_parquet(file: Path, rows: _Rows) -> bool:
    from edge.adapters.parquet import Table  # noqa: PLC0415 - 40 MiB, for Parquet alone

    table = Table(file)
    names = {name.strip().lower(): name for name in table.columns}
    time_name, name, factor, is_counter = _columns(list(names), file)
    time_ms, values = table.time_ms(names[time_name]), table.numbers(names[name]) * factor
    local = table.names_no_zone(names[time_name])
    limit = POWER_LIMIT_W if not is_counter else math.inf
    rising = len(time_ms) < 2 or time_ms[-1] >= time_ms[0]
    for row in range(len(time_ms)) if rising else range(len(time_ms) - 1, -1, -1):
        at_ms = int(time_ms[row])
        at_ms = at_ms if at_ms > _MS_FROM or local else at_ms * 1000
        try:
            if not math.isfinite(values[row]):
                raise ValueError(f"{name} is missing")
            rows.add(name, _naive(at_ms) if local else at_ms, float(values[row]), limit)
        except (ValueError, OverflowError) as error:
            rows.refuse(f"row {row + 1}", error)
    return is_counter


def _naive(at_ms: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(milliseconds=at_ms)  # noqa: DTZ001 - the log names no zone


def _time(text: str) -> int | datetime:
    """ms since 1970, or a time without a zone; ValueError where it is neither."""
    if _NUMBER.fullmatch(text):
        number = float(text)
        return round(number if abs(number) > _MS_FROM else number * 1000)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time") from None
    try:
        return time if time.tzinfo is None else to_ms(time)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is no time") from None


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text[:40]!r}, not a number")
    return value
