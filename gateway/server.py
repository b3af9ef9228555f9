"""The HTTP server: cheroot, where silent clients hold no thread and refusals are problems as well."""

import logging
import socket
from http import HTTPStatus

import orjson
from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.wsgi import Server as WsgiServer

from edge.log import request_id
from gateway.problems import body_of
from gateway.request_ids import HEADER, new_id
from gateway.security import HEADERS
from gateway.tls import shake_hands

log = logging.getLogger("nilm.gateway")


class Request(HTTPRequest):
    """A request; what is refused before the app sees it is answered as the app would."""

    def read_request_headers(self) -> bool:
        """Refuse bodies of unknown length: cheroot takes what the app leaves of them for the next request."""
        if not super().read_request_headers():  # type: ignore[no-untyped-call]
            return False
        if self.chunked_read:
            self.simple_response(411, "Send the body with a Content-Length.")
            return False
        return True

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
        try:
            self.conn.wfile.write("\r\n".join(lines).encode("latin-1") + content)
        except OSError as error:
            log.debug("a refusal could not be sent: %s", error)


class Connection(HTTPConnection):
    """A connection with our requests."""

    RequestHandlerClass = Request

    def communicate(self) -> bool:
        """Answer one request; whether the connection stays."""
        return shake_hands(self.socket) and bool(super().communicate())  # type: ignore[no-untyped-call]


class Server(WsgiServer):
    """cheroot, where a client that connects and says nothing holds no thread."""

    ConnectionClass = Connection
    passed: socket.socket | None = None
    """A socket that listens already, to serve at instead of one of our own."""
    error_log = staticmethod(lambda msg="", level=20, traceback=False: log.log(level, msg, exc_info=traceback))

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

    def stop(self) -> None:
        """Stop without a connection to ourselves: at a passed socket it would wait, and start us again."""
        if self.passed is not None:
            self.bind_addr = "passed"
        super().stop()

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Bind, or close: cheroot would leave it open."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def process_conn(self, conn: HTTPConnection) -> None:
        """Hand a connection to the threads once there is something to read."""
        if getattr(conn, "nilm_waited", False):
            super().process_conn(conn)
        else:
            conn.nilm_waited = True  # type: ignore[attr-defined]
            self._connections.put(conn)  # type: ignore[attr-defined]
