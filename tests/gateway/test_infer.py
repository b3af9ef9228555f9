"""/infer: what live inference would say of the same window, stored once, beside the appliance's own series."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.onnx_model import load_models
from edge.adapters.streams import Streams
from edge.core.disaggregator import Disaggregator
from edge.core.grants import Caller, Role
from edge.models import models_dir
from edge.settings import Config
from edge.stored_seconds import StoredSeconds
from gateway import create_app
from gateway.hub import Hub
from tests.gateway.house import fill

AT_S = 1_735_700_000
AT = "2025-01-01T02:53:20Z"
MAINS_KW = [0.3 + (2.1 if 300 < n < 580 else 0.0) + n % 7 / 1000 for n in range(600)]
ASKED: dict[str, Any] = {"building_id": "home", "appliance_id": "Oven", "window": MAINS_KW, "timestamp": AT}


@pytest.fixture
def asking(admin: FlaskClient, streams: Streams) -> FlaskClient:
    """An admin of a house."""
    fill(streams, "home", 5)
    return admin


def ask(client: FlaskClient, body: Any = ASKED, key: str | None = None) -> Any:
    return client.post("/infer", json=body, headers={"Idempotency-Key": key} if key else {})


def stored(influx: Influx) -> list[dict[str, Any]]:
    found = influx.query("nilm", "SELECT * FROM inference", {})
    return [dict(zip(series.columns, row, strict=True)) for series in found for row in series.values]


def test_the_answer_is_that_of_live_inference_and_stored_apart(asking: FlaskClient, influx: Influx) -> None:
    answer = ask(asking)
    assert answer.status_code == 200, answer.text
    said = answer.json
    live = Disaggregator(load_models(models_dir(Config()))[0])
    for n, power_kw in enumerate(MAINS_KW):
        tick = live.predict("home", 1000 * (AT_S - len(MAINS_KW) + 1 + n), 1000 * power_kw)
    oven = tick.values[[column.appliance for column in tick.columns].index("Oven")]
    assert said["predicted_kw"] == pytest.approx(float(oven["power_w"]) / 1000, abs=1e-4)
    p_on = float(oven["p_on"])
    assert said["confidence"] == pytest.approx(p_on if oven["on"] else 1 - p_on, abs=1e-3)
    assert (said["persisted"], said["request_id"]) == (True, answer.headers["X-Request-ID"])
    (point,) = stored(influx)
    assert (point["building"], point["appliance"], point["model"]) == ("home", "Oven", said["model_version"])
    assert point["power_w"] == pytest.approx(1000 * said["predicted_kw"], abs=0.01)
    assert (point["request_id"], point["time"] // 1000) == (said["request_id"], AT_S)
    assert not influx.query("nilm", "SELECT * FROM appliance", {})
    assert not influx.query("nilm", "SELECT * FROM mains", {})
    ask(asking)
    assert len(stored(influx)) == 2


def test_the_same_key_and_body_is_answered_the_same_and_stored_once(asking: FlaskClient, influx: Influx) -> None:
    first = ask(asking, key="a")
    assert ask(asking, {name: ASKED[name] for name in reversed(ASKED)}, key="a").json == first.json
    other = ask(asking, {**ASKED, "appliance_id": "Kettle"}, key="a")
    assert (other.status_code, other.json["parameter"]) == (409, "Idempotency-Key")
    assert len(stored(influx)) == 1
    assert ask(asking, key="b").json["request_id"] != first.json["request_id"]
    assert len(stored(influx)) == 2


def test_many_at_once_with_one_key(asking: FlaskClient, influx: Influx) -> None:
    app, answers = asking.application, []
    token = asking.environ_base["HTTP_AUTHORIZATION"]

    def once() -> None:
        headers = {"Authorization": token, "Idempotency-Key": "same"}
        answers.append(app.test_client().post("/infer", json=ASKED, headers=headers))

    threads = [threading.Thread(target=once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == len(stored(influx)) == 1


def test_what_is_not_stored_is_no_success_and_may_be_asked_again(
    guarded: Config, asking: FlaskClient, streams: Streams, influx: Influx
) -> None:
    away = Influx.connect(replace(guarded.influx, url="http://127.0.0.1:1"))
    broken = create_app(guarded, streams, away, Hub(streams)).test_client()
    broken.environ_base["HTTP_AUTHORIZATION"] = asking.environ_base["HTTP_AUTHORIZATION"]
    assert ask(broken, key="k").status_code == 503
    assert ask(asking, key="k").status_code == 200
    assert len(stored(influx)) == 1
    streams._redis.delete(*streams._redis.keys("nilm:answer:*"))  # an answer that was lost: the same point again
    assert ask(asking, key="k").status_code == 200
    assert len(stored(influx)) == 1


@pytest.mark.parametrize(
    ("change", "status", "parameter"),
    [
        ({"window": MAINS_KW[:59]}, 422, "window"),
        ({"window": [0.0] * 3601}, 422, "window"),
        ({"window": [*MAINS_KW, float("nan")]}, 422, "window"),
        ({"window": [*MAINS_KW, float("inf")]}, 422, "window"),
        ({"window": [*MAINS_KW, 10**400]}, 422, "window"),
        ({"window": [*MAINS_KW, True]}, 422, "window"),
        ({"window": [*MAINS_KW, "1"]}, 422, "window"),
        ({"window": "0.5"}, 422, "window"),
        ({"appliance_id": "Sauna"}, 422, "appliance_id"),
        ({"appliance_id": "Oven\ud800"}, 422, "appliance_id"),
        ({"appliance_id": 7}, 422, "appliance_id"),
        ({"building_id": "castle"}, 422, "building_id"),
        ({"building_id": "../x"}, 422, "building_id"),
        ({"timestamp": "2025-01-01T02:53:20"}, 422, "timestamp"),
        ({"timestamp": "2126-01-01T00:00:00Z"}, 422, "timestamp"),
        ({"timestamp": 1_735_700_000}, 422, "timestamp"),
        ({"timestamp": None}, 422, "timestamp"),
        ({"color": "red"}, 422, "body"),
    ],
)
def test_what_is_wrong_is_named(
    asking: FlaskClient, influx: Influx, change: dict[str, Any], status: int, parameter: str
) -> None:
    answer = ask(asking, {**ASKED, **change})
    assert (answer.status_code, answer.json["parameter"]) == (status, parameter), answer.text
    assert not stored(influx)


def test_bodies_that_are_none(asking: FlaskClient) -> None:
    for body in (b"", b"[]", b"{", b"[" * 100_000, b'{"window":' + b"9" * 5000 + b"}", b"\xff"):
        answer = asking.post("/infer", data=body, content_type="application/json")
        assert answer.status_code == 400, body[:20]
    assert asking.post("/infer", data=b"{}", content_type="text/plain").status_code == 400
    assert asking.post("/infer", data=b" " * 300_000, content_type="application/json").status_code == 413


def test_an_operator_of_one_appliance_may_ask_of_that_one(asking: FlaskClient, guarded: Config) -> None:
    accounts = Accounts(Path(guarded.data_dir))
    for caller in (Caller("oda", Role.OPERATOR, ("home/Oven",)), Caller("vera", Role.VIEWER, ("home",))):
        assert accounts.add(caller, "no password")
        assert accounts.add_token(caller.name, "token", f"nilm_{caller.name}", 1)
    first = ask(asking, key="mine").json
    asking.environ_base["HTTP_AUTHORIZATION"] = "Bearer nilm_oda"
    assert ask(asking, key="mine").json["request_id"] != first["request_id"]  # nobody gets another one's answer
    assert ask(asking, {**ASKED, "appliance_id": "Kettle"}).status_code == 403
    assert ask(asking, {**ASKED, "building_id": "castle"}).status_code == 403
    asking.environ_base["HTTP_AUTHORIZATION"] = "Bearer nilm_vera"
    assert ask(asking).status_code == 403


def test_it_is_kept_as_long_as_seconds_are(asking: FlaskClient, config: Config, influx: Influx) -> None:
    ask(asking)
    ask(asking, {**ASKED, "timestamp": "2025-01-02T02:53:20Z"})
    StoredSeconds(config, influx).delete_asked("barn", (AT_S + 3600) * 1000)
    StoredSeconds(config, influx).delete_asked("home", (AT_S + 3600) * 1000)
    assert [point["time"] // 1000 for point in stored(influx)] == [AT_S + 86_400]
    assert np.isfinite(stored(influx)[0]["power_w"])
