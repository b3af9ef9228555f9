"""Points of history as they leave: each as JSON, and as columns; pieces are put together without being read."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.times import parse_time


@dataclass(frozen=True, slots=True)
class Points:
    """`rows` by time, `at_ms` of each; `columns` by their path in the answer, such as ("appliances", "Oven")."""

    at_ms: list[int] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)
    columns: dict[tuple[str, ...], list[Any]] = field(default_factory=dict)

    def between(self, start_ms: int, end_ms: int) -> "Points":
        """Those from `start_ms` until before `end_ms`."""
        part = slice(bisect_left(self.at_ms, start_ms), bisect_left(self.at_ms, end_ms))
        columns = {path: values[part] for path, values in self.columns.items()}
        return Points(self.at_ms[part], self.rows[part], columns)

    def names(self) -> set[str]:
        """The appliances there are."""
        return {path[1] for path in self.columns if path[0] == "appliances"}

    def as_points(self) -> list[dict[str, Any]]:
        """The points, to go on working with."""
        found: list[dict[str, Any]] = orjson.loads(b"[%b]" % b",".join(self.rows))
        return found

    def as_columns(self) -> dict[str, Any]:
        """The points as an answer's columns."""
        body: dict[str, Any] = {"at_ms": self.at_ms}
        for path in sorted(self.columns):
            if len(path) == 1:
                body[path[0]] = self.columns[path]
            else:
                body.setdefault(path[0], {})[path[1]] = self.columns[path]
        return body


class Rows(list[bytes]):
    """Points that leave as the JSON that they are."""


def points(found: Sequence[dict[str, Any]], columns: Mapping[str, Any]) -> Points:
    """Points, and the same as `columns`, to be kept."""
    flat: dict[tuple[str, ...], list[Any]] = {}
    for name, values in columns.items():
        if isinstance(values, Mapping):
            flat |= {(name, one): list(of_one) for one, of_one in values.items()}
        elif name != "at_ms":
            flat[name,] = list(values)
    return Points([parse_time(point["time"]) for point in found], [orjson.dumps(point) for point in found], flat)


def joined(pieces: Sequence[Points]) -> Points:
    """Pieces that follow each other as one; a column that a piece lacks is null there."""
    paths = dict.fromkeys(path for piece in pieces for path in piece.columns)
    found = Points(columns={path: [] for path in paths})
    for piece in pieces:
        found.at_ms.extend(piece.at_ms)
        found.rows.extend(piece.rows)
        for path, values in found.columns.items():
            values.extend(piece.columns.get(path) or [None] * len(piece.at_ms))
    return found
