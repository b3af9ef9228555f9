"""nilm-ingest: meters' messages become samples on the 1 s grid; acknowledged only after Redis has them."""

import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge.adapters.mqtt import Listener, Message
from edge.adapters.redis_log import RedisLog
from edge.adapters.streams import Streams
from edge.core.grid import Grid
from edge.core.presence import State, Watch
from edge.core.sample import Sample
from edge.durability import Keeper
from edge.errors import BadReading, ConfigError, Unavailable
from edge.meters.reading import NoSample
from edge.settings import Config
from edge.sources import Source
from edge.unit import Unit, now_ms

_BATCH = 500
_QUIET_S = 10
_CLOCK_IS_SET_MS = 1_735_689_600_000
"""2025-01-01: before it our own clock was never set, and nothing can be said about the future."""


@dataclass(frozen=True, slots=True)
class _Received:
    """A message and what it comes to: samples to store, or the counter of its fault."""

    source: Source
    message: Message | None
    samples: tuple[Sample, ...] = ()
    fault: str = ""


def run(config: Config) -> None:
    """Serve until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    unit = Unit("ingest", streams)
    if not config.meters:
        raise ConfigError("meters: no meter is configured; add a [[meters]] table")
    sources = [Source(meter) for meter in config.meters]
    listener = listen(config, sources)
    intake = Intake(config, streams, listener, sources)
    keeper = Keeper(config.durability, RedisLog(config.redis.url))
    while not unit.stopping:
        try:
            intake.turn()
            keeper.turn()
            unit.worked()
        except Unavailable as error:
            intake.lost_touch()
            unit.failed(error)
        said: dict[str, Any] = {"connected": listener.connected, "waiting": intake.waiting(), "lag_ms": intake.lag_ms}
        said["meters"] = intake.meters()
        unit.beat(keeper.fault or intake.status(), **said)
    listener.close()


def listen(config: Config, sources: Sequence[Source]) -> Listener:
    """A listener for the meters' messages and for what they say of themselves."""
    return Listener(
        config.mqtt,
        [meter.topic for meter in config.meters],
        [topic for source in sources for topic in source.status_topics],
    )


class Intake:
    """Messages in, samples stored, messages acknowledged: in that order."""

    def __init__(self, config: Config, streams: Streams, listener: Listener, sources: Sequence[Source]) -> None:
        self._config = config
        self._streams = streams
        self._listener = listener
        self._losses = 0
        self.lag_ms = 0
        self._received: deque[_Received] = deque()
        self._sources = sources
        quiet_ms: dict[str, int] = {}
        for source in sources:
            building = source.meter.building
            quiet_ms[building] = max(quiet_ms.get(building, 0), (max(source.hold_s, _QUIET_S) + 2) * 1000)
        self._watch = Watch(quiet_ms, _monotonic_ms())
        self._knows_its_past = False
        self._grids = {source: Grid(source.hold_s, source.meter.hold_after_s) for source in sources}
        self._heard_ms: dict[Source, int] = {}
        self._last_fault: dict[Source, str] = {}
        self._started_ms = _monotonic_ms()

    def turn(self, timeout_s: float = 0.1) -> None:
        """One turn of the loop; Unavailable leaves everything as it was."""
        for message in self._listener.messages(0 if self._received else timeout_s):
            self._receive(message)
        lost, self._losses = self._listener.losses != self._losses, self._listener.losses
        if lost:
            self.lost_touch()
        self._hold()
        self._keep_alive()
        try:
            while self._received:
                self._store([self._received[i] for i in range(min(_BATCH, len(self._received)))])
        except Unavailable:
            if lost:
                self._received.clear()  # the broker sends again what was not acknowledged
            raise
        self._remember()

    def lost_touch(self) -> None:
        """Hold no value until a meter is heard again: its real samples may be on their way."""
        for source, grid in self._grids.items():
            grid.lost_touch()
            source.lost_touch()
        self._watch.lost_touch(_monotonic_ms())

    def waiting(self) -> int:
        """How many messages are received and not stored yet."""
        return len(self._received)

    def status(self) -> str:
        """How it goes, in words."""
        if not self._listener.connected:
            return self._listener.refused or "connecting to the MQTT broker"
        silent = [said for said in self.meters() if said["silent_s"] > said["quiet_after_s"]]
        if silent:
            return "; ".join(_silence(said) for said in silent)
        return f"listening to {', '.join(source.meter.topic for source in self._sources)}"

    def meters(self) -> list[dict[str, Any]]:
        """How each meter is, as JSON: how long it has been without a sample, and what is wrong with its messages."""
        return [
            {
                "building": source.meter.building,
                "family": source.meter.family,
                "topic": source.filter,
                "heard": source in self._heard_ms,
                "silent_s": (_monotonic_ms() - self._heard_ms.get(source, self._started_ms)) // 1000,
                "quiet_after_s": max(source.hold_s, _QUIET_S) + 2,
                "why": self._last_fault.get(source, ""),
            }
            for source in self._sources
        ]

    def _receive(self, message: Message) -> None:
        for source in self._sources:
            if source.hears(message.topic):
                self._received.append(self._read(source, message))
                return
        self._listener.acknowledge(message)  # a subscription of an earlier configuration

    def _read(self, source: Source, message: Message) -> _Received:
        try:
            reading = source.read(message, _monotonic_ms())
            if isinstance(reading, NoSample):
                self._last_fault[source] = reading.why
                return _Received(source, message, fault="retained" if message.retained else "")
            sample = source.sample(reading, now_ms())
        except BadReading as error:
            self._last_fault[source] = str(error)
            return _Received(source, message, fault="malformed")
        clock_ms = now_ms()
        if sample.at_ms > clock_ms + self._config.ingest.future_s * 1000 and clock_ms > _CLOCK_IS_SET_MS:
            self._last_fault[source] = "the meter's clock is ahead of ours"
            return _Received(source, message, fault="future")
        held = self._grids[source].arrived(sample, _monotonic_ms())
        return _Received(source, message, (*held, sample))

    def _keep_alive(self) -> None:
        if not self._listener.connected:
            return
        for source in self._sources:
            topic = source.keepalive_topic(_monotonic_ms())
            if topic:
                self._listener.publish(topic, b"")

    def _hold(self) -> None:
        if not self._listener.connected:
            return
        for source in self._sources:
            held = self._grids[source].due(_monotonic_ms())
            if held:
                self._received.append(_Received(source, None, tuple(held)))

    def _store(self, batch: list[_Received]) -> None:
        self._streams.add_samples([sample for received in batch for sample in received.samples])
        for received in batch:
            building = received.source.meter.building
            if received.fault:
                self._streams.count(building, received.fault)
            if received.samples:
                self.lag_ms = now_ms() - received.samples[-1].at_ms
            if received.fault in {"malformed", "future"}:
                self._watch.refused(building, _monotonic_ms())
            elif received.message and received.samples:
                self._watch.heard(building, _monotonic_ms())
                self._heard_ms[received.source] = _monotonic_ms()
                self._last_fault.pop(received.source, None)
            if received.message:
                self._listener.acknowledge(received.message)
            self._received.popleft()

    def _remember(self) -> None:
        """Note what explains a missing second later: that we were down, that a meter fell silent or is heard again."""
        if not self._knows_its_past:
            before = self._streams.services().get("ingest", {})
            if before and before.get("pid") != os.getpid():
                for building in sorted({source.meter.building for source in self._sources}):
                    self._streams.add_event(building, State.DOWN, before["beat_ms"])
            self._knows_its_past = True
        for change in self._watch.changes(self._listener.connected, _monotonic_ms()):
            self._streams.add_event(change.building, change.state, now_ms() - change.ago_ms)
            self._watch.told(change)


def _silence(said: dict[str, Any]) -> str:
    why = f" ({said['why']})" if said["why"] else ""
    return f"{said['building']}: no sample for {said['silent_s']} s from {said['topic']}{why}"


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
