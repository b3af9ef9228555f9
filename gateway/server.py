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
    error_log = staticmethod(lambda msg="", level=20, traceback=False: log.log(level, msg, exc_info=traceback))

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
