"""/analytics: the last hour from Redis, history from InfluxDB."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from edge.accuracy import summary
from edge.errors import Unavailable
from edge.unit import now_ms
from gateway import columns, history, minutes
from gateway import tables as shape
from gateway.access import Of, Who, access, caller
from gateway.asks import JSON, Call, described, takes
from gateway.kept import Points, Rows
from gateway.parameters import (
    Span,
    Wanted,
    building_of,
    unknown_appliance,
    unknown_building,
    wanted_predictions,
    wanted_readings,
)
from gateway.parts import parts
from gateway.predictions import appliances_of, only, prediction_columns, prediction_points
from gateway.readings import reading_columns, reading_points
from gateway.replies import json_reply, rows_reply
from gateway.schemas import (
    ACCURACY,
    APPLIANCE_ID,
    BUILDING_ID,
    END,
    FILE,
    LAST,
    LAYOUT,
    LIMIT_PREDICTIONS,
    LIMIT_READINGS,
    PREDICTIONS,
    READINGS,
    RESOLUTION,
    START,
    TZ,
)
from gateway.times import iso_times, parse_time, zoned_times

pages = Blueprint("analytics", __name__, url_prefix="/analytics")

_READINGS = takes(BUILDING_ID, LAST, START, END, RESOLUTION, LAYOUT, TZ, LIMIT_READINGS)
_PREDICTIONS = takes(BUILDING_ID, APPLIANCE_ID, LAST, START, END, RESOLUTION, LAYOUT, TZ, LIMIT_PREDICTIONS)


@pages.get("/readings")
@access(Who.VIEWER, Of.BUILDING, dashboard=True)
@described(Call(_READINGS, {200: {JSON: READINGS, shape.CSV: FILE, shape.ARROW: FILE}}))
def readings() -> Response:
    """Mains power."""
    wanted = _wanted(wanted_readings(request.args.to_dict(flat=False)))
    body: dict[str, Any]
    if isinstance(wanted.which, Span):
        stored = (parts().influx, parts().config.influx.bucket_raw, wanted.building, wanted.which)
        if wanted.which.step_s == minutes.STEP_S:
            kept = parts().minutes.readings(wanted.building, wanted.which)
            body = {**history.columns_of_readings([]), **kept.as_columns()} if wanted.columns else {}
            body = body or {"points": _rows(kept, as_is=_as_is(wanted))}
            found = bool(kept.rows)
        elif wanted.columns and wanted.which.step_s == 1:
            body = columns.reading_columns_of(*stored)
            found = any(body.values())
        else:
            points = history.stored_readings(*stored)
            body = history.columns_of_readings(points) if wanted.columns else {"points": points}
            found = bool(points)
    else:
        as_is = _as_is(wanted)
        recent = parts().recent.readings(wanted.building, wanted.which, rows=as_is)
        found = bool(recent.readings)
        if wanted.columns:
            body = reading_columns(recent.readings)
        else:
            body = {"points": Rows(recent.rows) if as_is else reading_points(recent.readings)}
    _check_known(wanted.building, found)
    return _reply(wanted, "mains", body, shape.of_readings)


@pages.get("/predictions")
@access(Who.VIEWER, Of.APPLIANCE, dashboard=True)
@described(Call(_PREDICTIONS, {200: {JSON: PREDICTIONS, shape.CSV: FILE, shape.ARROW: FILE}}))
def predictions() -> Response:
    """What each appliance draws."""
    wanted = _wanted(wanted_predictions(request.args.to_dict(flat=False)))
    body: dict[str, Any]
    granted = caller().appliances(wanted.building)
    as_is = _as_is(wanted) and wanted.appliance is None and granted is None
    if isinstance(wanted.which, Span):
        bucket = parts().config.influx.bucket_pred
        asked = (parts().influx, bucket, wanted.building, wanted.which, wanted.appliance)
        if wanted.which.step_s == minutes.STEP_S:
            kept = parts().minutes.predictions(wanted.building, wanted.which)
            found, any_found = kept.names(), bool(kept.rows)
            body = _of_minutes(kept, wanted, as_is=as_is)
        elif wanted.columns and wanted.which.step_s == 1:
            body = columns.prediction_columns_of(*asked)
            found, any_found = set(body["appliances"]), bool(body["at_ms"])
        else:
            points = history.stored_predictions(*asked)
            body = history.columns_of_predictions(points) if wanted.columns else {"points": points}
            found, any_found = {name for point in points for name in point["appliances"]}, bool(points)
    else:
        recent = parts().recent.predictions(wanted.building, wanted.which, rows=as_is)
        tables = recent.tables
        found, any_found = appliances_of(tables), bool(tables)
        from_ms = int(tables[0].at_ms[0]) if tables else 0
        measured = parts().streams.measured(wanted.building, from_ms) if recent.measured and tables else {}
        if wanted.columns and wanted.appliance is None and not measured:
            body = recent.columns
        elif wanted.columns:
            body = prediction_columns(tables, wanted.appliance, measured)
        elif recent.rows:
            body = {"points": Rows(recent.rows)}
        else:
            body = {"points": prediction_points(tables, wanted.appliance, measured)}
    _check_known(wanted.building, any_found)
    if wanted.appliance is not None and any_found and wanted.appliance not in found:
        raise unknown_appliance(wanted.appliance)
    return _reply(wanted, "appliance", body if granted is None else only(body, granted), shape.of_predictions)


def _as_is(wanted: Wanted) -> bool:
    """Whether rows leave as they are kept: as JSON, with times in UTC."""
    return not wanted.columns and wanted.where is None and _form() == JSON


def _rows(kept: Points, *, as_is: bool) -> Any:
    return Rows(kept.rows) if as_is else kept.as_points()


def _of_minutes(kept: Points, wanted: Wanted, *, as_is: bool) -> dict[str, Any]:
    """The body: all appliances, or the one that is asked for, where it or the rest is known."""
    if wanted.appliance is None:
        if wanted.columns:
            return {**history.columns_of_predictions([]), **kept.as_columns()}
        return {"points": _rows(kept, as_is=as_is)}
    points = [
        {**point, "appliances": {name: cell for name, cell in point["appliances"].items() if name == wanted.appliance}}
        for point in kept.as_points()
    ]
    points = [point for point in points if point["appliances"] or point["other_w"] is not None]
    return history.columns_of_predictions(points) if wanted.columns else {"points": points}


def _wanted(wanted: Wanted) -> Wanted:
    """A table is made of rows, whatever layout is asked for."""
    return replace(wanted, columns=wanted.columns and _form() == JSON)


def _form() -> str:
    return request.accept_mimetypes.best_match([JSON, shape.CSV, shape.ARROW]) or JSON


def _reply(wanted: Wanted, measurement: str, body: dict[str, Any], shaped: shape.Columns) -> Response:
    """The answer in the form and the time zone asked for; of a page, where the next one starts."""
    more: dict[str, Any] = {}
    if isinstance(wanted.which, Span) and wanted.which.until_ms is not None:
        influx = parts().config.influx
        bucket = influx.bucket_raw if measurement == "mains" else influx.bucket_pred
        first_ms = history.first_from(parts().influx, bucket, measurement, wanted.building, wanted.which)
        step_ms = wanted.which.step_s * 1000
        more["next"] = None if first_ms is None else iso_times([first_ms // step_ms * step_ms])[0]
    form: str = _form()
    points: Any = body.get("points", [])  # Rows only where nothing is done to them
    if form == JSON:
        if wanted.where is not None:
            times = zoned_times([parse_time(point["time"]) for point in points], wanted.where)
            body = {**body, **({"points": shape.at_times(points, times)} if "points" in body else {})}
        if isinstance(points, Rows):
            response = rows_reply({"building_id": wanted.building, **more}, "points", points)
        else:
            response = json_reply({"building_id": wanted.building, **body, **more})
    else:
        coarse = isinstance(wanted.which, Span) and wanted.which.step_s > 1
        response = shape.table(form, shaped(points, coarse), wanted.where)
    response.vary.add("Accept")
    if more.get("next"):
        query = urlencode({**request.args, "start": more["next"]})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


@pages.get("/accuracy")
@access(Who.VIEWER, Of.APPLIANCE, dashboard=True)
@described(Call(takes(BUILDING_ID, APPLIANCE_ID), {200: {JSON: ACCURACY}}))
def accuracy() -> Response:
    """How right the predictions are of appliances that have a meter of their own, over the last day and week."""
    query = request.args.to_dict(flat=False)
    building = building_of(query)
    if building not in parts().buildings():
        raise unknown_building(building)
    found = summary(parts().streams, building, now_ms())
    granted, one = caller().appliances(building), request.args.get("appliance_id")
    shown = {
        name: said
        for name, said in found["appliances"].items()
        if (granted is None or name in granted) and one in {None, name}
    }
    return json_reply({"building_id": building, **found, "appliances": shown})


def _check_known(building: str, found: bool) -> None:
    """Nothing found: is it that nobody knows the building? While Redis is away, it may be known."""
    if found:
        return
    try:
        known = parts().buildings()
    except Unavailable:
        return
    if building not in known:
        raise unknown_building(building)
