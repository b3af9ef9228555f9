"""Whether the page still answers: asked of the server itself, so that one that is stuck is started anew."""

import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import CERT_NONE, create_default_context
from urllib.parse import urlsplit

from gateway.server import Server

_EVERY_S, _AGAIN_S = 5.0, 0.2
_TIMEOUT_S = 1.0
"""Well below the two seconds in which a service stops."""


class Alive:
    """Asks `/live` over the socket every five seconds: a thread of the server answers, through the app."""

    def __init__(self, server: Server) -> None:
        self._where = urlsplit(server.url)
        self._due_s = time.monotonic()
        self._answered = True
        self._trusting = create_default_context()
        self._trusting.check_hostname, self._trusting.verify_mode = False, CERT_NONE  # it is ourselves

    def answers(self) -> bool:
        """How it was when last asked."""
        if time.monotonic() >= self._due_s:
            self._answered = self._ask()
            self._due_s = time.monotonic() + (_EVERY_S if self._answered else _AGAIN_S)
        return self._answered

    def _ask(self) -> bool:
        host, port = self._where.hostname or "", self._where.port
        if self._where.scheme == "https":
            connection: HTTPConnection = HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=self._trusting)
        else:
            connection = HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", "/live", headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
