"""/live, /ready and /metrics: for systemd, load balancers and Prometheus."""

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest

from edge import __version__
from edge.unit import now_ms
from gateway.access import Of, Who, access, caller
from gateway.asks import JSON, Call, described
from gateway.box import Box
from gateway.checks import check_all, samples_flow
from gateway.metrics import Figures
from gateway.parts import parts
from gateway.problems import RETRY_AFTER_S
from gateway.replies import json_reply
from gateway.schemas import LIVE, READY, TEXT

pages = Blueprint("health", __name__)


@pages.get("/live")
@access(Who.ANYONE, Of.NOTHING, counted=False)
@described(Call(answers={200: {JSON: LIVE}}))
def live() -> Response:
    """The process answers; asks nothing of anyone."""
    return json_reply({"live": True, "version": __version__})


@pages.get("/ready")
@access(Who.ANYONE, Of.NOTHING, counted=False)
@described(Call(answers={200: {JSON: READY}, 503: {JSON: READY}}))
def ready() -> Response:
    """Whether the page has what it stands on; 503 says what is missing and why."""
    streams, influx, at_ms = parts().streams, parts().influx, now_ms()
    buildings = sorted({meter.building for meter in parts().config.meters})

    def influxdb() -> None:
        influx.ping(timeout_s=0.7)

    said = check_all(
        {"redis": streams.ping, "influxdb": influxdb, "samples": lambda: samples_flow(streams, buildings, at_ms)}
    )
    down = [name for name, why in said.items() if why is not None]
    body = {
        "ready": not down,
        "down": down,
        "checks": {name: {"ok": why is None} | ({"why": why} if why else {}) for name, why in said.items()},
    }
    response = json_reply(body, 503 if down else 200)
    if down:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


@pages.get("/metrics")
@access(Who.VIEWER, Of.GRANTED)
@described(Call(answers={200: {CONTENT_TYPE_LATEST: TEXT}}))
def metrics() -> Response:
    """All services' figures for Prometheus."""
    registry = CollectorRegistry()
    registry.register(Figures(parts().streams, caller().sees, len(parts().hub), now_ms()))
    registry.register(Box(parts().config, parts().streams, parts().influx))
    ProcessCollector(registry=registry)
    text = generate_latest(registry) + generate_latest(parts().answers)
    return Response(text, content_type=CONTENT_TYPE_LATEST)
