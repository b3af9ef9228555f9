"""The live page, and what feeds it: the list of buildings and the event stream."""

import socket
from collections.abc import Callable
from contextlib import suppress

from flask import Blueprint, Response, request

from gateway import proxies
from gateway.access import Of, Who, access, caller, still_allowed
from gateway.asks import JSON, Call, described, takes
from gateway.assets import ASSETS, send
from gateway.callers import LOCAL_NETWORK, THIS_MACHINE
from gateway.hub import Client, Hub
from gateway.limits import address_key
from gateway.parameters import building_of, unknown_building
from gateway.parts import parts
from gateway.problems import bad
from gateway.replies import json_reply
from gateway.schemas import AFTER_MS, BUILDING_ID, BUILDINGS, LAST_EVENT_ID, TEXT
from gateway.sender import Line
from gateway.server import HAND_OVER, Connection
from gateway.times import iso_times

_HALF_OPEN = {socket.TCP_USER_TIMEOUT: 30_000}
"""A client that is gone without a word is known to be so after 30 s."""

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
    client = Client(building, resumed_ms if resumed_ms is not None else after_ms, _who(), still_allowed())
    response = Response(iter([]), content_type="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Connection"] = "close"
    if request.method == "GET" and HAND_OVER in request.environ:
        parts().hub.opens(client)
        request.environ[HAND_OVER](_heir(parts().hub, client))
    return response


def _who() -> tuple[str, ...]:
    """Whose streams are counted together: this address's, and this user's."""
    known = caller()
    by_user = () if known in {THIS_MACHINE, LOCAL_NETWORK} else (f"user:{known.name}",)
    return (f"address:{address_key(proxies.address())}", *by_user)


def _heir(hub: Hub, client: Client) -> Callable[[Connection | None], None]:
    """Who has the connection once the opening is written: the hub, for good."""

    def inherit(connection: Connection | None) -> None:
        if connection is None:
            hub.left(client)
            return
        for option, value in _HALF_OPEN.items():
            with suppress(OSError):
                connection.socket.setsockopt(socket.IPPROTO_TCP, option, value)

        def ended(_: bool) -> None:
            hub.left(client)
            connection.close_now()

        waiting, in_chunks = connection.outbox.waiting, connection.in_chunks
        hub.join(client, Line(connection.socket, waiting, ended, stays=True, in_chunks=in_chunks))

    return inherit


def _whole(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise bad(name, f"{name} is a time in whole milliseconds since 1970, as in an event's id.")
    return int(text)
