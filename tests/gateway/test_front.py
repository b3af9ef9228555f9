"""What happens to every request before a view sees it: its id, its Host, its sender's address, its size."""

import json
import logging
import socket
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from flask import request
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.errors import ConfigError
from edge.log import JsonLines, TextLines, request_id
from edge.settings import Config
from gateway import create_app, proxies
from gateway.access import Of, Who, access
from gateway.hub import Hub
from gateway.proxies import caller_of, trusted_networks
from tests.gateway.conftest import Gateway
from tests.servers import wait_until


def app_of(**settings: Any) -> FlaskClient:
    config = replace(Config(), gateway=replace(Config().gateway, **settings))
    streams = Streams.connect("redis://127.0.0.1:1/0")
    return create_app(config, streams, Influx.connect(config.influx), Hub(streams)).test_client()


@pytest.mark.parametrize("path", ["/live", "/nowhere", "/analytics/readings?last=x"])
def test_the_callers_request_id_comes_back(path: str) -> None:
    answer = app_of().get(path, headers={"X-Request-ID": "run-7.a_B"})
    assert answer.headers["X-Request-ID"] == "run-7.a_B"
    if answer.status_code >= 400:
        assert answer.json is not None
        assert answer.json["request_id"] == "run-7.a_B"


@pytest.mark.parametrize("wanted", ["", "x" * 65, "a b", "é", "<script>", "a;b"])
def test_a_request_id_that_could_harm_a_log_is_replaced(wanted: str) -> None:
    given = app_of().get("/live", headers={"X-Request-ID": wanted}).headers["X-Request-ID"]
    assert given != wanted
    assert len(given) == 16


def test_every_log_line_of_a_request_has_its_id(capfd: pytest.CaptureFixture[str]) -> None:
    client = app_of()

    def fails() -> str:
        raise RuntimeError("first line\nsecond line")

    client.application.add_url_rule("/fails", view_func=access(Who.ANYONE, Of.NOTHING)(fails))
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("nilm.gateway")
    logger.addHandler(handler)
    try:
        answer = client.get("/fails", headers={"X-Request-ID": "the-one"})
    finally:
        logger.removeHandler(handler)
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "second line" not in answer.text
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    said = json.loads(line)
    assert said["request_id"] == "the-one"
    assert said["level"] == "error"
    assert "RuntimeError: first line\nsecond line" in said["error"]


def test_a_log_line_for_people_stays_one_line() -> None:
    record = logging.LogRecord("nilm.x", logging.INFO, "", 0, "a %s", ("b\r\n2026 INFO forged",), None)
    request_id.set("r1")
    line = TextLines().format(record)
    request_id.set("")
    assert line.endswith("INFO nilm.x: a b\\r\\n2026 INFO forged (request r1)")
    assert "request" not in TextLines().format(record)


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "127.0.0.1:9", "192.168.1.20", "[::1]:8080", "[fe80::1]", "energy.example.org:443"],
)
def test_hosts_that_are_known(host: str) -> None:
    assert app_of(hosts="energy.example.org").get("/live", headers={"Host": host}).status_code == 200


def test_this_machines_own_name_is_known() -> None:
    assert app_of().get("/live", headers={"Host": f"{socket.gethostname()}:8080"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:x",
        "a b",
        "[::1",
        "user@localhost",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    answer = app_of(hosts="energy.example.org").get("/live", headers={"Host": host})
    assert answer.status_code == 421
    assert "gateway.hosts" in answer.json["detail"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"hosts": "http://a"}, "hosts"), ({"hosts": "a:80"}, "hosts"), ({"trusted_proxies": "me"}, "trusted_proxies")],
)
def test_wrong_settings_are_named(settings: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"gateway\.{key}"):
        app_of(**settings)


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "caller", "told"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9", True),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7", True),
        ("127.0.0.1", "1.2.3.4, 198.51.100.7", "198.51.100.7", True),
        ("127.0.0.1", "1.2.3.4, 198.51.100.7, 10.0.0.5", "198.51.100.7", True),
        ("127.0.0.1", "", "127.0.0.1", False),
        ("127.0.0.1", "unknown", "127.0.0.1", False),
        ("127.0.0.1", "10.0.0.5", "10.0.0.5", False),
        ("127.0.0.1", "::ffff:198.51.100.7", "198.51.100.7", True),
    ],
)
def test_the_address_is_the_nearest_that_no_trusted_proxy_has(
    peer: str, forwarded_for: str, caller: str, told: bool
) -> None:
    trusted = trusted_networks("127.0.0.1, 10.0.0.0/24")
    assert caller_of(ip_address(peer), forwarded_for, trusted) == (ip_address(caller), told)


@pytest.mark.parametrize(
    ("trusted", "headers", "seen", "far", "scheme"),
    [
        ("", {}, "127.0.0.1", False, "http"),
        ("", {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}, "127.0.0.1", True, "http"),
        ("127.0.0.1", {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}, "9.9.9.9", False, "https"),
        ("127.0.0.1", {}, "127.0.0.1", True, "http"),
    ],
)
def test_a_proxy_is_believed_where_it_is_named(
    trusted: str, headers: dict[str, str], seen: str, far: bool, scheme: str
) -> None:
    client = app_of(trusted_proxies=trusted)
    said: list[object] = []

    @client.application.before_request
    def _look() -> None:
        said.extend([str(proxies.address()), proxies.may_be_from_afar(), request.scheme])

    client.get("/live", headers=headers)
    assert said == [seen, far, scheme]


def test_preflight_of_an_origin_that_may_call() -> None:
    client = app_of(cors_origins="https://energy.example.org")
    asked = {"Origin": "https://energy.example.org", "Access-Control-Request-Method": "GET"}
    answer = client.options("/analytics/readings", headers=asked)
    assert answer.status_code == 200
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    answer = client.options("/analytics/readings", headers={**asked, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def raw(port: int, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}, body


CHUNK = b"11170\r\n" + b" " * 70_000 + b"\r\n"
JSON_TO_LOGIN = (
    b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
)
UNREADABLE = [
    (b"NONSENSE\r\n\r\n", 400),
    (b"GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
    (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    (b"GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 413),
    (b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600000\r\n\r\n", 413),
    (JSON_TO_LOGIN + b"Content-Length: 262200\r\n\r\n" + b" " * 262_200, 413),
    (JSON_TO_LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + 5 * CHUNK + b"0\r\n\r\n", 411),
    (b"GET /live HTTP/7.1\r\nHost: localhost\r\n\r\n", 505),
]


def test_what_cannot_be_read_or_is_too_large_is_refused_as_a_problem(gateway: Gateway) -> None:
    for sent, status in UNREADABLE:
        code, headers, body = raw(gateway.port, sent)
        assert code == status, sent[:80]
        assert headers["Content-Type"] == "application/problem+json"
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        said = json.loads(body)
        assert said["status"] == status
        assert said["request_id"] == headers["X-Request-ID"]
        assert said["detail"]


def test_json_log_lines(config: Config, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gateway = Gateway(replace(config, log_format="json"), tmp_path)
    said = ""

    def started() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "started: the page is at" in said

    try:
        wait_until(started)
    finally:
        gateway.stop()
    lines = [json.loads(line) for line in (said + capfd.readouterr().err).splitlines()]
    assert any(line["message"].startswith("started: the page is at") for line in lines)
