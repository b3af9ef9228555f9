"""A proxy in front of a real HTTP server (InfluxDB, VictoriaMetrics) that misbehaves on demand.

with Faulty(config.influx.url) as faulty:
    config = replace(config, influx=replace(config.influx, url=faulty.url))
    faulty.answer(503)                    # every request, the server behind never sees it
    faulty.swallow(only="/write")         # 204, nothing stored; other paths reach the server
    faulty.cut_body(times=2)              # two requests, then all is well again
    faulty.behave()
"""

import contextlib
import http.client
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_NOT_FORWARDED = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_FOR_EVER = 1 << 60


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived, and what was answered: a status, or `hang`, `cut_body`, `cut_answer`."""

    method: str
    path: str
    body: bytes
    answered: int | str
    authorization: str = ""


@dataclass(slots=True)
class _Fault:
    do: Callable[["_Handler"], None]
    only: str
    left: int


@dataclass(slots=True)
class _State:
    fault: _Fault | None = None
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)
    open: set[socket.socket] = field(default_factory=set)


class Faulty:
    """Listens on a free port of loopback. One fault at a time; a new one, or `behave`, replaces it and ends a hang."""

    def __init__(self, behind_url: str, tls: ssl.SSLContext | None = None) -> None:
        behind = urlsplit(behind_url)
        self._state = _State()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.state = self._state
        self._server.behind = (behind.hostname or "127.0.0.1", behind.port or 80)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.behave()
        self._server.shutdown()
        with self._state.lock:
            for connection in self._state.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    @property
    def seen(self) -> list[Seen]:
        """Every request so far, oldest first."""
        with self._state.lock:
            return list(self._state.seen)

    def behave(self) -> None:
        """Pass everything through."""
        self._set(None)

    def answer(self, status: int, body: str = "", *, only: str = "/", times: int = _FOR_EVER) -> None:
        """Answer `status` and `body` instead of the server, to paths that begin with `only`."""
        self._set(_Fault(lambda handler: handler.answer(status, body.encode()), only, times))

    def swallow(self, *, only: str = "/write", times: int = _FOR_EVER) -> None:
        """Answer 204 as if it were stored, and forward nothing (API 2: only="/api/v2/write")."""
        self.answer(204, only=only, times=times)

    def hang(self, *, only: str = "/", times: int = _FOR_EVER) -> None:
        """Read the request and answer nothing until the fault is replaced; then the connection is closed."""
        self._set(_Fault(lambda handler: handler.hang(), only, times))

    def cut_body(self, *, only: str = "/", times: int = _FOR_EVER) -> None:
        """Reset the connection when half of the request's body is read; nothing reaches the server."""
        self._set(_Fault(lambda handler: handler.cut_body(), only, times))

    def cut_answer(self, *, only: str = "/", times: int = _FOR_EVER) -> None:
        """Let the server do it, then reset the connection before its answer gets through."""
        self._set(_Fault(lambda handler: handler.cut_answer(), only, times))

    def slow(self, delay_s: float, *, only: str = "/", times: int = _FOR_EVER) -> None:
        """Pass everything through, `delay_s` late."""
        self._set(_Fault(lambda handler: handler.slow(delay_s), only, times))

    def _set(self, fault: _Fault | None) -> None:
        with self._state.lock:
            self._state.fault = fault
            self._state.released.set()
            self._state.released = threading.Event()


class _Server(ThreadingHTTPServer):
    state: _State
    behind: tuple[str, int]
    daemon_threads = True
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        with self.server.state.lock:
            self.server.state.open.add(self.connection)

    def finish(self) -> None:
        with self.server.state.lock:
            self.server.state.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle_any(self) -> None:
        state = self.server.state
        self.body = b""
        with state.lock:
            fault = state.fault
            if fault and (fault.left == 0 or not self.path.startswith(fault.only)):
                fault = None
            if fault:
                fault.left -= 1
            self.released = state.released
        if fault:
            fault.do(self)
        else:
            self.forward()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def answer(self, status: int, content: bytes) -> None:
        self._read()
        self._reply(status, [("Content-Type", "application/json")], content)

    def forward(self) -> None:
        self._read()
        self._reply(*self._ask_server())

    def slow(self, delay_s: float) -> None:
        self._read()
        time.sleep(delay_s)
        self._reply(*self._ask_server())

    def hang(self) -> None:
        self._read()
        self._record("hang")
        self.released.wait()
        self.close_connection = True

    def cut_body(self) -> None:
        self._read(part=0.5)
        self._record("cut_body")
        self._reset()

    def cut_answer(self) -> None:
        self._read()
        self._ask_server()
        self._record("cut_answer")
        self._reset()

    def _read(self, part: float = 1.0) -> None:
        self.body = self.rfile.read(int(int(self.headers.get("Content-Length", 0)) * part))

    def _ask_server(self) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
        connection = http.client.HTTPConnection(*self.server.behind, timeout=60)
        try:
            connection.request(self.command, self.path, self.body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError as error:  # the server behind is away: so are we
            self._reset()
            raise ConnectionAbortedError from error
        finally:
            connection.close()

    def _reply(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self._record(status)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _NOT_FORWARDED:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(content)

    def _record(self, answered: int | str) -> None:
        with self.server.state.lock:
            self.server.state.seen.append(
                Seen(self.command, self.path, self.body, answered, self.headers.get("Authorization", ""))
            )

    def _reset(self) -> None:
        """End the connection with RST, as a broken line does."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
