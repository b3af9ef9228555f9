"""/api/system: how the whole box is, in less than a second whatever is down; for the banner and the System view."""

from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from flask import Blueprint, Response, request

from edge import __version__
from edge.adapters.broker import broker_answers
from edge.adapters.clock import is_synchronised
from edge.backfill_queue import BackfillQueue
from edge.core.grants import Role
from edge.core.vitals import is_up
from edge.local_time import zone
from edge.periods import begins_ms, date_at
from edge.safe_mode import why_safe
from edge.settings import Mqtt
from edge.system import from_redis, server_state, service_states, snapshot_state, storage, sync_state, waiting
from edge.unit import now_ms
from gateway.access import Of, Who, access, caller
from gateway.asks import JSON, Call, described
from gateway.callers import EXTERNAL
from gateway.checks import ask_all
from gateway.parts import parts
from gateway.replies import json_reply
from gateway.schemas import SYSTEM

pages = Blueprint("system", __name__, url_prefix="/api")

_PATIENCE_S, _WORD_S = 0.7, 0.1
SERVERS = ("mosquitto", "redis", "influxdb")


@pages.get("/system")
@access(Who.VIEWER, Of.GRANTED, dashboard=True)
@described(Call(answers={200: {JSON: SYSTEM}}))
def system() -> Response:
    """Services and servers, each building's last hour, disk, spool, sync and models; null for what nobody knows now."""
    config, streams, influx, at_ms = parts().config, parts().streams, parts().influx, now_ms()
    configured = sorted({meter.building for meter in config.meters})
    told: Queue[dict[str, Any]] = Queue()

    def redis_said() -> dict[str, Any]:
        found = from_redis(streams, configured, at_ms)
        told.put(found["services"].get("ingest", {}))
        return found

    asked = ask_all(
        {
            "redis": redis_said,
            "influxdb": lambda: influx.ping(timeout_s=_PATIENCE_S),
            "mosquitto": lambda: _mosquitto(config.mqtt, told, at_ms),
            "disk": lambda: storage(config),
            "safe": lambda: why_safe(config),
        }
    )
    why = {name: answer.why for name, answer in asked.items()}
    redis = asked["redis"].value
    said = redis["services"] if redis else None
    services = [*service_states(said, config, at_ms), snapshot_state(config, at_ms)]
    for one in services:
        if one["name"] == "gateway":  # it is the one who answers
            one.update(up=True, why=None)
        if not caller().sees_everything:
            one["said"] = None  # it may name any building
    servers = [server_state(name, why[name], parts().seen.since_ms(name, why[name] is None, at_ms)) for name in SERVERS]
    buildings = redis["buildings"] if redis else dict.fromkeys(configured)
    where = zone(config.history.timezone)
    body = {
        "at_ms": at_ms,
        "version": __version__,
        "timezone": config.history.timezone or None,
        "today": (today := date_at(at_ms, where)).isoformat(),
        "today_from_ms": begins_ms(today, where),
        "clock_synchronised": is_synchronised(),
        "safe_mode": asked["safe"].value or None,
        "services": services + servers,
        "buildings": {name: state for name, state in buildings.items() if caller().sees(name)},
        "storage": {"why": why["disk"], **(asked["disk"].value or {}), **waiting(said, config)},
        "sync": sync_state(said, config),
        "models": said.get("infer", {}).get("models", []) if said else [],
        "backfill": _backfill(at_ms),
        "may": _may(),
    }
    return json_reply(body)


def _mosquitto(settings: Mqtt, told: "Queue[dict[str, Any]]", at_ms: int) -> None:
    """Unavailable unless the broker is there: nilm-ingest knows, else it is knocked at, which fills its log."""
    with suppress(Empty):
        ingest = told.get(timeout=_WORD_S)
        if is_up(ingest, at_ms) and ingest.get("connected"):
            return
    broker_answers(settings, timeout_s=_PATIENCE_S - _WORD_S)


def _backfill(at_ms: int) -> dict[str, Any]:
    progress = BackfillQueue(Path(parts().config.data_dir)).progress(at_ms)
    return progress if caller().sees_everything else {"state": progress["state"]}  # the rest names buildings


def _may() -> dict[str, bool]:
    """What the page may offer: the routes hold everyone to it all the same."""
    who, here = caller(), EXTERNAL not in request.environ
    return {
        "backfill": here and who.role >= Role.OPERATOR and who.sees_everything,
        "log": here and who.role >= Role.ADMIN,
    }
