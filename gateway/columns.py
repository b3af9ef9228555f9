"""Seconds from InfluxDB as columns, for charts: a quarter of the time that points take, for a day has a million."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.adapters.influx import Influx, Series
from gateway.history import IN_SPAN, OTHER, bound_to
from gateway.parameters import Span
from gateway.predictions import numbers

Grid = NDArray[np.float64]
"""A number for each second of a span; NaN where there is none."""


def reading_columns_of(influx: Influx, bucket: str, building: str, span: Span) -> dict[str, Any]:
    """Each stored second of mains, as `readings.reading_columns` has the last hour."""
    found = influx.query(bucket, f"SELECT power_w, flags FROM mains WHERE {IN_SPAN}", bound_to(building, span))  # noqa: S608
    power_w = _grid(span, [(row[0], row[1]) for series in found for row in series.values])
    flags = _grid(span, [(row[0], row[2]) for series in found for row in series.values])
    at = np.flatnonzero(~np.isnan(power_w))
    return {
        "at_ms": (span.start_ms + at * 1000).tolist(),
        "power_w": numbers(power_w[at], 1),
        "flags": np.nan_to_num(flags[at]).astype(int).tolist(),
    }


def prediction_columns_of(
    influx: Influx, bucket: str, building: str, span: Span, appliance: str | None
) -> dict[str, Any]:
    """Each predicted second, as `predictions.prediction_columns` has the last hour."""
    bound, which = bound_to(building, span), ""
    if appliance is not None:
        bound["appliance"] = appliance
        which = f" AND (appliance = $appliance OR appliance = '{OTHER}')"

    def asked(field: str, more: str = "") -> dict[str, Grid]:
        where = f"{IN_SPAN}{which}{more}"
        found = influx.query(bucket, f"SELECT {field} FROM appliance WHERE {where} GROUP BY appliance", bound)  # noqa: S608
        return {_name(series): _grid(span, series.values) for series in found}

    powers, measured = asked("power_w"), asked("measured_w")
    warming = asked("warmup", " AND warmup = true")
    other = powers.pop(OTHER, _grid(span, []))
    measured.pop(OTHER, None)
    known = ~np.isnan([other, *powers.values(), *measured.values()])
    at = np.flatnonzero(known.any(axis=0))
    warmup = np.any([~np.isnan(grid) for grid in [*warming.values(), _grid(span, [])]], axis=0)
    bounds = {"low_w": asked("low_w"), "high_w": asked("high_w")} if appliance is not None else {}
    return {
        "at_ms": (span.start_ms + at * 1000).tolist(),
        **({"measured_w": _numbers(measured, at)} if measured else {}),
        "appliances": _numbers(dict(sorted(powers.items())), at),
        **{name: _numbers(grids, at) for name, grids in bounds.items()},
        "other_w": numbers(other[at], 1),
        "warmup": warmup[at].tolist(),
    }


def _name(series: Series) -> str:
    return series.tags.get("appliance", OTHER)


def _grid(span: Span, rows: Any) -> Grid:
    grid = np.full((span.end_ms - span.start_ms) // 1000, np.nan)
    if rows:
        at_ms, values = np.array(rows, np.float64).T
        grid[(at_ms.astype(np.int64) - span.start_ms) // 1000] = values
    return grid


def _numbers(grids: Mapping[str, Grid], at: NDArray[np.intp]) -> dict[str, list[float | None]]:
    return {name: numbers(grid[at], 1) for name, grid in grids.items()}
