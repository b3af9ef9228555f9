"""The live page, and what feeds it: the list of buildings and the event stream."""

import time
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, request

from gateway import events
from gateway.access import Of, Who, access, caller, still_allowed
from gateway.asks import JSON, Call, described, takes
from gateway.assets import ASSETS, send
from gateway.hub import MAX_CLIENTS, Hub
from gateway.parameters import building_of, unknown_building
from gateway.parts import parts
from gateway.problems import Problem, bad
from gateway.replies import json_reply
from gateway.schemas import AFTER_MS, BUILDING_ID, BUILDINGS, LAST_EVENT_ID, TEXT
from gateway.times import iso_times

HEARTBEAT_S = 15.0
LOOK_AGAIN_S = 60.0
"""A stream whose caller may no longer see the building ends after so long, and a heartbeat."""

pages = Blueprint("live", __name__)


@pages.get("/")
@access(Who.ANYONE, Of.NOTHING, dashboard=True, counted=False)
def page() -> Response:
    """The page, which holds no figure: it fetches them, or shows the log-in."""
    return send(ASSETS["index.html"])


@pages.get("/api/buildings")
@access(Who.VIEWER, Of.GRANTED, dashboard=True)
@described(Call(answers={200: {JSON: BUILDINGS}}))
def buildings() -> Response:
    """The buildings, and when its newest sample was."""
    streams = parts().streams
    shown = [name for name in parts().buildings() if caller().appliances(name) != frozenset()]
    newest = {name: streams.newest_ms(name, "window") for name in shown}
    return json_reply(
        {
            "buildings": [
                {"building_id": name, "newest": None if at_ms is None else iso_times([at_ms])[0]}
                for name, at_ms in newest.items()
            ]
        }
    )


@pages.get("/api/stream")
@access(Who.VIEWER, Of.BUILDING, dashboard=True)
@described(Call(takes(BUILDING_ID, AFTER_MS, LAST_EVENT_ID), {200: {"text/event-stream": TEXT}}))
def stream() -> Response:
    """Server-sent events: each predicted second as it comes, first those after Last-Event-ID (or after_ms)."""
    query = request.args.to_dict(flat=False)
    building = building_of(query)
    after_ms = _whole("after_ms", request.args.get("after_ms"))
    resumed_ms = _whole("Last-Event-ID", request.headers.get("Last-Event-ID"))
    if building not in parts().buildings():
        raise unknown_building(building)
    hub = parts().hub
    if len(hub) >= MAX_CLIENTS:
        raise Problem(503, f"{MAX_CLIENTS} event streams are open, more are not served. Try again later.")
    after_ms = resumed_ms if resumed_ms is not None else after_ms
    response = Response(_events(hub, building, after_ms, still_allowed()))
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _events(hub: Hub, building: str, after_ms: int | None, allowed: Callable[[], bool]) -> Iterator[bytes]:
    yield events.OPENING
    look_again_s = time.monotonic() + LOOK_AGAIN_S
    with hub.client(building, after_ms) as client:
        for event in client.take(HEARTBEAT_S):
            if time.monotonic() >= look_again_s:
                look_again_s = time.monotonic() + LOOK_AGAIN_S
                if not allowed():
                    return
            yield event


def _whole(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise bad(name, f"{name} is a time in whole milliseconds since 1970, as in an event's id.")
    return int(text)
