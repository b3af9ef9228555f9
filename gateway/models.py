"""/models: the models as the infer service tells of them."""

from flask import Blueprint, Response

from edge.core.vitals import heartbeat_age_s, is_up
from edge.unit import now_ms
from gateway.access import Of, Who, access
from gateway.asks import JSON, Call, described
from gateway.parts import parts
from gateway.replies import json_reply
from gateway.schemas import MODELS

pages = Blueprint("models", __name__)


@pages.get("/models")
@access(Who.VIEWER, Of.NOTHING)
@described(Call(answers={200: {JSON: MODELS}}))
def models() -> Response:
    """Each model: version, state and why, appliances, sha256, metrics."""
    infer = parts().streams.services().get("infer", {})
    at_ms = now_ms()
    service = {"up": is_up(infer, at_ms), "heartbeat_age_s": heartbeat_age_s(infer, at_ms)}
    return json_reply({"models": infer.get("models", []), "infer": service})
