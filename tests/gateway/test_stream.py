import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import urllib3

from edge.adapters.streams import Streams
from edge.settings import Config
from gateway.hub import Client, Hub
from gateway.problems import Problem
from gateway.sender import Line
from tests.gateway.conftest import Gateway, running
from tests.gateway.house import CYCLES, fill, now_s, playing, second
from tests.servers import Servers, wait_until

Event = tuple[str, int | None, dict[str, Any]]


@contextmanager
def listening(gateway: Gateway, headers: dict[str, str] | None = None, **query: Any) -> Iterator[Iterator[Event]]:
    """The events (kind, id, data) of an open stream."""
    fields = {"building_id": "home", **query}
    with urllib3.PoolManager(retries=False, timeout=20) as http:
        answer = http.request("GET", f"{gateway.url}/api/stream", fields=fields, headers=headers, preload_content=False)
        assert answer.status == 200, answer.data
        assert answer.headers["Content-Type"] == "text/event-stream"
        try:
            yield parsed(answer)
        finally:
            answer.close()


def asking(gateway: Gateway, path: str = "/api/stream?building_id=home") -> socket.socket:
    """A connection on which something was asked for, by a client that reads when it likes."""
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=5)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def parsed(answer: urllib3.BaseHTTPResponse) -> Iterator[Event]:
    text = b""
    for chunk in answer.stream(65536):
        text += chunk
        while b"\n\n" in text:
            block, _, text = text.partition(b"\n\n")
            fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":"))
            if "data" in fields:
                event_id = int(fields["id"]) if "id" in fields else None
                yield fields.get("event", "message"), event_id, json.loads(fields["data"])


def seconds(stream: Iterator[Event], count: int) -> list[tuple[int, dict[str, Any]]]:
    """The next `count` seconds, statuses left out."""
    found: list[tuple[int, dict[str, Any]]] = []
    for kind, event_id, data in stream:
        if kind == "message":
            assert event_id is not None
            found.append((event_id, data))
            if len(found) == count:
                break
    return found


def test_each_second_comes_once_and_soon(gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 30)
    with playing(streams, "home"), listening(gateway) as stream:
        kind, _, status = next(stream)
        assert (kind, status["redis"]) == ("status", "up")
        assert abs(status["now_ms"] - time.time() * 1000) < 2000
        for _ in range(4):
            at_ms, data = seconds(stream, 1)[0]
            assert time.time() - at_ms / 1000 < 0.5
            sample, tick = second("home", at_ms // 1000)
            assert data["at_ms"] == at_ms
            assert data["power_w"] == sample.power_w
            assert data["other_w"] == pytest.approx(tick.other_w, abs=0.01)
            assert set(data["appliances"]) == set(CYCLES)
            assert (data["flags"], data["held"], data["warmup"]) == (0, False, False)


@pytest.mark.parametrize("way", ["header", "query"])
def test_resumes_without_loss(gateway: Gateway, streams: Streams, way: str) -> None:
    newest_s = fill(streams, "home", 100)
    last_ms = (newest_s - 40) * 1000
    headers = {"Last-Event-ID": str(last_ms)} if way == "header" else None
    query = {"after_ms": last_ms if way == "query" else last_ms - 20_000}
    with playing(streams, "home"), listening(gateway, headers, **query) as stream:
        ids = [at_ms for at_ms, _ in seconds(stream, 43)]
    first_live = ids.index(newest_s * 1000) + 1
    assert ids[:first_live] == [s * 1000 for s in range(newest_s - 39, newest_s + 1)]
    assert ids == sorted(set(ids))


def test_all_clients_get_the_same(gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 10)
    heard: list[list[int]] = []

    def hear() -> None:
        with listening(gateway) as stream:
            heard.append([at_ms for at_ms, _ in seconds(stream, 4)])

    threads = [threading.Thread(target=hear) for _ in range(30)]
    with playing(streams, "home"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
    assert len(heard) == 30
    for ids in heard:
        assert [b - a for a, b in pairwise(ids)] == [1000] * 3


def test_silent_and_stuck_connections_starve_nobody(gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 10)
    address = ("127.0.0.1", gateway.port)
    silent = [socket.create_connection(address) for _ in range(150)]
    stuck = [socket.create_connection(address) for _ in range(20)]
    for connection in stuck:  # asks for an hour and reads nothing of it
        connection.sendall(b"GET /api/stream?building_id=home&after_ms=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    began_s = time.monotonic()
    assert urllib3.request("GET", f"{gateway.url}/live", timeout=5).status == 200
    with playing(streams, "home"), listening(gateway) as stream:
        assert len(seconds(stream, 2)) == 2
    assert time.monotonic() - began_s < 5
    for connection in (*silent, *stuck):
        connection.close()


def test_more_streams_than_set_are_refused(config: Config, streams: Streams, tmp_path: Path) -> None:
    fill(streams, "home", 2)
    settings = replace(config.gateway, streams=40, streams_each=0)
    with running(replace(config, gateway=settings), tmp_path) as gateway:
        open_streams = [asking(gateway) for _ in range(40)]
        for connection in open_streams:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        answer = urllib3.request("GET", f"{gateway.url}/api/stream?building_id=home", timeout=5, retries=False)
        assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        assert urllib3.request("GET", f"{gateway.url}/live", timeout=5).status == 200
        open_streams.pop().close()

        def opens() -> bool:
            with asking(gateway) as connection:
                return connection.recv(4096).startswith(b"HTTP/1.1 200")

        wait_until(opens, 5, "a place that is free again")
        for connection in open_streams:
            connection.close()


def test_one_address_has_a_part_of_them(config: Config, streams: Streams, tmp_path: Path) -> None:
    fill(streams, "home", 2)
    with running(replace(config, gateway=replace(config.gateway, streams_each=3)), tmp_path) as gateway:
        open_streams = [asking(gateway) for _ in range(3)]
        for connection in open_streams:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        answer = urllib3.request("GET", f"{gateway.url}/api/stream?building_id=home", timeout=5, retries=False)
        assert (answer.status, "Retry-After" in answer.headers) == (429, True)
        for connection in open_streams:
            connection.close()


def test_tells_when_redis_goes_and_comes(gateway: Gateway, streams: Streams, servers: Servers) -> None:
    fill(streams, "home", 5)
    with listening(gateway) as stream, playing(streams, "home"):
        seconds(stream, 1)
        servers.redis.terminate()
        servers.redis.wait_or_kill(5)
        assert next(data["redis"] for kind, _, data in stream if kind == "status") == "down"
        assert urllib3.request("GET", f"{gateway.url}/live", timeout=5).status == 200
        servers.start()
        assert next(data["redis"] for kind, _, data in stream if kind == "status") == "up"
        assert seconds(stream, 2)


def test_tells_the_mains_while_nothing_is_predicted(gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 5)
    with listening(gateway) as stream:
        next(stream)
        sample, _ = second("home", now_s() + 1)
        streams.add_samples([sample])
        kind, _, status = next(stream)
        assert (kind, status["newest_ms"], status["power_w"]) == ("status", sample.at_ms, sample.power_w)


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("building_id=castle", 404), ("building_id=home&after_ms=-1", 422), ("building_id=home&x=1", 400)],
)
def test_wrong_parameters(gateway: Gateway, query: str, status: int) -> None:
    answer = urllib3.request("GET", f"{gateway.url}/api/stream?{query}", timeout=5)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")


def test_a_client_that_is_gone_before_it_joins_is_forgotten(streams: Streams) -> None:
    hub = Hub(streams)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = Client("home", None, ("address:1",))
        hub.opens(client)
        line = Line(ours, deque(), lambda _: hub.left(client), stays=True)
        hub.stop()  # a line that is taken now ends at once
        hub.join(client, line)
        assert (len(hub), hub._clients) == (0, set())


def test_a_place_is_counted_once_and_given_back(streams: Streams) -> None:
    hub = Hub(streams, most=3, most_each=2)
    clients = [Client("home", None, ("address:1", "user:anna")) for _ in range(2)]
    for client in clients:
        hub.opens(client)
    with pytest.raises(Problem, match="You have 2"):
        hub.opens(Client("home", None, ("address:2", "user:anna")))
    hub.opens(Client("home", None, ("address:2",)))
    with pytest.raises(Problem, match="3 event streams are open"):
        hub.opens(Client("home", None, ("address:3",)))
    for client in [*clients, clients[0]]:  # once more counts nothing
        hub.left(client)
    assert len(hub) == 1
    hub.opens(Client("home", None, ("address:1", "user:anna")))
