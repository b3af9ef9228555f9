"""`nilm-edge doctor` on real servers: the good state, and each fault of theirs that it claims to find."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from edge.adapters.influx import Influx
from edge.adapters.processes import Child, free_port
from edge.config_text import to_toml
from edge.core.vitals import SERVICES
from edge.doctor import flow, servers
from edge.doctor.examine import as_text, examine, exit_code
from edge.doctor.finding import Finding, Level, Look, ok
from edge.settings import Config
from edge.unit import now_ms
from tests.faulty import Faulty
from tests.servers import Servers, wait_until
from tests.services.appliance import Appliance, nilm_edge
from tests.services.doctor import look, only, only_ok, worst


def test_a_running_appliance_has_no_fault_and_is_ready(tmp_path: Path) -> None:
    began_ms = now_ms()
    with Appliance(tmp_path, "--port", str(free_port())) as appliance:
        appliance.wait_live()
        file = str(tmp_path / "config.toml")
        done = nilm_edge("doctor", "--json", "--config", file)
        ready = nilm_edge("ready", "--within", "10", "--since", str(began_ms), "--json", "--config", file)
        not_anew = nilm_edge("ready", "--within", "1", "--since", str(now_ms()), "--config", file)
    assert (ready.returncode, json.loads(ready.stdout)["receives"]) == (0, True)
    assert (not_anew.returncode, "nilm-ingest is not up" in not_anew.stdout) == (1, True)
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 0, [one for one in found if one["level"] == "fault"]
    well = {one["check"] for one in found if one["level"] == "ok"}
    assert well >= {"configuration", "files", "broker", "broker's queue", "redis", "redis' log", "influxdb", "models"}
    assert well >= {"disk", "samples of home", "backlog", "page", "exposure", "accounts"}
    assert well >= {f"nilm-{name}" for name in SERVICES}


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_with_everything_down_it_says_all_of_it_soon(tmp_path: Path) -> None:
    with silent_port() as port:
        config = replace(
            Config(),
            data_dir=str(tmp_path),
            mqtt=replace(Config().mqtt, port=port),
            redis=replace(Config().redis, url=f"redis://127.0.0.1:{port}/0"),
            influx=replace(Config().influx, url=f"http://127.0.0.1:{port}"),
            central=replace(Config().central, url=f"http://127.0.0.1:{port}"),
            gateway=replace(Config().gateway, port=port),
        )
        found = examine(look(config))
    faults = {one.check for one in found if one.level is Level.FAULT}
    assert faults >= {"broker", "redis", "influxdb", "page", "samples of home"}
    assert exit_code(found) == 1
    assert as_text(found).startswith("FAULT")


def test_a_check_that_hangs_holds_up_nothing(config: Config) -> None:
    hang = threading.Event()

    def hangs(_look: Look) -> Iterator[Finding]:
        hang.wait()
        yield ok("hangs", "")

    def breaks(_look: Look) -> Iterator[Finding]:
        yield ok("breaks", "so far")
        raise ZeroDivisionError

    found = examine(look(config), {"hangs": hangs, "breaks": breaks}, limit_s=0.3)
    hang.set()
    assert [(one.check, one.level) for one in found] == [
        ("hangs", Level.FAULT),
        ("breaks", Level.OK),
        ("breaks", Level.FAULT),
    ]
    assert "no answer" in found[0].said
    assert "ZeroDivisionError" in found[2].said


# -- broker -----------------------------------------------------------------------------------


def test_a_broker_away(config: Config) -> None:
    away = replace(config, mqtt=replace(config.mqtt, port=free_port()))
    assert "no MQTT broker" in only(list(servers.broker(look(away))), Level.FAULT).said


def test_a_broker_that_does_not_let_us_in(config: Config, tmp_path: Path, servers: Servers) -> None:
    from edge.doctor.servers import broker
    from edge.private_servers import find_servers

    del servers
    port = free_port()
    (tmp_path / "closed.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\n")
    closed = Child("closed", [find_servers()["mosquitto"], "-c", str(tmp_path / "closed.conf")], tmp_path / "log")
    closed.start()
    try:
        there = replace(config, mqtt=replace(config.mqtt, port=port))
        found: list[Finding] = []

        def refused() -> bool:
            found[:] = broker(look(there))
            return "refuses" in found[0].said

        wait_until(refused)
    finally:
        closed.terminate()
        closed.wait_or_kill(5)
    assert only(found, Level.FAULT)


def test_a_broker_whose_queue_is_too_small(config: Config, tmp_path: Path) -> None:
    conf = tmp_path / "mosquitto" / "mosquitto.conf"
    conf.parent.mkdir()
    more = tmp_path / "conf.d"
    more.mkdir()
    conf.write_text(f"listener {config.mqtt.port} 127.0.0.1\npersistence true\ninclude_dir {more}\n")
    lacking = only(list(servers.broker(look(config))), Level.WARNING)
    assert "max_queued_messages 100000 (it has 1000)" in lacking.said
    assert "autosave_interval 1 (it has 1800)" in lacking.said
    (more / "nilm-edge.conf").write_text("max_queued_messages 0\nmax_inflight_messages 5000\nautosave_interval 1\n")
    assert worst(list(servers.broker(look(config)))) is Level.OK
    sample = replace(config, durability="sample")
    assert "autosave_on_changes true" in only(list(servers.broker(look(sample))), Level.WARNING).said


# -- Redis ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "level", "said"),
    [
        ({"appendonly": "no"}, Level.FAULT, "keeps no log"),
        ({"appendfsync": "no"}, Level.WARNING, "appendfsync no, not everysec"),
        ({"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}, Level.FAULT, "allkeys-lru"),
    ],
)
def test_redis_that_does_not_keep_what_it_should(
    config: Config, settings: dict[str, str], level: Level, said: str
) -> None:
    assert worst(list(servers.redis(look(config)))) is Level.OK
    with redis.Redis.from_url(config.redis.url) as client:
        before = {name: client.config_get(name)[name] for name in settings}
        try:
            for name, value in settings.items():
                client.config_set(name, value)
            assert said in only(list(servers.redis(look(config))), level).said
        finally:
            for name, value in before.items():
                client.config_set(name, value)


def test_redis_away(config: Config) -> None:
    away = replace(config, redis=replace(config.redis, url=f"redis://127.0.0.1:{free_port()}/0"))
    assert "away" in only(list(servers.redis(look(away))), Level.FAULT).said
    found = examine(look(away), {"services": flow.services, "samples": flow.samples, "backlog": flow.backlog})
    assert [one.level for one in found] == [Level.WARNING, Level.FAULT, Level.WARNING]


# -- InfluxDB ---------------------------------------------------------------------------------


def test_influxdb_in_all_its_moods(config: Config, influx: Influx) -> None:
    with Faulty(config.influx.url) as faulty:
        there = replace(config, influx=replace(config.influx, url=faulty.url))
        for _ in range(2):
            assert worst(list(servers.influxdb(look(there)))) is Level.OK
        points = influx.query(config.influx.bucket_raw, "SELECT count(value) FROM doctor", {})
        assert points[0].values[0][1] == 1  # it takes no room
        faulty.answer(500, '{"error": "engine: no space left on device"}', only="/write")
        assert "restart influxdb" in only(list(servers.influxdb(look(there))), Level.FAULT).do
        faulty.swallow()
        assert "not there" in only(list(servers.influxdb(look(there))), Level.FAULT).said
        faulty.answer(401, '{"error": "authorization failed"}', only="/query")
        assert "401" in only(list(servers.influxdb(look(there))), Level.FAULT).said
        faulty.answer(503)
        assert "503" in only(list(servers.influxdb(look(there))), Level.FAULT).said
    assert "away" in only(list(servers.influxdb(look(there))), Level.FAULT).said


def test_a_disk_below_its_reserve_is_not_written_to(config: Config) -> None:
    full = replace(config, disk_reserve_mb=1_000_000)
    assert "nothing was written" in only_ok(list(servers.influxdb(look(full))))


# -- the central server -----------------------------------------------------------------------


def test_the_central_server(config: Config, central_url: str, central: Influx) -> None:
    del central
    assert "none is configured" in only_ok(list(servers.central(look(config))))
    with Faulty(central_url) as faulty:
        there = replace(config, central=replace(config.central, url=faulty.url))
        assert "takes a point" in only_ok(list(servers.central(look(there))))
        faulty.answer(401)
        assert "token" in only(list(servers.central(look(there))), Level.FAULT).do
        faulty.answer(403, only="/query")
        assert "cannot be compared" in only(list(servers.central(look(there))), Level.WARNING).means
    assert "away" in only(list(servers.central(look(there))), Level.WARNING).said


@pytest.mark.parametrize(
    ("figures", "level"),
    [
        ({"second_edge": True}, Level.FAULT),
        ({"backlog_s": 7200}, Level.WARNING),
        ({"lag_ms": 7_200_000}, Level.WARNING),
        ({"hours_differing": 2}, Level.WARNING),
        ({"backlog_s": 10}, Level.OK),
    ],
)
def test_how_far_forwarding_is(
    config: Config, central_url: str, central: Influx, figures: dict[str, Any], level: Level
) -> None:
    del central
    there = replace(config, central=replace(config.central, url=central_url))
    found = list(servers.central(look(there, {"sync": {"status": "says so", **figures}})))
    assert (found[-1].check, found[-1].level, found[-1].said) == ("forwarding", level, "says so")


def test_a_configuration_that_does_not_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[mqtt]\nprot = 1884\n")
    done = nilm_edge("doctor", "--config", str(tmp_path / "config.toml"))
    assert done.returncode == 1
    assert "mqtt.prot: unknown key" in done.stdout
    (tmp_path / "config.toml").write_text(to_toml(Config()))
