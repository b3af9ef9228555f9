"""`nilm-edge query`: one question in SQL to the stored history, answered as a table, CSV or JSON."""

import csv
import itertools
import math
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import orjson

from edge.adapters.duck import Answer, Catalogue, Limits
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.errors import Unavailable
from edge.settings import Config

_TABLE_ROWS = 1000


def answer(config: Config, sql: str, shape: str, out: TextIO) -> None:
    """Write the answer to `out`, as `table`, `csv` or `json`; NilmError in one sentence where there is none."""
    history = config.history
    limits = Limits(history.query_timeout_s, history.query_memory_mb, history.query_threads)
    folder = SnapshotFolder(Path(config.data_dir))
    for tries_left in (1, 0):
        with Catalogue.open(folder.catalogue, folder, limits, history.timezone) as catalogue:
            try:
                found = catalogue.ask(sql)
                first = list(itertools.islice(found.rows, 1))
            except Unavailable:
                if tries_left:  # a snapshot has just replaced the files: its new catalogue knows
                    continue
                raise
            _SHAPES[shape](Answer(found.columns, itertools.chain(first, found.rows)), out)
            return


def _as_json(found: Answer, out: TextIO) -> None:
    out.write("[")
    for number, row in enumerate(found.rows):
        record = orjson.dumps(dict(zip(found.columns, map(_plain, row), strict=True)), default=_plain)
        out.write((",\n" if number else "\n") + record.decode())
    out.write("\n]\n")


def _as_csv(found: Answer, out: TextIO) -> None:
    writer = csv.writer(out)
    writer.writerow(found.columns)
    writer.writerows(["" if value is None else _plain(value) for value in row] for row in found.rows)


def _as_table(found: Answer, out: TextIO) -> None:
    rows = list(itertools.islice(found.rows, _TABLE_ROWS))
    texts = [list(found.columns), *([_text(value) for value in row] for row in rows)]
    widths = [max(len(text) for text in column) for column in zip(*texts, strict=True)]
    right = [
        all(isinstance(value, int | float | Decimal | None) for value in column) for column in _columns(rows, widths)
    ]
    for number, line in enumerate(texts):
        cells = (
            text.rjust(width) if r else text.ljust(width) for text, width, r in zip(line, widths, right, strict=True)
        )
        out.write("  ".join(cells).rstrip() + "\n")
        if not number:
            out.write("  ".join("-" * width for width in widths) + "\n")
    if next(found.rows, None) is not None:
        print(f"These are the first {_TABLE_ROWS} rows; --csv and --json give all.", file=sys.stderr)


def _columns(rows: list[list[Any]], widths: list[int]) -> Iterator[list[Any]]:
    for at in range(len(widths)):
        yield [row[at] for row in rows]


_SHAPES: dict[str, Callable[[Answer, TextIO], None]] = {"json": _as_json, "csv": _as_csv, "table": _as_table}


def _plain(value: Any) -> Any:
    """A value as JSON and CSV know it."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case float():
            return value if math.isfinite(value) else None
        case None | str() | int() | list() | dict():
            return value
        case _:
            return str(value)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat(sep=" ")
        case float():
            return f"{value:.3f}"
        case _:
            return " ".join(str(_plain(value)).split("\n")) if not isinstance(value, str) else value
