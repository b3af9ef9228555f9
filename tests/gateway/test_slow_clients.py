"""Clients that dribble, take nothing, or vanish: the others are served meanwhile, and nothing of theirs is lost."""

import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import urllib3

from edge.adapters.streams import Streams
from gateway import sender as sending
from gateway.sender import Line, Sender
from gateway.wire import Inbox
from tests.gateway.conftest import Gateway
from tests.gateway.house import fill, playing
from tests.gateway.test_stream import asking, listening, seconds
from tests.servers import wait_until

HOUR = "/analytics/predictions?building_id=home&last=3600"
HEAD = b"GET /live HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"


def connect(gateway: Gateway, said: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    connection.sendall(said)
    return connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    came = b""
    while b"\r\n\r\n" not in came:
        read = connection.recv(65536)
        assert read, came
        came += read
    head, _, body = came.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length
    while len(body) < int(length[1]):
        read = connection.recv(1 << 20)
        assert read, "cut off"
        body += read
    return int(head.split()[1]), body


def others_are_served(gateway: Gateway, streams: Streams) -> None:
    for path in ("/live", HOUR.replace("3600", "60"), "/api/buildings"):
        assert urllib3.request("GET", f"{gateway.url}{path}", timeout=10, retries=False).status == 200
    with playing(streams, "home"), listening(gateway) as stream:
        assert len(seconds(stream, 2)) == 2


@contextmanager
def dribbling(connections: list[socket.socket]) -> Iterator[None]:
    """A byte of a header on each of them, again and again."""
    stop = threading.Event()

    def dribble() -> None:
        while not stop.wait(0.05):
            for connection in connections:
                connection.sendall(b"x")

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_requests_that_never_become_whole_starve_nobody(gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 60)
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(gateway, said)) for said in [HEAD + b"X-Slow: "] * 120 + [BODY] * 80]
        with dribbling(slow):
            others_are_served(gateway, streams)
        another = stack.enter_context(connect(gateway, HEAD))
        time.sleep(0.3)
        another.sendall(b"\r\n")  # slow is not wrong
        assert answer(another)[0] == 200


def test_answers_that_nobody_takes_starve_nobody(gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 3600)
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(asking(gateway, HOUR))
        others_are_served(gateway, streams)
        another = stack.enter_context(asking(gateway, HOUR))
        time.sleep(0.5)
        status, body = answer(another)  # at last: whole, and the connection is as good as before
        assert status == 200
        assert len(json.loads(body)["points"]) == 3600
        another.sendall(HEAD + b"\r\n")
        assert answer(another)[0] == 200


def test_an_export_that_nobody_takes_starves_nobody(gateway: Gateway, streams: Streams, influx: Any) -> None:
    fill(streams, "home", 60)
    lines = "\n".join(f"mains,building=home power_w={n}.5,flags=0i {1_790_000_000 + n}" for n in range(40_000))
    influx.write("nilm", lines)
    span = "start=2026-09-21T13:00:00Z&end=2026-09-22T13:00:00Z"
    with ExitStack() as stack:
        stuck = [stack.enter_context(asking(gateway, f"/export?building_id=home&{span}")) for _ in range(30)]
        others_are_served(gateway, streams)
        assert any(connection.recv(100).startswith(b"HTTP/1.1 200") for connection in stuck)


def test_a_slow_stream_loses_no_second(gateway: Gateway, streams: Streams) -> None:
    newest_s = fill(streams, "home", 3600)
    with ExitStack() as stack:
        for _ in range(25):
            stack.enter_context(asking(gateway, "/api/stream?building_id=home&after_ms=1"))
        others_are_served(gateway, streams)
        another, came = stack.enter_context(asking(gateway, "/api/stream?building_id=home&after_ms=1")), b""
        time.sleep(1)
        while str(newest_s * 1000).encode() not in came:
            came += another.recv(1 << 20)
        ids = [int(found) // 1000 for found in re.findall(rb"\nid: (\d+)\n", came)]
        assert ids[ids.index(newest_s - 3000) :][:3001] == list(range(newest_s - 3000, newest_s + 1))


def test_streams_of_clients_that_vanish_are_closed(gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 10)
    gone = [asking(gateway) for _ in range(20)]

    def open_streams() -> int:
        text = urllib3.request("GET", f"{gateway.url}/metrics", timeout=5).data.decode()
        return int(float(text.split("\nnilm_gateway_open_streams ")[1].split()[0]))

    wait_until(lambda: open_streams() == 20, 5)
    for n, connection in enumerate(gone):
        if n % 2:  # without a good-bye
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    wait_until(lambda: open_streams() == 0, 5)


def test_a_request_may_come_in_any_pieces(gateway: Gateway) -> None:
    body = b'{"name":"nobody","password":"wrong"}'
    post = BODY.replace(b"900", str(len(body)).encode())[:-1] + body
    with connect(gateway) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post:
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
        assert answer(connection)[0] == 401
        connection.sendall((HEAD + b"\r\n") * 3 + post[:50])
        came = b""
        while came.count(b"HTTP/1.1 200") < 3:
            came += connection.recv(65536)
        connection.sendall(post[50:])
        assert answer(connection)[0] == 401


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (HEAD + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello", b"400"),
        (HEAD + b"Content-Length: 5\r\ncontent-length : 50\r\n\r\nhello", b"400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"411"),
        (HEAD + b"Content-Length: 300000\r\n\r\n", b"413"),
        (HEAD + b"X: " + b"x" * 40_000, b"413"),
        (b"\r\n" + HEAD + b"\r\n", b"200"),
        (HEAD.replace(b"\r", b"") + b"\n", b"400"),
    ],
)
def test_odd_lengths(gateway: Gateway, said: bytes, status: bytes) -> None:
    with connect(gateway, said) as connection:
        assert connection.recv(4096).split()[1] == status


def test_a_client_that_asks_whether_to_go_on_is_told_so(gateway: Gateway) -> None:
    with connect(gateway, BODY[:-1].replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b" " * 900)
        came = b""
        while b"application/problem+json" not in came:
            came += connection.recv(4096)


def test_dribbling_does_not_buy_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        inbox = Inbox(ours)
        theirs.sendall(HEAD)
        assert inbox.read() is None
        since_s = inbox.since_s
        for _ in range(3):
            theirs.sendall(b"x")
            assert inbox.read() is None
        assert inbox.since_s == since_s
        theirs.close()
        with pytest.raises(ConnectionError):
            inbox.read()


def test_the_sender_gives_up_on_who_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "STUCK_S", 0.1)
    sender = Sender()
    sender.start()
    ended: list[bool] = []
    pairs = [socket.socketpair() for _ in range(2)]
    with ExitStack() as stack:
        for ours, theirs in pairs:
            stack.enter_context(ours)
            stack.enter_context(theirs)
            ours.setblocking(False)
        sender.take(Line(pairs[0][0], deque([memoryview(b"x" * 10_000_000)]), ended.append))
        sender.take(Line(pairs[1][0], deque([memoryview(b"y" * 100)]), ended.append))
        wait_until(lambda: len(ended) == 2, 5)
    assert sorted(ended) == [False, True]
    sender.stop()
