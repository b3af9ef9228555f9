"""/e2e: probes for a check of a running appliance, step by step; only where they are asked for, for a token."""

import re
import time
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Flask, Response, abort, request

from edge.adapters.accounts import digest
from edge.adapters.redis_notes import RedisNotes
from edge.config import read_secret
from edge.core.sample import Sample
from edge.errors import ConfigError, Unavailable
from edge.settings import Config
from edge.stored_spans import StoredSpans
from edge.unit import now_ms
from gateway.access import Of, Who, access
from gateway.asks import JSON, Call, described, takes
from gateway.bodies import json_object
from gateway.infer import window_of
from gateway.parts import parts
from gateway.problems import Problem, bad
from gateway.replies import json_reply
from gateway.schemas import (
    E2E_TOKEN,
    FORGOTTEN,
    INJECT,
    INJECTED,
    PREPROCESS,
    PREPROCESSED,
    REDIS_BUFFER,
    RUN_ID,
    RUN_STATUS,
)
from gateway.times import iso_times

BUILDING = "e2e"
"""What probes put in is a building of its own: no household's series has it."""
_MIN_TOKEN = 32
_RUN_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SHOWN = 60
_PATIENCE_S = 2.0

pages = Blueprint("e2e", __name__, url_prefix="/e2e")


def install(app: Flask, config: Config) -> None:
    """Give `app` the probes; ConfigError without a token."""
    token = read_secret(config.gateway.e2e_token_file)
    if len(token) < _MIN_TOKEN:
        raise ConfigError(f"gateway.e2e_probes takes a token of {_MIN_TOKEN} characters in gateway.e2e_token_file")
    wanted = digest(token)
    app.register_blueprint(pages)

    @app.before_request
    def _check() -> None:
        if request.blueprint == pages.name and not compare_digest(
            digest(request.headers.get("X-E2E-Token", "")), wanted
        ):
            abort(404)


@pages.post("/preprocess")
@access(Who.ANYONE, Of.NOTHING)
@described(Call(takes(E2E_TOKEN), {200: {JSON: PREPROCESSED}}, body=PREPROCESS))
def preprocess() -> Response:
    """What each model gets to see of the last second of a window."""
    return json_reply({"models": parts().models.preprocess(window_of(json_object().get("window")))})


@pages.post("/inject")
@access(Who.ANYONE, Of.NOTHING)
@described(Call(takes(E2E_TOKEN), {202: {JSON: INJECTED}}, body=INJECT))
def inject() -> Response:
    """Put in a sample of now, as ingest does: it is predicted and stored as any other."""
    said = json_object()
    run_id, power_kw = _run_id(said.get("run_id")), said.get("power_kw", 1.0)
    if type(power_kw) not in {int, float} or not -1000 <= power_kw <= 1000:
        raise bad("power_kw", "power_kw is a number from -1000 to 1000.")
    at_ms = now_ms() // 1000 * 1000
    (verdict,) = parts().streams.add_samples([Sample(BUILDING, at_ms, 1000.0 * power_kw, run_id=run_id)])
    if verdict != "accepted":
        raise Problem(409, "This second has a sample already: one a second.").with_header("Retry-After", "1")
    return json_reply({"run_id": run_id, "building_id": BUILDING, "time": iso_times([at_ms])[0]}, 202)


@pages.get("/redis-buffer")
@access(Who.ANYONE, Of.NOTHING)
@described(Call(takes(E2E_TOKEN), {200: {JSON: REDIS_BUFFER}}))
def redis_buffer() -> Response:
    """What Redis holds of the samples put in, the newest last, and up to when they are predicted."""
    streams = parts().streams
    samples = streams.window(BUILDING, _SHOWN)
    points = [
        {"time": time, "power_w": sample.power_w, "run_id": sample.run_id}
        for time, sample in zip(iso_times([sample.at_ms for sample in samples]), samples, strict=True)
    ]
    predicted_ms = streams.newest_ms(BUILDING, "predictions")
    about = {"building_id": BUILDING, "length": streams.length(BUILDING, "window"), "points": points}
    waiting = streams.length(BUILDING, "outbox")
    predicted = None if predicted_ms is None else iso_times([predicted_ms])[0]
    return json_reply({**about, "predicted_until": predicted, "outbox": waiting})


@pages.get("/influx-status")
@access(Who.ANYONE, Of.NOTHING)
@described(Call(takes(E2E_TOKEN, RUN_ID), {200: {JSON: RUN_STATUS}}))
def influx_status() -> Response:
    """Whether InfluxDB has the sample of a run, and how many appliances' predictions of its second."""
    run_id = _run_id(request.args.get("run_id"))
    settings, influx = parts().config.influx, parts().influx
    of_run = "SELECT power_w FROM mains WHERE building = $building AND run_id = $run_id"
    found = influx.query(settings.bucket_raw, of_run, {"building": BUILDING, "run_id": run_id})
    samples = [(int(row[0]), float(row[1])) for series in found for row in series.values]
    predictions = 0
    for at_ms, _ in samples:
        at_that = "SELECT power_w FROM appliance WHERE building = $building AND time = $at"
        stored = influx.query(settings.bucket_pred, at_that, {"building": BUILDING, "at": at_ms * 1_000_000})
        predictions += sum(len(series.values) for series in stored)
    times = iso_times([at_ms for at_ms, _ in samples])
    points = [{"time": time, "power_w": power_w} for time, (_, power_w) in zip(times, samples, strict=True)]
    return json_reply({"run_id": run_id, "stored": bool(points), "points": points, "predictions": predictions})


@pages.post("/forget")
@access(Who.ANYONE, Of.NOTHING)
@described(Call(takes(E2E_TOKEN), {200: {JSON: FORGOTTEN}}))
def forget() -> Response:
    """Take back what was put in, from Redis and InfluxDB, once it is stored: the building is listed no more."""
    if any(meter.building == BUILDING for meter in parts().config.meters):
        raise Problem(409, f"A meter of this box is configured for a building {BUILDING!r}: nothing is taken back.")
    streams = parts().streams
    until_s = time.monotonic() + _PATIENCE_S
    while streams.length(BUILDING, "outbox"):
        if time.monotonic() > until_s:
            raise Unavailable("what was put in still waits to be stored in InfluxDB")
        time.sleep(0.1)
    RedisNotes(parts().config.redis.url).forget(BUILDING)
    StoredSpans(parts().config, parts().influx).forget(BUILDING)
    return json_reply({"building_id": BUILDING, "forgotten": True})


def _run_id(value: Any) -> str:
    if not isinstance(value, str) or not _RUN_ID.fullmatch(value):
        raise bad("run_id", "run_id is 1-64 of A-Z a-z 0-9 _ . -", 400 if value is None else 422)
    return value
