"""The hub: new seconds from Redis, encoded once, for every open event stream; the sender writes them.

A stream either follows, and gets each second as it comes, or catches up, a piece from the window after the other, each
when its client has taken the one before. So what waits for a client is bounded, and a slow one loses no second.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Queue

from edge.adapters.streams import Streams
from edge.core.prediction import PredictionTable
from edge.core.sample import Sample
from edge.errors import Unavailable
from edge.unit import now_ms
from gateway import events
from gateway.events import Event
from gateway.problems import Problem
from gateway.sender import Line, Sender

log = logging.getLogger("nilm.gateway")

WAIT_S = 0.5
RETRY_S = 0.5
RETRY_AFTER_S = 5
QUIET_S = 3.0
"""After this long without a prediction, clients are told how things stand, and again each time it has passed."""
QUEUE_LENGTH = 30
"""What may wait for one client; who is further behind catches up from the window."""
PIECE_S = 60
LOOK_AGAIN_S, LOOK_EVERY_S = 60.0, 5.0
"""A stream whose caller may no longer see the building ends after so long."""


@dataclass(eq=False, slots=True)
class Client:
    """One event stream: whose (`who`, as they are counted), of what, and up to where it has been written."""

    building: str
    after_ms: int | None
    who: tuple[str, ...] = ()
    allowed: Callable[[], bool] = lambda: True
    line: Line | None = None
    follows: bool = False
    welcomed: bool = False
    allowed_s: float = field(default_factory=time.monotonic)


class Hub:
    """All clients, and the threads that serve them; they rest while there are none."""

    def __init__(self, streams: Streams, most: int = 256, most_each: int = 32) -> None:
        self._streams, self._most, self._most_each = streams, most, most_each
        self.sender = Sender(events.HEARTBEAT)
        self._lock = threading.Lock()
        self._open: set[Client] = set()
        self._held: Counter[str] = Counter()
        self._clients: set[Client] = set()
        self._behind: Queue[Client | None] = Queue()
        self._someone = threading.Event()
        self._stopped = threading.Event()
        self._read_ms: dict[str, int] = {}
        self._told_s: dict[str, float] = {}
        self._redis_up = True
        work = {"hub": self._run, "catch up": self._catch_up_all, "look again": self._look_again}
        self._threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in work.items()]

    def start(self) -> None:
        """Begin to read."""
        self.sender.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close every client and end; who comes later is closed at once."""
        self._stopped.set()
        self._someone.set()
        self._behind.put(None)
        self.sender.stop()

    def __len__(self) -> int:
        return len(self._open)

    def opens(self, client: Client) -> None:
        """Count a client in until `left` is called; Problem where there are too many."""
        with self._lock:
            if len(self._open) >= self._most:
                raise Problem(503, f"{self._most} event streams are open, more are not served. Try again later.")
            if self._most_each and any(self._held[one] >= self._most_each for one in client.who):
                detail = f"You have {self._most_each} event streams open; close one."
                raise Problem(429, detail).with_header("Retry-After", str(RETRY_AFTER_S))
            self._open.add(client)
            self._held.update(client.who)

    def left(self, client: Client) -> None:
        """Count a client out."""
        with self._lock:
            if client not in self._open:
                return
            self._open.discard(client)
            self._clients.discard(client)
            self._held.subtract(client.who)
            for one in client.who:
                if not self._held[one]:
                    del self._held[one]

    def join(self, client: Client, line: Line) -> None:
        """Serve a client from here on, first the seconds after its `after_ms`."""
        client.line = line
        self.sender.take(line)
        self.sender.write([line], events.OPENING if self._redis_up else events.OPENING + self._status().data)
        with self._lock:
            if client not in self._open:  # it is gone already
                return
            self._clients.add(client)
        self._someone.set()
        self._behind.put(client)

    def _run(self) -> None:
        self._go_on(self._turn)

    def _go_on(self, turn: Callable[[], None]) -> None:
        while not self._stopped.is_set():
            try:
                turn()
            except Unavailable as error:
                self._redis_is(False, str(error))
                self._stopped.wait(RETRY_S)
            except Exception:
                log.exception("the event streams' reader failed; it goes on")
                self._stopped.wait(RETRY_S)

    def _turn(self) -> None:
        with self._lock:
            buildings = {client.building for client in self._clients}
            if not buildings:
                self._someone.clear()
            self._read_ms = {name: at_ms for name, at_ms in self._read_ms.items() if name in buildings}
            read_ms = dict(self._read_ms)
        if not buildings:
            self._someone.wait()
        elif not read_ms:
            self._stopped.wait(0.01)  # the first client is being welcomed
        else:
            for building in self._streams.wait("predictions", read_ms, WAIT_S):
                self._read(building, read_ms[building])
            self._redis_is(True)
            self._tell_of_quiet(read_ms)

    def _read(self, building: str, after_ms: int) -> None:
        tables = self._streams.predictions_after(building, after_ms)
        news = self._events(building, after_ms, tables)
        self._told_s[building] = time.monotonic()
        newest_ms = int(tables[-1].at_ms[-1]) if tables else after_ms
        with self._lock:
            self._read_ms[building] = newest_ms
            following = [client for client in self._clients if client.follows and client.building == building]
            for client in following:
                self._tell(client, news, newest_ms)
            up_to_date = [client.line for client in following if client.follows and client.line]
        if news:
            self.sender.write(up_to_date, b"".join(event.data for event in news))

    def _tell(self, client: Client, news: Sequence[Event], newest_ms: int) -> None:
        """Leave a client out of what all get, where it is too far behind, or has a part of it already."""
        line, had_ms = client.line, client.after_ms or 0
        if line is None:
            return
        repeats = any(event.at_ms is not None and event.at_ms <= had_ms for event in news)
        if repeats or len(line.waiting) > QUEUE_LENGTH:
            client.follows = False
            self.sender.when_empty(line, lambda: self._behind.put(client))
        else:
            client.after_ms = newest_ms

    def _events(self, building: str, after_ms: int, tables: Sequence[PredictionTable]) -> list[Event]:
        """The predicted seconds of `tables`, which are newer than `after_ms`."""
        if not tables:
            return []
        samples = self._streams.samples_after(building, after_ms, until_ms=int(tables[-1].at_ms[-1]))
        measured = self._streams.measured(building, max(0, int(tables[0].at_ms[0]) - events.MEASURED_MS))
        return list(events.seconds(samples, tables, measured))

    def _catch_up_all(self) -> None:
        self._go_on(self._catch_up_next)

    def _catch_up_next(self) -> None:
        client = self._behind.get()
        if client is None or client not in self._clients:
            return
        try:
            self._catch_up(client)
        except Unavailable:
            self._behind.put(client)
            raise
        except Exception:  # it comes again, and resumes
            if client.line:
                self.sender.close(client.line)
            raise

    def _catch_up(self, client: Client) -> None:
        """Write the next piece of what a client missed; one that misses nothing follows."""
        building, line = client.building, client.line
        if line is None:
            return
        newest_ms = self._streams.newest_ms(building, "predictions") or 0
        with self._lock:
            read_ms = self._read_ms.setdefault(building, newest_ms)
            if client.after_ms is None:
                client.after_ms = read_ms
        if not client.welcomed:
            client.welcomed = True
            newest = self._streams.window(building, 1)
            status = events.status(now_ms(), redis_up=True, newest=newest[0] if newest else None)
            self.sender.write([line], status.data)
        tables = self._streams.predictions_after(building, client.after_ms, count=PIECE_S)
        found = self._events(building, client.after_ms, tables)
        if tables:
            client.after_ms = int(tables[-1].at_ms[-1])
            self.sender.write([line], b"".join(event.data for event in found))
        with self._lock:
            if not tables and self._read_ms.get(building) == read_ms:  # nothing was told since it was looked for
                client.follows = True
                return
        self.sender.when_empty(line, lambda: self._behind.put(client))

    def _look_again(self) -> None:
        """End the streams of callers who may no longer have them; asking may take its time."""
        while not self._stopped.wait(LOOK_EVERY_S):
            now_s = time.monotonic()
            for client in [client for client in list(self._clients) if now_s - client.allowed_s >= LOOK_AGAIN_S]:
                client.allowed_s = now_s
                try:
                    allowed = client.allowed()
                except Exception:
                    log.exception("whether a stream may stay cannot be told; it stays")
                    continue
                if not allowed and client.line:
                    self.sender.close(client.line)

    def _tell_of_quiet(self, buildings: Iterable[str]) -> None:
        for building in buildings:
            if time.monotonic() - self._told_s.setdefault(building, time.monotonic()) >= QUIET_S:
                self._told_s[building] = time.monotonic()
                newest = self._streams.window(building, 1)
                self._put(self._status(newest[0] if newest else None), building)

    def _redis_is(self, up: bool, why: str = "") -> None:
        with self._lock:
            if up == self._redis_up:
                return
            self._redis_up = up
        log.log(logging.INFO if up else logging.WARNING, "Redis is back" if up else why)
        self._put(self._status())

    def _status(self, newest: Sample | None = None) -> Event:
        return events.status(now_ms(), redis_up=self._redis_up, newest=newest)

    def _put(self, news: Event, building: str | None = None) -> None:
        with self._lock:
            lines = [one.line for one in self._clients if building in {None, one.building} and one.line]
        self.sender.write([line for line in lines if len(line.waiting) <= QUEUE_LENGTH], news.data)
