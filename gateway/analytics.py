"""/analytics: the last hour from Redis, history from InfluxDB."""

from typing import Any

from flask import Blueprint, Response, request

from edge.errors import Unavailable
from gateway import history
from gateway.access import Of, Who, access, caller
from gateway.asks import JSON, Call, described, takes
from gateway.parameters import (
    Span,
    unknown_appliance,
    unknown_building,
    wanted_predictions,
    wanted_readings,
)
from gateway.parts import parts
from gateway.predictions import appliances_of, only, prediction_columns, prediction_points
from gateway.readings import reading_columns, reading_points
from gateway.replies import json_reply
from gateway.schemas import APPLIANCE_ID, BUILDING_ID, END, LAST, LAYOUT, PREDICTIONS, READINGS, RESOLUTION, START

pages = Blueprint("analytics", __name__, url_prefix="/analytics")


@pages.get("/readings")
@access(Who.VIEWER, Of.BUILDING, dashboard=True)
@described(Call(takes(BUILDING_ID, LAST, START, END, RESOLUTION, LAYOUT), {200: {JSON: READINGS}}))
def readings() -> Response:
    """Mains power."""
    wanted = wanted_readings(request.args.to_dict(flat=False))
    body: dict[str, Any]
    if isinstance(wanted.which, Span):
        bucket = parts().config.influx.bucket_raw
        points = history.stored_readings(parts().influx, bucket, wanted.building, wanted.which)
        body = history.columns_of_readings(points) if wanted.columns else {"points": points}
        found = bool(points)
    else:
        recent = parts().streams.readings(wanted.building, wanted.which)
        body = reading_columns(recent) if wanted.columns else {"points": reading_points(recent)}
        found = bool(recent)
    _check_known(wanted.building, found)
    return json_reply({"building_id": wanted.building, **body})


@pages.get("/predictions")
@access(Who.VIEWER, Of.APPLIANCE, dashboard=True)
@described(Call(takes(BUILDING_ID, APPLIANCE_ID, LAST, START, END, RESOLUTION, LAYOUT), {200: {JSON: PREDICTIONS}}))
def predictions() -> Response:
    """What each appliance draws."""
    wanted = wanted_predictions(request.args.to_dict(flat=False))
    body: dict[str, Any]
    if isinstance(wanted.which, Span):
        bucket = parts().config.influx.bucket_pred
        points = history.stored_predictions(parts().influx, bucket, wanted.building, wanted.which, wanted.appliance)
        body = history.columns_of_predictions(points) if wanted.columns else {"points": points}
        found = {name for point in points for name in point["appliances"]}
        any_found = bool(points)
    else:
        tables = parts().streams.predictions(wanted.building, wanted.which)
        found, any_found = appliances_of(tables), bool(tables)
        if wanted.columns:
            body = prediction_columns(tables, wanted.appliance)
        else:
            body = {"points": prediction_points(tables, wanted.appliance)}
    _check_known(wanted.building, any_found)
    if wanted.appliance is not None and any_found and wanted.appliance not in found:
        raise unknown_appliance(wanted.appliance)
    granted = caller().appliances(wanted.building)
    return json_reply({"building_id": wanted.building, **(body if granted is None else only(body, granted))})


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
