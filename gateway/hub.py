"""The hub: one thread reads new seconds from Redis and hands them to every open event stream."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue

from edge.adapters.streams import Streams
from edge.core.prediction import PredictionTable
from edge.core.sample import Sample
from edge.errors import Unavailable
from edge.unit import now_ms
from gateway import events
from gateway.events import Event

log = logging.getLogger("nilm.gateway")

WAIT_S = 0.5
RETRY_S = 0.5
QUIET_S = 3.0
"""After this long without a prediction, clients are told how things stand, and again each time it has passed."""
QUEUE_LENGTH = 30
"""What may wait for one client; who is further behind loses the connection, and resumes from the window."""
MAX_CLIENTS = 64


class Client:
    """One open event stream. The hub puts, the client's own thread takes."""

    def __init__(self, building: str, after_ms: int | None) -> None:
        self.building = building
        self.after_ms = after_ms
        self._queue: Queue[Iterable[Event]] = Queue(QUEUE_LENGTH)
        self._closed = threading.Event()

    def put(self, event: Iterable[Event]) -> None:
        """Queue events; close the client that lets them pile up."""
        try:
            self._queue.put_nowait(event)
        except Full:
            self.close()

    def close(self) -> None:
        """End the stream, now."""
        self._closed.set()
        with suppress(Full):  # then it is awake anyway
            self._queue.put_nowait(())

    def take(self, timeout_s: float) -> Iterator[bytes]:
        """What to send, for ever: each event once and in order, a heartbeat where `timeout_s` brought nothing."""
        while not self._closed.is_set():
            try:
                waiting = self._queue.get(timeout=timeout_s)
            except Empty:
                yield events.HEARTBEAT
                continue
            for event in waiting:
                if self._closed.is_set():
                    return
                if event.at_ms is None:
                    yield event.data
                elif self.after_ms is None or event.at_ms > self.after_ms:
                    self.after_ms = event.at_ms
                    yield event.data


class Hub:
    """All clients, and the thread that serves them; it rests while there are none."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._lock = threading.Lock()
        self._clients: set[Client] = set()
        self._joining: list[Client] = []
        self._someone = threading.Event()
        self._stopped = threading.Event()
        self._read_ms: dict[str, int] = {}
        self._told_s: dict[str, float] = {}
        self._redis_up = True
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Close every client and end; who comes later is closed at once."""
        self._stopped.set()
        self._someone.set()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.close()

    def __len__(self) -> int:
        return len(self._clients)

    @contextmanager
    def client(self, building: str, after_ms: int | None) -> Iterator[Client]:
        """A client of this building that first gets the seconds after `after_ms`."""
        client = Client(building, after_ms)
        if not self._redis_up:
            client.put([self._status()])
        with self._lock:
            self._clients.add(client)
            self._joining.append(client)
        self._someone.set()
        if self._stopped.is_set():
            client.close()
        try:
            yield client
        finally:
            client.close()
            with self._lock:
                self._clients.discard(client)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._turn()
            except Unavailable as error:
                self._redis_is(False, str(error))
                self._stopped.wait(RETRY_S)
            except Exception:
                log.exception("the event streams' reader failed; it goes on")
                self._stopped.wait(RETRY_S)

    def _turn(self) -> None:
        with self._lock:
            joining, self._joining = self._joining, []
            buildings = {client.building for client in self._clients}
            if not buildings:
                self._someone.clear()
        self._read_ms = {name: at_ms for name, at_ms in self._read_ms.items() if name in buildings}
        try:
            while joining:
                self._welcome(joining[0])
                joining.pop(0)
        finally:
            with self._lock:
                self._joining += joining
        if not buildings:
            self._someone.wait()
        elif self._read_ms:
            for building in self._streams.wait("predictions", self._read_ms, WAIT_S):
                self._read(building)
            self._redis_is(True)
            self._tell_of_quiet()

    def _welcome(self, client: Client) -> None:
        """Tell a new client how things stand, and what it missed; from here on it is served with the others."""
        building = client.building
        if building not in self._read_ms:
            self._read_ms[building] = self._streams.newest_ms(building, "predictions") or 0
        newest = self._streams.window(building, 1)
        client.put([events.status(now_ms(), redis_up=True, newest=newest[0] if newest else None)])
        if client.after_ms is None:
            return
        tables = self._streams.predictions_after(building, client.after_ms)  # before the samples: each has its own
        samples = self._streams.samples_after(building, client.after_ms)
        measured = self._measured(building, tables)
        client.put(events.seconds(samples, tables, measured))  # encoded by the client's thread, as it takes them

    def _read(self, building: str) -> None:
        after_ms = self._read_ms[building]
        tables = self._streams.predictions_after(building, after_ms)
        samples = self._streams.samples_after(building, after_ms)
        news = list(events.seconds(samples, tables, self._measured(building, tables)))
        for table in tables:
            self._read_ms[building] = int(table.at_ms[-1])
        self._told_s[building] = time.monotonic()
        self._put(news, building)

    def _measured(self, building: str, tables: list[PredictionTable]) -> dict[str, dict[int, float]]:
        """What appliances' own meters said in these seconds and just before."""
        first_ms = int(tables[0].at_ms[0]) if tables else 0
        return self._streams.measured(building, max(0, first_ms - events.MEASURED_MS)) if tables else {}

    def _tell_of_quiet(self) -> None:
        for building in self._read_ms:
            if time.monotonic() - self._told_s.setdefault(building, time.monotonic()) >= QUIET_S:
                self._told_s[building] = time.monotonic()
                newest = self._streams.window(building, 1)
                self._put([self._status()] if not newest else [self._status(newest[0])], building)

    def _redis_is(self, up: bool, why: str = "") -> None:
        if up == self._redis_up:
            return
        self._redis_up = up
        log.log(logging.INFO if up else logging.WARNING, "Redis is back" if up else why)
        self._put([self._status()])

    def _status(self, newest: Sample | None = None) -> Event:
        return events.status(now_ms(), redis_up=self._redis_up, newest=newest)

    def _put(self, news: list[Event], building: str | None = None) -> None:
        with self._lock:
            clients = [client for client in self._clients if building in {None, client.building}]
        for client in clients:
            client.put(news)
