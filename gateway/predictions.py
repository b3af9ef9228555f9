"""Predictions as the dicts that leave as JSON."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.prediction import PredictionTable
from gateway.times import iso_times

Measured = Mapping[str, Mapping[int, float]]
"""What appliances' own meters said: W by appliance and second in ms."""

INTERVAL = ("low_w", "high_w")


def appliances_of(tables: Sequence[PredictionTable]) -> set[str]:
    """The appliances that any of the tables tells of."""
    return {column.appliance for table in tables for column in table.columns}


def prediction_points(
    tables: Sequence[PredictionTable], appliance: str | None = None, measured: Measured | None = None
) -> list[dict[str, Any]]:
    """One point a second: each appliance (or the one named), what its own meter said, and what no model explains."""
    points = [point for table in tables for point in _points(table, appliance)]
    at = [at_ms for table in tables for at_ms in table.at_ms.tolist()] if measured else []
    for name, seconds in (measured or {}).items():
        for at_ms, point in zip(at, points, strict=True):
            if at_ms in seconds and name in point["appliances"]:
                point["appliances"][name]["measured_w"] = round(seconds[at_ms], 2)
    return points


def prediction_columns(
    tables: Sequence[PredictionTable], appliance: str | None = None, measured: Measured | None = None
) -> dict[str, Any]:
    """For charts: power, null where a second has no prediction of an appliance; of a named one its interval too."""
    names = [appliance] if appliance else sorted(appliances_of(tables))
    at = [at_ms for table in tables for at_ms in table.at_ms.tolist()]
    told = {name: seconds for name, seconds in (measured or {}).items() if name in names}
    measured_w = {
        name: [round(seconds[at_ms], 1) if at_ms in seconds else None for at_ms in at] for name, seconds in told.items()
    }
    return {
        "at_ms": at,
        **({"measured_w": measured_w} if measured_w else {}),
        "appliances": _each(tables, names, "power_w"),
        **({kind: _each(tables, names, kind) for kind in INTERVAL} if appliance else {}),
        "other_w": [watt for table in tables for watt in numbers(table.other_w, 1)],
        "warmup": [warming for table in tables for warming in np.any(table.values["warmup"], axis=1).tolist()],
    }


def only(body: dict[str, Any], appliances: Set[str]) -> dict[str, Any]:
    """`body` for who may see just those appliances: the rest would tell of the others."""
    if "points" not in body:
        kinds = {"appliances", "measured_w", *INTERVAL} & body.keys()
        shown = {kind: {name: said for name, said in body[kind].items() if name in appliances} for kind in kinds}
        return {**body, **shown, "other_w": [None] * len(body["at_ms"])}
    points = [
        {**point, "appliances": {name: cell for name, cell in point["appliances"].items() if name in appliances}}
        for point in body["points"]
    ]
    return {**body, "points": [{**point, "other_w": None} for point in points]}


def _points(table: PredictionTable, appliance: str | None) -> list[dict[str, Any]]:
    chosen = [(i, column.appliance) for i, column in enumerate(table.columns) if appliance in {None, column.appliance}]
    names = [name for _, name in chosen]
    cells = [_cells(table.values[:, i]) for i, _ in chosen]
    seconds = zip(*cells, strict=True) if cells else iter([()] * len(table.at_ms))
    warmup = np.any(table.values["warmup"], axis=1).tolist()
    return [
        {"time": time, "appliances": dict(zip(names, second, strict=True)), "other_w": other_w, "warmup": warming}
        for time, second, other_w, warming in zip(
            iso_times(table.at_ms), seconds, numbers(table.other_w, 2), warmup, strict=True
        )
    ]


def _cells(column: NDArray[np.void]) -> list[dict[str, Any]]:
    return [
        {"power_w": power_w, "p_on": p_on, "on": on, "low_w": low_w, "high_w": high_w, "warmup": warmup}
        for power_w, p_on, on, low_w, high_w, warmup in zip(
            numbers(column["power_w"], 2),
            numbers(column["p_on"], 4),
            column["on"].tolist(),
            numbers(column["low_w"], 2),
            numbers(column["high_w"], 2),
            column["warmup"].tolist(),
            strict=True,
        )
    ]


def _each(tables: Sequence[PredictionTable], names: Sequence[str], field: str) -> dict[str, list[float | None]]:
    return {name: [watt for table in tables for watt in _of(table, name, field)] for name in names}


def _of(table: PredictionTable, appliance: str, field: str) -> list[float | None]:
    for i, column in enumerate(table.columns):
        if column.appliance == appliance:
            return numbers(table.values[field][:, i], 1)
    return [None] * len(table.at_ms)


def numbers(values: NDArray[Any], digits: int) -> list[float | None]:
    """Floats, rounded so that float32's tail does not show."""
    rounded: list[float | None] = np.round(values.astype(np.float64), digits).tolist()
    return rounded
