"""The HTTP server: cheroot, whose threads see whole requests only, and wait for no client to take its answer."""

import io
import logging
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
from cheroot.connections import ConnectionManager
from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.wsgi import Gateway_10
from cheroot.wsgi import Server as WsgiServer

from edge.log import request_id
from gateway.problems import body_of
from gateway.request_ids import HEADER, new_id
from gateway.security import HEADERS
from gateway.sender import Line, Sender
from gateway.wire import Inbox, Outbox

log = logging.getLogger("nilm.gateway")

HAND_OVER = "nilm.hand_over"
"""In the environment of a request: call it with who shall have the connection once the answer is written."""
MAX_CONNECTIONS = 1000
_CROWD = 300
_CROWDED_S = 1.0
"""While more than so many wait to ask something, or in the middle of it, they wait no longer than so long."""


class Request(HTTPRequest):
    """A request; what is refused before the app sees it is answered as the app would."""

    conn: "Connection"

    def read_request_headers(self) -> bool:
        """Refuse bodies of unknown length: cheroot takes what the app leaves of them for the next request."""
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        if self.chunked_read:
            self.simple_response(411, "Send the body with a Content-Length.")
            return False
        if self.conn.inbox.length_is_odd:
            self.simple_response(400, "There are two lengths of the body.")
            return False
        return True

    def send_headers(self) -> None:
        """Write the answer's head; the body of one that is handed over is its heir's to write."""
        super().send_headers()
        if self.conn.heir is not None:
            status: Any = self.status
            self.conn.heir_is_welcome = status.startswith(b"200")
            self.conn.in_chunks, self.chunked_write, self.close_connection = self.chunked_write, False, True

    def simple_response(self, status: str | int, msg: str = "") -> None:
        """Answer a request that cannot be read, or is too large, and close."""
        code = int(str(status)[:3])
        request_id.set(new_id(None))
        content = orjson.dumps(body_of(code, str(msg) or HTTPStatus(code).description))
        headers = {
            "Content-Type": "application/problem+json",
            "Content-Length": str(len(content)),
            "Connection": "close",
            "Cache-Control": "no-store",
            HEADER: request_id.get(),
            **HEADERS,
        }
        self.close_connection = True
        lines = [f"{self.server.protocol} {code} {HTTPStatus(code).phrase}", *map(": ".join, headers.items()), "", ""]
        self.conn.wfile.write("\r\n".join(lines).encode("latin-1") + content)


class Connection(HTTPConnection):
    """A connection in one pair of hands at a time: the selector's, a thread's of requests, or the sender's."""

    RequestHandlerClass = Request

    def __init__(self, server: "Server", connection: socket.socket, *_: Any) -> None:
        connection.setblocking(False)
        self.inbox, self.outbox = Inbox(connection), Outbox(connection)
        self.heir: Callable[[Connection | None], None] | None = None
        self.heir_is_welcome, self.in_chunks = False, False
        self.is_new = True
        files = iter((io.BytesIO(), self.outbox))
        super().__init__(server, connection, lambda *_: next(files))

    def hand_over(self, heir: Callable[["Connection | None"], None]) -> None:
        """Let `heir` have this connection after the answer, or None where that is no good one."""
        self.heir = heir

    def communicate(self) -> bool:
        """Answer one request; whether the connection stays."""
        stays = bool(super().communicate())  # type: ignore[no-untyped-call]
        try:
            self.outbox.flush()
        except OSError:
            self.outbox.waiting.clear()
            return False
        return stays

    def close(self) -> None:
        """Close once the client has what is written, or leave it to the heir."""
        if self.heir is not None:
            heir, self.heir = self.heir, None
            heir(self if self.heir_is_welcome else None)
            if self.heir_is_welcome:
                return
        if self.outbox.waiting:
            self.server.sender.take(Line(self.socket, self.outbox.waiting, lambda _: self.close_now()))
        else:
            self.close_now()

    def close_now(self) -> None:
        """Close, whatever waits."""
        self.outbox.waiting.clear()
        with suppress(OSError):  # what is left unread would take back what was just sent
            for _ in range(16):
                self.socket.recv(1 << 16)
        super().close()


class _Gateway(Gateway_10):
    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        """What the app is told, and how it can have the connection."""
        found: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        return found | {HAND_OVER: self.req.conn.hand_over}


class _Connections(ConnectionManager):
    _num_connections: int

    def _expire(self, threshold: float) -> None:
        if self._num_connections > _CROWD:
            threshold = time.time() - _CROWDED_S
        super()._expire(threshold)  # type: ignore[misc]


class Server(WsgiServer):
    """cheroot, where a client that says nothing, or takes nothing, holds no thread."""

    ConnectionClass = Connection
    keep_alive_conn_limit = MAX_CONNECTIONS
    passed: socket.socket | None = None
    """A socket that listens already, to serve at instead of one of our own."""
    _connections: Any
    error_log = staticmethod(lambda msg="", level=20, traceback=False: log.log(level, msg, exc_info=traceback))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sender = Sender()

    def serve(self) -> None:
        """Serve until `stop`."""
        self.sender.start()
        super().serve()

    def stop(self) -> None:
        """Stop, and close what is open; no connection to ourselves: at a passed socket that would start us again."""
        if self.passed is not None:
            self.bind_addr = "passed"
        super().stop()
        self.sender.stop()

    def prepare(self) -> None:
        """Listen."""
        super().prepare()
        self.gateway = _Gateway
        self._connections._selector.close()
        self._connections = _Connections(self)

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host, port = self.socket.getsockname()[:2]
        near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not listened at
        return f"{'https' if self.ssl_adapter else 'http'}://{f'[{near}]' if ':' in near else near}:{port}/"

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """Take the socket that was passed, or make one."""
        if self.passed is None:
            return super().bind(family, type, proto)  # type: ignore[no-any-return]
        self.socket = self.passed
        self.bind_addr = self.passed.getsockname()[:2]
        return self.passed

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Bind, or close: cheroot would leave it open."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: Connection) -> None:
        """Read what there is of a connection that is new, or has something; hand it to the threads once it is whole."""
        is_new, conn.is_new = conn.is_new, False
        if is_new and self._connections._num_connections >= MAX_CONNECTIONS:
            conn.close_now()
        else:
            self._look(conn)

    def put_conn(self, conn: Connection) -> None:
        """Go on with a connection whose request is answered."""
        if not self.ready:
            conn.close()
        elif conn.outbox.waiting:
            then = lambda whole: self.put_conn(conn) if whole else conn.close_now()  # noqa: E731
            self.sender.take(Line(conn.socket, conn.outbox.waiting, then))
        else:
            conn.inbox.since_s = time.time()
            self._look(conn)

    def _look(self, conn: Connection) -> None:
        try:
            request = conn.inbox.read()
        except OSError:
            conn.close_now()
            return
        if request is not None:
            conn.rfile = request
            super().process_conn(conn)
            return
        conn.last_used = conn.inbox.since_s
        self._connections._selector.register(conn.socket.fileno(), selectors.EVENT_READ, data=conn)
