"""Points as a table: CSV or an Arrow stream, a row for each time, or for each appliance at a time."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from flask import Response

from edge.core.line_protocol import OTHER
from gateway.times import iso_times, parse_time, zoned_times

CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
Points = Sequence[dict[str, Any]]
Columns = Callable[[Points, bool], Mapping[str, Sequence[Any]]]

_OF_CELL = ("power_w", "p_on", "on", "low_w", "high_w", "warmup", "on_s", "samples")
_FINE = {"low_w", "high_w", "warmup"}
_COARSE = {"on_s", "samples"}


def of_readings(points: Points, coarse: bool) -> Mapping[str, Sequence[Any]]:
    """time (ms), power_w, and flags, or samples where a point is a `coarse` step."""
    about = {"samples": [point["samples"] for point in points]} if coarse else {}
    flags = {} if coarse else {"flags": [point.get("flags", 0) for point in points]}
    return {"time": _times(points), "power_w": [point["power_w"] for point in points], **flags, **about}


def of_predictions(points: Points, coarse: bool) -> Mapping[str, Sequence[Any]]:
    """time (ms), appliance, and what is said of it; what no model explains is an appliance, other.

    `measured_w` is a column where an appliance's own meter said anything.
    """
    cells = [
        (at_ms, name, cell)
        for at_ms, point in zip(_times(points), points, strict=True)
        for name, cell in [*point["appliances"].items(), *_other(point)]
    ]
    names = [name for name in _OF_CELL if name not in (_FINE if coarse else _COARSE)]
    if any("measured_w" in cell for _, _, cell in cells):
        names.append("measured_w")
    columns = {name: [cell.get(name) for _, _, cell in cells] for name in names}
    return {"time": [row[0] for row in cells], "appliance": [row[1] for row in cells], **columns}


def at_times(points: Points, times: Sequence[str]) -> list[dict[str, Any]]:
    """The points with their times said otherwise."""
    return [{**point, "time": time} for point, time in zip(points, times, strict=True)]


def table(form: str, columns: Mapping[str, Sequence[Any]], where: tzinfo | None) -> Response:
    """Columns as `form`, CSV or ARROW; times in `where`, UTC for None."""
    if form == ARROW:
        from edge.adapters.history_export import as_arrow  # noqa: PLC0415 - Arrow, 40 MiB, for whoever asks

        return Response(as_arrow(columns, str(where or "UTC")), content_type=ARROW)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    times = columns["time"]
    said = iso_times(times) if where is None else zoned_times(times, where)
    rest = [values for name, values in columns.items() if name != "time"]
    writer.writerows([_text(value) for value in row] for row in zip(said, *rest, strict=True))
    return Response(out.getvalue(), content_type=f"{CSV}; charset=utf-8")


def _other(point: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [] if point["other_w"] is None else [(OTHER, {"power_w": point["other_w"]})]


def _times(points: Points) -> list[int]:
    return [parse_time(point["time"]) for point in points]


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
