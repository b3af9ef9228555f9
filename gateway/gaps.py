"""/gaps: what is missing, and the wish to have it made up for; the work is done outside the gateway."""

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from edge.backfill_queue import BackfillQueue
from edge.gaps import Gaps
from edge.local_time import zone
from edge.unit import now_ms
from gateway.access import Of, Who, access, caller
from gateway.asks import JSON, Call, described, takes
from gateway.parameters import building_of, unknown_building, whole_number
from gateway.parts import parts
from gateway.replies import json_reply
from gateway.schemas import ASKED, DAYS_BACK, GAPS, MAX_GAP_HOURS, SOME_BUILDING_ID

pages = Blueprint("gaps", __name__, url_prefix="/gaps")

MAX_DAYS = 31
MAX_GAP_H = 744


@pages.get("/summary")
@access(Who.VIEWER, Of.GRANTED, dashboard=True)
@described(Call(takes(SOME_BUILDING_ID, DAYS_BACK), {200: {JSON: GAPS}}))
def gaps() -> Response:
    """What is missing of each building and day, and how far the backfill is."""
    query = request.args.to_dict(flat=False)
    days_back = whole_number(query, "days_back", 7, MAX_DAYS)
    buildings = [name for name in parts().buildings() if caller().sees(name)]
    if "building_id" in query:
        building = building_of(query)
        if building not in buildings:
            raise unknown_building(building)
        buildings = [building]
    config = parts().config
    where = zone(config.history.timezone)
    found = Gaps(config, parts().streams, parts().influx).summary(buildings, now_ms(), days_back, where)
    progress = _queue().progress(now_ms())
    if not caller().sees_everything:
        progress = {"state": progress["state"]}  # the rest names buildings
    return json_reply({**found, "backfill": progress})


@pages.post("/backfill")
@access(Who.OPERATOR, Of.ALL)
@described(Call(takes(DAYS_BACK), {202: {JSON: ASKED}}))
def backfill() -> Response:
    """Ask for a backfill of the last days."""
    query = request.args.to_dict(flat=False)
    return _asked({"days_back": whole_number(query, "days_back", parts().config.backfill.days_back, MAX_DAYS)})


@pages.post("/backfill/auto")
@access(Who.OPERATOR, Of.ALL)
@described(Call(takes(MAX_GAP_HOURS), {202: {JSON: ASKED}}))
def backfill_auto() -> Response:
    """Ask for what the timer does, with gaps of up to so many hours."""
    query = request.args.to_dict(flat=False)
    most = whole_number(query, "max_gap_hours", parts().config.backfill.max_gap_h, MAX_GAP_H)
    return _asked({"max_gap_h": most})


def _asked(wanted: dict[str, Any]) -> Response:
    settings = parts().config.backfill
    _queue().ask(**{"days_back": settings.days_back, "max_gap_h": settings.max_gap_h, **wanted})
    return json_reply({"backfill": _queue().progress(now_ms()), "see": "/gaps/summary"}, 202)


def _queue() -> BackfillQueue:
    return BackfillQueue(Path(parts().config.data_dir))
