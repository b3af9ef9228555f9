"""The sender: one thread that writes to every client that takes its time, so that no other thread waits for one."""

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from gateway.wire import STUCK_S, Waiting, send_some

log = logging.getLogger("nilm.gateway")

MOST_BYTES = 64 << 20
"""What may wait for all clients together; beyond it those lose their connection that took nothing for longest."""
_SWEEP_S = 1.0
_CHUNK, _LAST_CHUNK = b"%x\r\n%b\r\n", b"0\r\n\r\n"
_READ_BYTES = 4096


class Line:
    """A connection that the sender has; its own thread alone changes it.

    `ended` is called once, with whether all was taken. A line that `stays` is open until it is closed, by either
    side; with `in_chunks` what is written to it later gets the frame of a chunk.
    """

    def __init__(
        self,
        connection: socket.socket,
        waiting: Waiting,
        ended: Callable[[bool], None],
        *,
        stays: bool = False,
        in_chunks: bool = False,
    ) -> None:
        self.connection = connection
        self.waiting = waiting
        self.ended = ended
        self.stays, self.in_chunks = stays, in_chunks
        self.moved_s = self.spoke_s = time.monotonic()
        self.when_empty: Callable[[], None] | None = None
        self.watched = 0

    def waiting_bytes(self) -> int:
        """What the client has not taken yet."""
        return sum(map(len, self.waiting))


class Sender:
    """Every method but those that begin with _ may be called from any thread."""

    def __init__(self, heartbeat: bytes = b"", heartbeat_s: float = 15.0) -> None:
        self._heartbeat, self._heartbeat_s = heartbeat, heartbeat_s
        self._selector: selectors.BaseSelector
        self._wakes: socket.socket | None = None
        self._lines: set[Line] = set()
        self._work: deque[Callable[[], None]] = deque()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._selector = selectors.DefaultSelector()
        woken, self._wakes = socket.socketpair()
        woken.setblocking(False)
        self._wakes.setblocking(False)
        self._selector.register(woken, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """Close every line and end."""
        self._stopped = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def take(self, line: Line) -> None:
        """Have a connection that nobody else uses from now on."""
        if self._stopped and not self._thread.is_alive():
            _part(line, whole=False)
        else:
            self._do(lambda: self._add(line))

    def write(self, lines: Sequence[Line], data: bytes) -> None:
        """Write the same to many; those that have ended are left out."""
        plain, chunk = memoryview(data), memoryview(_CHUNK % (len(data), data))

        def work() -> None:
            for line in lines:
                self._say(line, chunk if line.in_chunks else plain)

        self._do(work)

    def when_empty(self, line: Line, then: Callable[[], None]) -> None:
        """Call `then`, in the sender's thread, as soon as nothing waits for this client."""

        def work() -> None:
            if line in self._lines and line.waiting:
                line.when_empty = then
            else:
                then()

        self._do(work)

    def close(self, line: Line) -> None:
        """End a line."""
        self._do(lambda: self._end(line, whole=False))

    def _do(self, work: Callable[[], Any]) -> None:
        self._work.append(work)
        self._wake()

    def _wake(self) -> None:
        if self._wakes:
            with suppress(OSError):  # full: it is awake anyway; closed: it has ended
                self._wakes.send(b".")

    def _run(self) -> None:
        swept_s = time.monotonic()
        while not self._stopped:
            for key, events in self._selector.select(_SWEEP_S if self._lines else None):
                if isinstance(key.fileobj, socket.socket) and key.data is None:
                    key.fileobj.recv(_READ_BYTES)
                elif key.data in self._lines:
                    self._ready(key.data, events)
            for _ in range(len(self._work)):
                self._attempt(self._work.popleft())
            if (now_s := time.monotonic()) - swept_s >= _SWEEP_S:
                swept_s = now_s
                self._sweep(now_s)
        for line in list(self._lines):
            self._end(line, whole=False)
        for _ in range(len(self._work)):  # what came last: a line that is taken now ends now
            self._attempt(self._work.popleft())
        if self._wakes:
            self._wakes.close()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("writing to clients failed; it goes on")

    def _add(self, line: Line) -> None:
        if self._stopped:
            _part(line, whole=False)
            return
        self._lines.add(line)
        self._flush(line)
        while sum(one.waiting_bytes() for one in self._lines) > MOST_BYTES:
            self._end(min((one for one in self._lines if one.waiting), key=lambda one: one.moved_s), whole=False)

    def _say(self, line: Line, data: memoryview) -> None:
        if line in self._lines:
            line.spoke_s = time.monotonic()
            line.waiting.append(data)
            if len(line.waiting) == 1:
                line.moved_s = line.spoke_s  # until now there was nothing to take
                self._flush(line)

    def _ready(self, line: Line, events: int) -> None:
        if events & selectors.EVENT_READ:
            try:
                if not line.connection.recv(_READ_BYTES):
                    self._end(line, whole=False)
                    return
            except OSError as error:
                if not _is_later(error):
                    self._end(line, whole=False)
                    return
        if line.waiting:
            self._flush(line)

    def _flush(self, line: Line) -> None:
        try:
            moved = send_some(line.connection, line.waiting)
        except OSError:
            self._end(line, whole=False)
            return
        if moved or not line.waiting:
            line.moved_s = time.monotonic()
        if line.waiting:
            self._watch(line)
        elif not line.stays:
            self._end(line, whole=True)
        else:
            self._watch(line)
            then, line.when_empty = line.when_empty, None
            if then:
                then()

    def _watch(self, line: Line) -> None:
        wanted = (selectors.EVENT_READ if line.stays else 0) | (selectors.EVENT_WRITE if line.waiting else 0)
        if wanted == line.watched:
            return
        if line.watched:
            self._selector.modify(line.connection, wanted, line)
        else:
            self._selector.register(line.connection, wanted, line)
        line.watched = wanted

    def _end(self, line: Line, *, whole: bool) -> None:
        if line not in self._lines:
            return
        self._lines.discard(line)
        if line.watched:
            self._selector.unregister(line.connection)
        _part(line, whole=whole)

    def _sweep(self, now_s: float) -> None:
        for line in list(self._lines):
            if line.waiting and now_s - line.moved_s > STUCK_S:
                self._end(line, whole=False)
            elif line.stays and not line.waiting and now_s - line.spoke_s >= self._heartbeat_s:
                self.write([line], self._heartbeat)


def _part(line: Line, *, whole: bool) -> None:
    """Leave a line to its end: one that misses nothing of what was written hears that no more comes."""
    if line.in_chunks and not line.waiting:
        with suppress(OSError):
            line.connection.send(_LAST_CHUNK)
    line.ended(whole)


def _is_later(error: OSError) -> bool:
    """Whether a non-blocking read only found nothing."""
    return isinstance(error, BlockingIOError) or type(error).__name__ in {"SSLWantReadError", "SSLWantWriteError"}
