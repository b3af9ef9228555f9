"""nilm-persist: what waits in the outbox goes to InfluxDB, to files while InfluxDB is away; removed only after that."""

import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from edge.adapters import systemd
from edge.adapters.changed_hours import FRESH_MS, HOUR_MS, MINUTES, PREDICT, ChangedHours
from edge.adapters.files import free_bytes
from edge.adapters.influx import Influx
from edge.adapters.spool import Segment, Spool
from edge.adapters.streams import OutboxEntry, Streams
from edge.circuits import circuits_of
from edge.config import influx_token
from edge.core.line_protocol import point_of, sample_line, tick_lines
from edge.core.sample import Flags, Sample
from edge.core.segment import Frame
from edge.durability import DURABILITY
from edge.errors import Unavailable
from edge.local_store import LocalStore, NotStored
from edge.settings import Config
from edge.unit import Unit, now_ms

_WISH_EVERY_S = 60.0
_BATCH = 2000
"""Outbox entries a building in one write: about 12,000 points."""
_FRAME, _SEGMENT = 600, 3600
"""Outbox entries a frame and a segment: five minutes and half an hour of a building."""
_LIVE = 120
"""Outbox entries that go before a backlog: a minute of a building."""


def run(config: Config) -> None:
    """Serve until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h, circuits=circuits_of(config))
    unit = Unit("persist", streams)
    outlet = Outlet(config, streams, Influx.connect(config.influx, influx_token(config)))
    while not unit.stopping:
        try:
            outlet.turn()
            unit.worked()
        except Unavailable as error:
            outlet.start_over()
            unit.failed(error)
        outlet.have_influxdb_restarted()
        for alarm in outlet.alarms():
            unit.log.error("%s", alarm)
        unit.beat(outlet.status, **outlet.figures())


class Outlet:
    """Reads the outbox in order, writes it, removes it; the spool holds what InfluxDB cannot take for long."""

    def __init__(self, config: Config, streams: Streams, influx: Influx) -> None:
        self._store_every_s = DURABILITY[config.durability].store_every_s
        self._next_store_s = 0.0
        self._wish_due_s = 0.0
        self._linger_s = config.influx.linger_s
        self._settle_ms = config.history.settle_s * 1000
        self._data_dir = Path(config.data_dir)
        self._reserve_bytes = config.disk_reserve_mb * 1_000_000
        self._outbox_entries = config.redis.outbox_h * 3600 * 2
        self._spool_after = min(config.redis.spool_after_s * 2, self._outbox_entries - 2 * _SEGMENT)
        self._streams = streams
        self._circuits = circuits_of(config)
        self._store = LocalStore(config, influx)
        self._spool = Spool(self._data_dir / "spool", config.spool_max_mb * 1_000_000)
        self._changed = ChangedHours(self._data_dir)
        self._open: tuple[Segment, list[Frame], str] | None = None
        self._alarms: list[str] = []
        self.persisted = 0
        self.lag_ms = 0
        self.status = "waiting for samples"

    @property
    def rejected(self) -> int:
        """Batches that InfluxDB refused for good."""
        return self._store.rejected

    def figures(self) -> dict[str, object]:
        """What the heartbeat says in numbers."""
        return {
            "persisted": self.persisted,
            "rejected": self.rejected,
            "lag_ms": self.lag_ms,
            "spool_segments": len(self._spool),
            "spool_bytes": self._spool.size_bytes,
            "influx_stuck": self._store.stuck,
        }

    def alarms(self) -> list[str]:
        """What a person must know and has not been told yet."""
        told, self._alarms = self._alarms, []
        return told

    def have_influxdb_restarted(self) -> None:
        """Where it is stuck, each minute: we may not do it ourselves."""
        if self._store.stuck and time.monotonic() >= self._wish_due_s:
            self._wish_due_s = time.monotonic() + _WISH_EVERY_S
            systemd.wish("influxdb-stuck")

    def start_over(self) -> None:
        """After a fault: the databases may be gone as well."""
        self._store.start_over()

    def turn(self, timeout_s: float = 0.5) -> None:
        """Write what waits in the outbox, then a part of the spool; or wait `timeout_s` for something.

        Unavailable: what was not stored is still in the outbox, or in the spool where it has become too much.
        """
        buildings = self._streams.buildings()
        try:
            self._store.prepare()
            if not self._empty(buildings, 0.001 if self._spool.oldest() else timeout_s):
                self._drain()
        except NotStored as error:
            self.status = f"SILENT LOSS: {error}"
            raise
        except Unavailable as error:
            self.status = str(error)
            self._relieve(buildings, self._spool_after)
            raise
        self._relieve(buildings, self._outbox_entries // 2)

    def _empty(self, buildings: list[str], timeout_s: float) -> bool:
        """Write one batch of each building's outbox; whether more is waiting."""
        if not buildings:
            time.sleep(timeout_s)
            return False
        oldest = dict.fromkeys(buildings, b"0-0")
        waiting = self._streams.read_outbox(oldest, _BATCH, timeout_s)
        if waiting and max(len(entries) for entries in waiting.values()) < _BATCH:
            if time.monotonic() < self._next_store_s:
                time.sleep(timeout_s)
                return False
            time.sleep(self._linger_s)  # a second's predictions follow its sample at once
            waiting = self._streams.read_outbox(oldest, _BATCH, timeout_s)
        self._next_store_s = time.monotonic() + self._store_every_s
        for building, entries in waiting.items():
            if len(entries) == _BATCH:  # a backlog: what is new does not wait for it, and goes again in its turn
                self._write(building, self._streams.newest_in_outbox(building, _LIVE))
        for building, entries in waiting.items():
            self._write(building, entries)
            self._changed.note(building, _late_ms(entries), (PREDICT,))
            self._changed.note(building, _no_longer_fresh_ms(entries), (MINUTES,))
            self._changed.note(building, past_ms := self._past_ms(entries))
            self._count_again(building, past_ms)
            self._streams.remove_from_outbox(building, entries[-1].id)
            self.persisted += len(entries)
            self.lag_ms = now_ms() - max(entry.content.at_ms for entry in entries[-_LIVE:])
            self._say_stored()
        return any(len(entries) == _BATCH for entries in waiting.values())

    def _past_ms(self, entries: list[OutboxEntry]) -> list[int]:
        """What is of an hour that others may have taken for complete: a meter's queue after we were down, a backlog."""
        closed_ms = (now_ms() - self._settle_ms) // HOUR_MS * HOUR_MS
        return [entry.content.at_ms for entry in entries if entry.content.at_ms < closed_ms]

    def _count_again(self, building: str, times_ms: list[int]) -> None:
        if building in self._circuits:
            self._streams.forget_accuracy(building, sorted({at_ms - at_ms % HOUR_MS for at_ms in times_ms}))

    def _write(self, building: str, entries: list[OutboxEntry]) -> None:
        try:
            self._store.write(_lines(entries))
        except NotStored:
            self._streams.count(building, "unstored")
            raise

    def _say_stored(self) -> None:
        self.status = f"stored up to {self.lag_ms / 1000:.1f} s ago"
        if len(self._spool):
            self.status += f"; {len(self._spool)} segments of the spool to go"
        if self.rejected:
            self.status += f"; InfluxDB refused {self.rejected} batches, set aside in {self._store.rejected_dir}"
        if self._store.cannot_read:
            self.status += f"; not read back: {self._store.cannot_read}"

    def _relieve(self, buildings: list[str], limit: int) -> None:
        """Move the oldest half hour of each outbox longer than `limit` to the spool; the disk keeps a last reserve."""
        for building in buildings:
            more = limit * self._circuits.get(building, 0) // 2  # an entry a second each, beside sample and predictions
            if self._streams.length(building, "outbox") < limit + more + _SEGMENT:
                continue
            if free_bytes(self._data_dir) < self._reserve_bytes // 2:
                self.status += "; no room for the spool either: Redis holds it, and drops the oldest when it must"
                return
            entries = self._streams.read_outbox({building: b"0-0"}, _SEGMENT, 0.001)[building]
            dropped = self._spool.add(building, list(frames_of(entries)))
            self._streams.remove_from_outbox(building, entries[-1].id)
            for segment in dropped:
                self._streams.count(segment.building, "spool_dropped", segment.entries)
                self._alarms.append(
                    f"the spool is full (spool_max_mb): dropped the oldest {segment.entries} entries of "
                    f"{segment.building}; make InfluxDB work"
                )

    def _drain(self) -> None:
        """Write one frame of the oldest segment; a segment goes once InfluxDB has all of it."""
        segment = self._spool.oldest()
        if segment is None:
            return
        if self._open is None or self._open[0] != segment:
            self._open = (segment, *self._spool.read(segment))
        _, frames, fault = self._open
        if frames:
            self._drain_frame(segment.building, frames[0])
            frames.pop(0)
            return
        if fault:
            place = self._spool.set_aside(segment, self._store.rejected_dir)
            self._streams.count(segment.building, "spool_damaged")
            self._alarms.append(f"spool segment {segment.file.name} is damaged ({fault}); set aside as {place}")
        else:
            self._spool.remove(segment)
        self._open = None

    def _drain_frame(self, building: str, frame: Frame) -> None:
        try:
            self._store.write(self._store.without_outdated(frame.lines))
        except NotStored:
            self._streams.count(building, "unstored")
            raise
        points = [point for line in frame.lines if (point := point_of(line))]
        self._changed.note(building, (point.at_ms for point in points if point.flags & Flags.LATE), (PREDICT,))
        self._changed.note(building, (point.at_ms for point in points))  # others may have passed these hours
        self._count_again(building, [point.at_ms for point in points])
        self.persisted += frame.entries


def _lines(entries: Iterable[OutboxEntry]) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        if isinstance(entry.content, Sample):
            lines.append(sample_line(entry.content))
        else:
            lines += tick_lines(entry.content)
    return lines


def _no_longer_fresh_ms(entries: list[OutboxEntry]) -> list[int]:
    """What is of minutes that the gateway may have taken for complete."""
    fresh_ms = now_ms() - FRESH_MS
    return [entry.content.at_ms for entry in entries if entry.content.at_ms < fresh_ms]


def _late_ms(entries: list[OutboxEntry]) -> list[int]:
    """The samples of mains that inference has not seen in their place."""
    samples = [entry.content for entry in entries if isinstance(entry.content, Sample)]
    return [sample.at_ms for sample in samples if sample.flags & Flags.LATE and not sample.appliance]


def frames_of(entries: list[OutboxEntry]) -> Iterable[Frame]:
    """Outbox entries as the frames of a segment."""
    waiting = iter(entries)
    while part := list(islice(waiting, _FRAME)):
        yield Frame(len(part), tuple(_lines(part)))
