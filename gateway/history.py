"""History from InfluxDB: fixed statements with bound parameters, answers as points."""

from collections.abc import Sequence
from typing import Any

from edge.adapters.influx import Influx, Series
from edge.core.csv_lines import POWERS
from edge.core.sample import Flags
from gateway.parameters import Span
from gateway.times import iso_times, parse_time

OTHER = "other"
"""The appliance under which what no model explains is stored."""

IN_SPAN = "building = $building AND time >= $start AND time < $end"
_STEPS = {60: "time(1m)", 900: "time(15m)", 3600: "time(1h)"}


def stored_readings(influx: Influx, bucket: str, building: str, span: Span) -> list[dict[str, Any]]:
    """Mains points: each second, or the mean of each step and how many samples it has."""
    if span.step_s == 1:
        statement = f"SELECT power_w, flags FROM mains WHERE {IN_SPAN}"  # noqa: S608
    else:
        statement = (
            "SELECT mean(power_w) AS power_w, count(power_w) AS samples "  # noqa: S608
            f"FROM mains WHERE {IN_SPAN} GROUP BY {_STEPS[span.step_s]} fill(none)"
        )
    points = []
    for series in influx.query(bucket, statement, bound_to(building, span)):
        times = iso_times([row[0] for row in series.values])
        for time, (_, power_w, number) in zip(times, series.values, strict=True):
            points.append({"time": time, "power_w": _float(power_w, 2), **_about(number, span.step_s)})
    return points


def stored_predictions(
    influx: Influx, bucket: str, building: str, span: Span, appliance: str | None
) -> list[dict[str, Any]]:
    """Prediction points; beyond 1 s `on` means on for at least half of the step's predicted seconds."""
    bound = bound_to(building, span)
    where = IN_SPAN
    if appliance is not None:
        where += f" AND (appliance = $appliance OR appliance = '{OTHER}')"
        bound["appliance"] = appliance
    if span.step_s == 1:
        columns = 'power_w, p_on, "on", low_w, high_w, warmup, measured_w'
        statement = f"SELECT {columns} FROM appliance WHERE {where} GROUP BY appliance"  # noqa: S608
        return _joined(influx.query(bucket, statement, bound), {})
    each_step = f"GROUP BY appliance, {_STEPS[span.step_s]} fill(none)"
    means = (
        "SELECT mean(power_w) AS power_w, mean(p_on) AS p_on, count(power_w) AS samples, "  # noqa: S608
        f"mean(measured_w) AS measured_w FROM appliance WHERE {where} {each_step}"
    )
    seconds_on = f'SELECT count("on") AS on_s FROM appliance WHERE {where} AND "on" = true {each_step}'  # noqa: S608
    return _joined(influx.query(bucket, means, bound), _by_step(influx.query(bucket, seconds_on, bound)))


def first_from(influx: Influx, bucket: str, measurement: str, building: str, span: Span) -> int | None:
    """The first second after the page that `span` is, up to where it goes on; None where nothing more is stored."""
    if span.until_ms is None or span.end_ms >= span.until_ms:
        return None
    rest = Span(span.end_ms, span.until_ms, span.step_s)
    statement = f"SELECT {POWERS[measurement]} FROM {measurement} WHERE {IN_SPAN} ORDER BY time LIMIT 1"  # noqa: S608
    found = influx.query(bucket, statement, bound_to(building, rest))
    return min((int(row[0]) for series in found for row in series.values), default=None)


def _joined(found: Sequence[Series], on_s: dict[tuple[str, int], int]) -> list[dict[str, Any]]:
    """One point a time from one series an appliance."""
    points: dict[int, dict[str, Any]] = {}
    for series in found:
        name = series.tags.get("appliance", OTHER)
        for row in series.values:
            fields = dict(zip(series.columns, row, strict=True))
            at_ms = fields.pop("time")
            point = points.setdefault(at_ms, {"time": "", "appliances": {}, "other_w": None})
            if name == OTHER:
                point["other_w"] = _float(fields["power_w"], 2)
            else:
                point["appliances"][name] = _cell(fields, on_s.get((name, at_ms), 0))
    ordered = sorted(points)
    for time, at_ms in zip(iso_times(ordered), ordered, strict=True):
        points[at_ms]["time"] = time
    return [points[at_ms] for at_ms in ordered]


def _cell(fields: dict[str, Any], on_s: int) -> dict[str, Any]:
    samples = fields.pop("samples", None)
    measured_w = _float(fields.pop("measured_w", None), 2)
    cell = {"power_w": _float(fields.pop("power_w"), 2), "p_on": _float(fields.pop("p_on"), 4)}
    if measured_w is not None:
        cell["measured_w"] = measured_w
    if cell["power_w"] is None:
        return cell | {"on": None}
    if samples is not None:
        return cell | {"on": 2 * on_s >= samples, "on_s": on_s, "samples": samples}
    interval = {"low_w": _float(fields["low_w"], 2), "high_w": _float(fields["high_w"], 2)}
    return cell | {"on": bool(fields["on"]), **interval, "warmup": bool(fields["warmup"])}


def _about(number: int | None, step_s: int) -> dict[str, Any]:
    if step_s > 1:
        return {"samples": number}
    return {"flags": number, "held": bool(number & Flags.HELD)} if number else {}


def _by_step(found: Sequence[Series]) -> dict[tuple[str, int], int]:
    return {(series.tags["appliance"], row[0]): row[1] for series in found for row in series.values}


def bound_to(building: str, span: Span) -> dict[str, str | int | float]:
    """The values of the $names in IN_SPAN."""
    return {"building": building, "start": span.start_ms * 1_000_000, "end": span.end_ms * 1_000_000}


def _float(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def columns_of_readings(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Points as columns, for charts."""
    return {
        "at_ms": [parse_time(point["time"]) for point in points],
        "power_w": [point["power_w"] for point in points],
        "flags": [point.get("flags", 0) for point in points],
    }


def columns_of_predictions(points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Points as columns of power, for charts; null where a time has no prediction of an appliance."""
    names = sorted({name for point in points for name in point["appliances"]})
    measured = sorted({n for point in points for n, cell in point["appliances"].items() if "measured_w" in cell})
    measured_w = {n: [point["appliances"].get(n, {}).get("measured_w") for point in points] for n in measured}
    return {
        "at_ms": [parse_time(point["time"]) for point in points],
        **({"measured_w": measured_w} if measured_w else {}),
        "appliances": {
            name: [cell["power_w"] if (cell := point["appliances"].get(name)) else None for point in points]
            for name in names
        },
        "other_w": [point["other_w"] for point in points],
    }
