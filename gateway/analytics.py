"""/analytics: the last hour from Redis, history from InfluxDB."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from edge.accuracy import summary
from edge.errors import Unavailable
from edge.unit import now_ms
from gateway import columns, history
from gateway import tables as shape
from gateway.access import Of, Who, access, caller
from gateway.asks import JSON, Call, described, takes
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
from gateway.replies import json_reply
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
        if wanted.columns and wanted.which.step_s == 1:
            body = columns.reading_columns_of(*stored)
        else:
            points = history.stored_readings(*stored)
            body = history.columns_of_readings(points) if wanted.columns else {"points": points}
        found = any(body.values())
    else:
        recent = parts().streams.readings(wanted.building, wanted.which)
        body = reading_columns(recent) if wanted.columns else {"points": reading_points(recent)}
        found = bool(recent)
    _check_known(wanted.building, found)
    return _reply(wanted, "mains", body, shape.of_readings)


@pages.get("/predictions")
@access(Who.VIEWER, Of.APPLIANCE, dashboard=True)
@described(Call(_PREDICTIONS, {200: {JSON: PREDICTIONS, shape.CSV: FILE, shape.ARROW: FILE}}))
def predictions() -> Response:
    """What each appliance draws."""
    wanted = _wanted(wanted_predictions(request.args.to_dict(flat=False)))
    body: dict[str, Any]
    if isinstance(wanted.which, Span):
        bucket = parts().config.influx.bucket_pred
        asked = (parts().influx, bucket, wanted.building, wanted.which, wanted.appliance)
        if wanted.columns and wanted.which.step_s == 1:
            body = columns.prediction_columns_of(*asked)
            found, any_found = set(body["appliances"]), bool(body["at_ms"])
        else:
            points = history.stored_predictions(*asked)
            body = history.columns_of_predictions(points) if wanted.columns else {"points": points}
            found, any_found = {name for point in points for name in point["appliances"]}, bool(points)
    else:
        tables = parts().streams.predictions(wanted.building, wanted.which)
        found, any_found = appliances_of(tables), bool(tables)
        measured = parts().streams.measured(wanted.building, int(tables[0].at_ms[0])) if tables else {}
        if wanted.columns:
            body = prediction_columns(tables, wanted.appliance, measured)
        else:
            body = {"points": prediction_points(tables, wanted.appliance, measured)}
    _check_known(wanted.building, any_found)
    if wanted.appliance is not None and any_found and wanted.appliance not in found:
        raise unknown_appliance(wanted.appliance)
    granted = caller().appliances(wanted.building)
    return _reply(wanted, "appliance", body if granted is None else only(body, granted), shape.of_predictions)


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
    form, points = _form(), body.get("points", [])
    if form == JSON:
        if wanted.where is not None:
            times = zoned_times([parse_time(point["time"]) for point in points], wanted.where)
            body = {**body, **({"points": shape.at_times(points, times)} if "points" in body else {})}
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
