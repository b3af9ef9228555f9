"""A client's connection, which never makes anybody wait: what comes is gathered until a request is whole, and what a
client does not take at once is left to the sender."""

import io
import re
import select
import socket
import ssl
import time
from collections import deque
from typing import Any

from gateway.security import MAX_BODY_BYTES

MAX_HEAD_BYTES = 32 * 1024
STUCK_S = 10.0
"""A client that takes nothing for so long, or takes so long to ask, loses its connection."""
_MUCH_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024
_BUFFERS = 64
_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?(?=\n)", re.IGNORECASE)
_EXPECTS = re.compile(rb"\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)

Waiting = deque[memoryview]


def send_some(connection: socket.socket, waiting: Waiting) -> int:
    """Send what is taken at once of what waits; how many bytes that were. OSError where the connection is broken."""
    total = 0
    while waiting:
        try:
            if isinstance(connection, ssl.SSLSocket):
                sent = connection.send(waiting[0])
            else:
                sent = connection.sendmsg([waiting[n] for n in range(min(len(waiting), _BUFFERS))])
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return total
        total += sent
        while waiting and sent >= len(waiting[0]):
            sent -= len(waiting.popleft())
        if sent:
            waiting[0] = waiting[0][sent:]
    return total


class Outbox:
    """What is to be written, and what of it the client has not taken yet."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.waiting: Waiting = deque()

    def write(self, data: bytes) -> int:
        """Take `data`. Only a long answer that is made piece by piece waits here for its client."""
        if sum(map(len, self.waiting)) > _MUCH_BYTES:
            self._wait()
        if data:
            self.waiting.append(memoryview(data))
        return len(data)

    def flush(self) -> None:
        """Send what is taken at once."""
        send_some(self._connection, self.waiting)

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._connection, select.POLLOUT)
        while not send_some(self._connection, self.waiting):
            if not poll.poll(STUCK_S * 1000):
                self.waiting.clear()
                raise ConnectionAbortedError("the client takes nothing")


class Inbox:
    """What has come of a request. `last_used` is for the server: since when the client keeps us waiting."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._came = bytearray()
        self._searched = 0
        self._told_to_go_on = False
        self.since_s = time.time()
        self.length_is_odd = False

    def read(self) -> io.BytesIO | None:
        """The next request, once all of it is there. ConnectionError where the client is gone."""
        if not _has_shaken_hands(self._connection):
            return None
        while (whole := self._whole_bytes()) is None:
            try:
                read = self._connection.recv(_PIECE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            if not read:
                raise ConnectionAbortedError("the client is gone")
            if not self._came:
                self.since_s = time.time()
            self._came += read
        request = io.BytesIO(self._came[:whole])
        del self._came[:whole]
        self._searched, self._told_to_go_on = 0, False
        return request

    def _whole_bytes(self) -> int | None:
        """How long the request is with its body, once all of it, or more than is read, is there."""
        start = 2 if self._came.startswith(b"\r\n") else 0
        end = _END.search(self._came, max(start, self._searched - 3))
        if end is None:
            self._searched = len(self._came)
            return len(self._came) if len(self._came) > MAX_HEAD_BYTES else None
        head_bytes = end.end()
        lengths = {int(found) for found in _LENGTH.findall(self._came, 0, head_bytes)}
        self.length_is_odd = len(lengths) > 1
        length = max(lengths, default=0)
        if length > MAX_BODY_BYTES or self.length_is_odd:
            return head_bytes  # it is refused
        if len(self._came) >= head_bytes + length:
            return head_bytes + length
        if not self._told_to_go_on and _EXPECTS.search(self._came, 0, head_bytes):
            self._told_to_go_on = True
            self._connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None


def _has_shaken_hands(connection: Any) -> bool:
    """Whether a connection may be read; goes on with its TLS handshake, if any. ConnectionError where that fails."""
    if not isinstance(connection, ssl.SSLSocket) or connection.version() is not None:
        return True
    try:
        connection.do_handshake()
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return False
    except OSError as error:
        raise ConnectionAbortedError("no TLS, or none that we speak") from error
    return True
