"""/api/system: true while all is well, quick and honest while nothing is."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.backfill_queue import BackfillQueue
from edge.core.grants import Caller, Role
from edge.core.presence import State
from edge.settings import Central, Config, HomeAssistant, Mqtt
from gateway import create_app
from gateway.callers import EXTERNAL
from gateway.hub import Hub
from tests.gateway.house import fill, now_s


def asked(client: FlaskClient, token: str = "", **environ: object) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = client.get("/api/system", headers=headers, environ_overrides=dict(environ))
    assert answer.status_code == 200, answer.text
    return answer.json


def service(found: Any, name: str) -> Any:
    (one,) = [one for one in found["services"] if one["name"] == name]
    return one


def test_what_is_well_is_told(client: FlaskClient, streams: Streams, influx: Influx, config: Config) -> None:
    at_ms = fill(streams, "home", 90) * 1000
    model = {"id": "ten", "version": "1", "state": "ok", "appliances": ["Oven"], "sha256": "x", "metrics": {"a": 1}}
    beat = {"beat_ms": at_ms, "started_ms": 5000}
    streams.beat("infer", {**beat, "lag_ms": 250, "status": "10 appliances for home", "models": [model]})
    meters = [{"building": "home", "silent_s": 1, "quiet_after_s": 10, "topic": "t", "why": ""}]
    streams.beat("ingest", {**beat, "status": "listening", "meters": [*meters, {"building": "barn"}]})
    streams.beat("persist", {**beat, "spool_segments": 2, "spool_bytes": 3_400_000, "rejected": 0})
    rejected = Path(config.data_dir) / "rejected"
    rejected.mkdir()
    (rejected / "1.lp").write_text("")
    (Path(config.data_dir) / "snapshot.duckdb").touch()
    found = asked(client)
    infer = service(found, "infer")
    assert infer | {"up": True, "since_ms": 5000, "lag_s": 0.25, "said": "10 appliances for home", "why": None} == infer
    names = ["ingest", "infer", "persist", "gateway", "snapshot", "mosquitto", "redis", "influxdb"]
    assert [one["name"] for one in found["services"]] == names
    assert all(one["up"] for one in found["services"])
    home = found["buildings"]["home"]
    assert (home["window_length"], home["window_full"], home["missing_s"], home["outbox_length"]) == (90, 3600, 0, 180)
    assert home["newest_age_s"] < 5
    assert home["meters"] == meters
    assert found["models"] == [model]
    assert found["storage"] | {"spool_mb": 3.4, "spool_segments": 2, "rejected_batches": 1} == found["storage"]
    assert found["storage"]["disk_free_mb"] <= found["storage"]["disk_size_mb"]
    assert (found["sync"], found["backfill"], found["storage"]["reserve_mb"]) == (None, {"state": "idle"}, 150)
    assert found["may"] == {"backfill": False, "log": False}
    since_ms = service(found, "redis")["since_ms"]
    assert service(asked(client), "redis")["since_ms"] == since_ms
    assert found["today_from_ms"] <= found["at_ms"] < found["today_from_ms"] + 25 * 3_600_000


def test_what_is_missing_in_the_last_hour_has_its_reason(client: FlaskClient, streams: Streams) -> None:
    end_s = now_s()
    fill(streams, "home", 60, until_s=end_s - 100)
    streams.add_event("home", State.SILENT, (end_s - 100) * 1000)
    streams.add_event("home", State.HEARD, (end_s - 50) * 1000)
    fill(streams, "home", 50, until_s=end_s)
    home = asked(client)["buildings"]["home"]
    assert home["missing_s"] == 50
    assert home["gaps"] == [{"start_ms": (end_s - 99) * 1000, "seconds": 50, "reason": "meter silent"}]


def test_what_is_silent_or_late_is_told(config: Config, streams: Streams, influx: Influx) -> None:
    config = replace(config, central=Central(url="http://127.0.0.1:1"), homeassistant=HomeAssistant(enabled=True))
    client = create_app(config, streams, influx, Hub(streams)).test_client()
    streams.beat("persist", {"beat_ms": (now_s() - 60) * 1000, "started_ms": 5000})
    streams.beat("sync", {"beat_ms": now_s() * 1000, "lag_ms": 90_000, "backlog_s": 7200})
    found = asked(client)
    persist = service(found, "persist")
    assert (persist["up"], persist["since_ms"]) == (False, persist["heard_ms"])
    assert "nothing for 6" in persist["why"]
    assert service(found, "announce")["why"] == "it has never said anything"
    assert service(found, "snapshot")["up"] is None
    assert (found["sync"]["lag_s"], found["sync"]["backlog_s"]) == (90.0, 7200)


def test_with_everything_down_it_takes_less_than_a_second_and_says_so(tmp_path: Path) -> None:
    # 192.0.2.0/24 is for documentation: no machine answers, and nothing says so
    config = Config(data_dir=str(tmp_path / "gone"), mqtt=Mqtt(host="192.0.2.1"))
    config = replace(config, influx=replace(config.influx, url="http://192.0.2.1:8086"))
    streams = Streams.connect("redis://192.0.2.1:6379/0", timeout_s=0.7)
    client = create_app(config, streams, Influx.connect(config.influx), Hub(streams)).test_client()
    client.get("/live")
    began_s = time.monotonic()
    found = asked(client)
    assert time.monotonic() - began_s < 1.0
    assert [one["up"] for one in found["services"]] == [None, None, None, True, None, False, False, False]
    assert found["buildings"] == {"home": None}
    assert "gone" in found["storage"]["why"]
    assert (found["storage"]["spool_mb"], found["models"]) == (None, [])


def test_who_is_told_what(guarded: Config, streams: Streams, influx: Influx) -> None:
    accounts = Accounts(Path(guarded.data_dir))
    for name, role, grants in (
        ("vera", Role.VIEWER, ("home",)),
        ("otto", Role.OPERATOR, ("home/Oven",)),
        ("oscar", Role.OPERATOR, ("*",)),
        ("anna", Role.ADMIN, ()),
    ):
        accounts.add(Caller(name, role, grants), "no password")
        accounts.add_token(name, "token", f"nilm_{name}", 1)
    for building in ("home", "barn"):
        fill(streams, building, 3)
    streams.beat("infer", {"beat_ms": now_s() * 1000, "status": "for barn"})
    BackfillQueue(Path(guarded.data_dir)).say({"state": "failed", "why": "barn is odd", "updated_ms": 1})
    client = create_app(guarded, streams, influx, Hub(streams)).test_client()
    buildings = {name: sorted(asked(client, f"nilm_{name}")["buildings"]) for name in ("vera", "otto", "oscar", "anna")}
    assert buildings == {"vera": ["home"], "otto": [], "oscar": ["barn", "home"], "anna": ["barn", "home"]}
    assert "barn" not in client.get("/api/system", headers={"Authorization": "Bearer nilm_vera"}).text
    assert service(asked(client, "nilm_oscar"), "infer")["said"] == "for barn"
    may = {name: asked(client, f"nilm_{name}")["may"] for name in ("vera", "otto", "oscar", "anna")}
    assert [list(one.values()) for one in may.values()] == [[False] * 2, [False] * 2, [True, False], [True, True]]
    assert asked(client, "nilm_anna", **{EXTERNAL: True})["may"] == {"backfill": False, "log": False}
