"""/models: the models as the infer service tells of them."""

import time

from flask import Blueprint, Response

from gateway.access import Who, access
from gateway.parts import parts
from gateway.replies import json_reply
from gateway.vitals import heartbeat_age_s, is_up

pages = Blueprint("models", __name__)


@pages.get("/models")
@access(Who.VIEWER)
def models() -> Response:
    """Each model: version, state and why, appliances, sha256, metrics."""
    infer = parts().streams.services().get("infer", {})
    now_ms = time.time_ns() // 1_000_000
    service = {"up": is_up(infer, now_ms), "heartbeat_age_s": heartbeat_age_s(infer, now_ms)}
    return json_reply({"models": infer.get("models", []), "infer": service})
