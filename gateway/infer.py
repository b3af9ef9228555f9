"""/infer: what the models say of a window of one's own, answered once it is stored, and stored once."""

import re
import secrets
import time
from hashlib import sha256
from typing import Any

import orjson
from flask import Blueprint, Response, request

from edge.core.line_protocol import asked_line
from edge.core.sample import check_building
from edge.errors import BadReading, Unavailable
from edge.log import request_id
from edge.unit import now_ms
from gateway.access import Of, Who, access, caller, may_name
from gateway.asks import JSON, Call, described, takes
from gateway.bodies import json_object
from gateway.parts import parts
from gateway.problems import Problem, bad
from gateway.replies import json_reply
from gateway.schemas import IDEMPOTENCY_KEY, INFER, INFERRED, WINDOW_KW, WINDOW_S
from gateway.times import parse_time

pages = Blueprint("infer", __name__)

KEPT_MS = 24 * 3_600_000
_AT_WORK_MS = 60_000
_PATIENCE_S = 5.0
_KEY = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MEMBERS = ("building_id", "appliance_id", "window", "timestamp")


@pages.post("/infer")
@access(Who.OPERATOR, Of.NAMED)
@described(Call(takes(IDEMPOTENCY_KEY), {200: {JSON: INFERRED}}, body=INFER))
def infer() -> Response:
    """Predict one appliance at the end of a window of mains, and store what was said."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise bad("Idempotency-Key", "Idempotency-Key is 1-128 of A-Z a-z 0-9 . _ -")
    said = _body()
    building, appliance = _names(said)
    may_name(building, appliance)
    power_w, at_ms = window_of(said["window"]), _timestamp(said["timestamp"])
    if building not in parts().buildings():
        raise bad("building_id", f"There is no building {building!r}; /api/buildings lists them.")
    if key is None:
        return json_reply(_answer(building, appliance, power_w, at_ms, secrets.token_hex(16)))
    mine = sha256(f"{caller().name}\0{key}".encode()).hexdigest()
    about = sha256(orjson.dumps([building, appliance, power_w, at_ms])).hexdigest()
    if (before := _taken_on(mine, about)) is not None:
        return json_reply(before)
    try:
        answer = _answer(building, appliance, power_w, at_ms, mine)
    except BaseException:
        parts().guard.give_up(mine)
        raise
    parts().guard.finish(mine, orjson.dumps([about, answer]), KEPT_MS)
    return json_reply(answer)


def _taken_on(key: str, about: str) -> dict[str, Any] | None:
    """The answer that was given under this key; None where it is ours to give. Problem 409 where it was another."""
    until_s = time.monotonic() + _PATIENCE_S
    while (kept := parts().guard.begin(key, orjson.dumps([about, None]), _AT_WORK_MS)) is not None:
        of, answer = orjson.loads(kept)
        if of != about:
            raise Problem(409, "This Idempotency-Key was sent with another body.", parameter="Idempotency-Key")
        if answer is not None:
            found: dict[str, Any] = answer
            return found
        if time.monotonic() > until_s:
            detail = "The same is being worked on. Ask again in a moment."
            raise Problem(409, detail, parameter="Idempotency-Key").with_header("Retry-After", "5")
        time.sleep(0.05)
    return None


def _answer(building: str, appliance: str, power_w: list[float], at_ms: int, key: str) -> dict[str, Any]:
    """Predict and store. Under the same key it is the same point, however often it is written."""
    found = parts().models.predict(appliance, at_ms, power_w)
    if found is None:
        raise bad("appliance_id", f"No model knows {appliance[:80]!r}; /models lists appliances.")
    column, cell = found
    p_on = float(cell["p_on"])
    confidence = round(p_on if cell["on"] else 1 - p_on, 4)
    at_ns = at_ms * 1_000_000 + int(sha256(key.encode()).hexdigest(), 16) % 1_000_000_000
    _store(asked_line(building, found, confidence, request_id.get(), at_ns), building, appliance, at_ns)
    return {
        "building_id": building,
        "appliance_id": appliance,
        "predicted_kw": round(float(cell["power_w"]) / 1000, 5),
        "confidence": confidence,
        "warmup": bool(cell["warmup"]),
        "model_version": column.model,
        "request_id": request_id.get(),
        "persisted": True,
    }


def _store(line: str, building: str, appliance: str, at_ns: int) -> None:
    """Store, and read back: InfluxDB has been seen to confirm what it did not store."""
    influx, bucket = parts().influx, parts().config.influx.bucket_pred
    influx.write(bucket, line, "ns")
    where = "building = $building AND appliance = $appliance AND time = $at"
    bound: dict[str, str | int | float] = {"building": building, "appliance": appliance, "at": at_ns}
    if not influx.query(bucket, f"SELECT power_w FROM inference WHERE {where}", bound):  # noqa: S608
        raise Unavailable("InfluxDB confirmed the prediction and did not store it")


def _body() -> dict[str, Any]:
    said = json_object()
    for name in said:
        if name not in _MEMBERS:
            raise bad("body", f"There is no member {name[:80]!r}; known are {', '.join(_MEMBERS)}.")
    for name in _MEMBERS:
        if name not in said:
            raise bad(name, f"{name} is missing.")
    return said


def _names(said: dict[str, Any]) -> tuple[str, str]:
    building, appliance = said["building_id"], said["appliance_id"]
    try:
        check_building(building if isinstance(building, str) else "")
    except BadReading as error:
        raise bad("building_id", f"{error}.") from None
    if not isinstance(appliance, str) or not 0 < len(appliance) <= 64 or not appliance.isprintable():
        raise bad("appliance_id", "appliance_id is a text of 1 to 64 characters; /models lists appliances.")
    return building, appliance


def window_of(window: Any) -> list[float]:
    """Mains in W, of a member `window`."""
    low, high = WINDOW_S
    if not isinstance(window, list) or not low <= len(window) <= high:
        raise bad("window", f"window is a list of {low} to {high} numbers: mains in kW, a second each, oldest first.")
    for n, power_kw in enumerate(window):
        if type(power_kw) not in {int, float} or not -WINDOW_KW <= power_kw <= WINDOW_KW:
            raise bad("window", f"window[{n}] is no number from -{WINDOW_KW} to {WINDOW_KW}, in kW.")
    return [1000.0 * power_kw for power_kw in window]


def _timestamp(text: Any) -> int:
    """When the window ends, in whole seconds as ms."""
    try:
        at_ms = parse_time(text if isinstance(text, str) else "") // 1000 * 1000
    except ValueError as error:
        raise bad("timestamp", f"timestamp {error}.") from None
    if at_ms > now_ms() + parts().config.ingest.future_s * 1000:
        raise bad("timestamp", "timestamp lies in the future.")
    return at_ms
