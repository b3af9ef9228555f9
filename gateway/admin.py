"""/admin: other models without a restart, what is remembered for a while, and the log."""

import logging
import time
from dataclasses import asdict
from pathlib import Path

from flask import Blueprint, Response, request

from edge.core.vitals import is_up
from edge.errors import Unavailable
from edge.log_tail import NAMES, tail
from edge.unit import now_ms
from gateway.access import Of, Who, access, caller
from gateway.asks import JSON, Call, described, takes
from gateway.infer import KEPT_MS
from gateway.parameters import whole_number
from gateway.parts import parts
from gateway.problems import Problem, bad
from gateway.replies import json_reply
from gateway.schemas import CACHES, INVALIDATED, LOG, LOG_LINES, LOG_OF, MAX_LINES, RELOADED

log = logging.getLogger("nilm.gateway")
pages = Blueprint("admin", __name__, url_prefix="/admin")

PATIENCE_S = 10.0


@pages.post("/reload-models")
@access(Who.ADMIN, Of.ALL)
@described(Call(answers={200: {JSON: RELOADED}, 202: {JSON: RELOADED}}))
def reload_models() -> Response:
    """Have the models loaded anew; 409 where one is broken, so that the old ones stay in service."""
    streams = parts().streams
    number = streams.reloads(1)
    log.info("%s asks for the models to be loaded anew", caller().name)
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        infer = streams.services().get("infer", {})
        if not is_up(infer, now_ms()):
            break  # it loads what is there when it starts
        if int(infer.get("asked", 0)) >= number:
            if infer["reload"].startswith("failed"):
                raise Problem(409, f"The models were not exchanged: {infer['reload']}.")
            return json_reply({"reload": "done", "models": infer["models"]})
        time.sleep(0.1)
    return json_reply({"reload": "asked", "models": [], "see": "/models"}, 202)


@pages.post("/cache/invalidate")
@access(Who.ADMIN, Of.ALL)
@described(Call(answers={200: {JSON: INVALIDATED}}))
def invalidate() -> Response:
    """Decide anew who calls, and load anew the models of /infer; answers kept for an Idempotency-Key stay."""
    log.info("%s empties the caches", caller().name)
    return json_reply({"decisions": parts().callers.forget_all(), "models": parts().models.forget()})


@pages.get("/cache/stats")
@access(Who.ADMIN, Of.ALL)
@described(Call(answers={200: {JSON: CACHES}}))
def stats() -> Response:
    """What is remembered: decisions who calls, answers of /infer, its models; counted since the gateway's start."""
    decisions, answers = parts().guard.kept()
    callers = parts().callers
    about = {"kept": decisions, "recalled": callers.recalled, "decided": callers.decided}
    return json_reply(
        {
            "decisions": {**about, "ttl_s": parts().config.gateway.auth_cache_s},
            "answers": {"kept": answers, "ttl_s": KEPT_MS // 1000},
            "models": {"loaded": parts().models.loaded},
        }
    )


@pages.get("/log")
@access(Who.ADMIN, Of.ALL)
@described(Call(takes(LOG_OF, LOG_LINES), {200: {JSON: LOG}}))
def log_tail() -> Response:
    """The newest lines of a service's log, or of all; from the files of nilm-edge run, or systemd's journal."""
    query = request.args.to_dict(flat=False)
    service = request.args.get("service")
    if service is not None and service not in NAMES:
        raise bad("service", f"service is one of {', '.join(NAMES)}.")
    try:
        found = tail(Path(parts().config.data_dir), service, whole_number(query, "lines", 200, MAX_LINES))
    except Unavailable as error:
        raise Problem(404, f"There is no log to show: {error}.") from error
    lines = [{"service": name, **asdict(line)} for name, line in found.lines]
    return json_reply({"source": found.source, "services": list(NAMES), "lines": lines})
