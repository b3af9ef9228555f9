import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3

from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.errors import ConfigError
from edge.settings import Config, Redis
from edge.settings_gateway import External
from gateway.serve import run
from tests.gateway.conftest import Gateway
from tests.gateway.house import fill
from tests.servers import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_within_two_seconds_with_open_streams(gateway: Gateway, streams: Streams, number: int) -> None:
    fill(streams, "home", 3600)
    request = b"GET /api/stream?building_id=home&after_ms=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connections = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(12)]
    for connection in connections:  # some read, some are stuck
        connection.sendall(request)
    for connection in connections[:6]:
        connection.recv(1000)
    began_s = time.monotonic()
    assert gateway.stop(number) == 0
    assert time.monotonic() - began_s < 2
    for connection in connections:
        connection.close()


def test_beats(gateway: Gateway, streams: Streams) -> None:
    wait_until(lambda: "gateway" in streams.services(), what="the first heartbeat")
    first = streams.services()["gateway"]
    assert first["pid"] == gateway.process.pid
    assert first.keys() >= {"pid", "started_ms", "beat_ms", "version"}
    wait_until(lambda: streams.services()["gateway"]["beat_ms"] > first["beat_ms"], 5, "the next heartbeat")
    assert streams.services()["gateway"]["started_ms"] == first["started_ms"]


def test_a_busy_port_is_one_clear_sentence(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        try:
            with pytest.raises(ConfigError, match=rf"gateway\.port.*{port}.*another program"):
                run(replace(config, gateway=replace(config.gateway, port=port)))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def test_serves_without_redis_and_influxdb(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    away = replace(
        config, redis=Redis(url="redis://127.0.0.1:1/0"), influx=replace(config.influx, url="http://127.0.0.1:1")
    )
    gateway = Gateway(away, tmp_path_factory.mktemp("away"))
    assert urllib3.request("GET", f"{gateway.url}/", timeout=5).status == 200
    began_s = time.monotonic()
    assert urllib3.request("GET", f"{gateway.url}/ready", timeout=5, retries=False).status == 503
    assert time.monotonic() - began_s < 1
    time.sleep(2.5)  # a heartbeat fails
    assert urllib3.request("GET", f"{gateway.url}/live", timeout=5).status == 200
    assert gateway.stop() == 0


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /live HTTP/1.1\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: a b:99999999\r\nConnection: close\r\n\r\n",
        b"GET http://other.example/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /%00%ff?building_id=%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /analytics/readings?building_id=%ff&last=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_odd_requests_get_an_answer_and_harm_nothing(gateway: Gateway, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(request_bytes)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 ")
    assert b"Traceback" not in answer
    assert not answer.startswith(b"HTTP/1.1 500")
    assert urllib3.request("GET", f"{gateway.url}/live", timeout=5).status == 200


def test_the_second_listener(config: Config, streams: Streams, tmp_path: Path) -> None:
    fill(streams, "home", 60)
    external = External(host="127.0.0.1", port=free_port())
    gateway = Gateway(replace(config, gateway=replace(config.gateway, external=external)), tmp_path)

    def status(port: int, path: str) -> int:
        return urllib3.request("GET", f"http://127.0.0.1:{port}{path}", timeout=5, retries=False).status

    try:
        assert [status(external.port, path) for path in ("/", "/api/me", "/live", "/metrics")] == [200, 200, 404, 404]
        assert status(external.port, "/api/buildings") == 401  # to log in there, always
        me = urllib3.request("GET", f"http://127.0.0.1:{external.port}/api/me").json()
        assert me["dashboard_only"] is True
        assert status(gateway.port, "/api/buildings") == 200
    finally:
        assert gateway.stop() == 0
