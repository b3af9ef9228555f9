"""nilm-ingest: meters' messages become samples on the 1 s grid; acknowledged only after Redis has them."""

import os
import time
from collections import deque
from dataclasses import dataclass

from edge.adapters.mqtt import Listener, Message, matches
from edge.adapters.redis_log import RedisLog
from edge.adapters.streams import Streams
from edge.core.grid import Grid
from edge.core.presence import State, Watch
from edge.core.sample import NO_FLAGS, Flags, Sample
from edge.durability import Keeper
from edge.errors import BadReading, ConfigError, Unavailable
from edge.meters import FAMILIES
from edge.settings import Config, Meter
from edge.unit import Unit, now_ms

_BATCH = 500
_QUIET_S = 10
_CLOCK_IS_SET_MS = 1_735_689_600_000
"""2025-01-01: before it our own clock was never set, and nothing can be said about the future."""


@dataclass(frozen=True, slots=True)
class _Received:
    """A message and what it comes to: samples to store, or the counter of its fault."""

    building: str
    message: Message | None
    samples: tuple[Sample, ...] = ()
    fault: str = ""


def run(config: Config) -> None:
    """Serve until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    unit = Unit("ingest", streams)
    if not config.meters:
        raise ConfigError("meters: no meter is configured; add a [[meters]] table")
    listener = Listener(config.mqtt, [meter.topic for meter in config.meters])
    intake = Intake(config, streams, listener)
    keeper = Keeper(config.durability, RedisLog(config.redis.url))
    while not unit.stopping:
        try:
            intake.turn()
            keeper.turn()
            unit.worked()
        except Unavailable as error:
            intake.lost_touch()
            unit.failed(error)
        said = {"connected": listener.connected, "waiting": intake.waiting(), "lag_ms": intake.lag_ms}
        unit.beat(keeper.fault or intake.status(), **said)
    listener.close()


class Intake:
    """Messages in, samples stored, messages acknowledged: in that order."""

    def __init__(self, config: Config, streams: Streams, listener: Listener) -> None:
        self._config = config
        self._streams = streams
        self._listener = listener
        self._losses = 0
        self.lag_ms = 0
        self._received: deque[_Received] = deque()
        self._watch = Watch(
            {meter.building: (max(meter.hold_s, _QUIET_S) + 2) * 1000 for meter in config.meters}, _monotonic_ms()
        )
        self._knows_its_past = False
        self._grids = {meter.topic: Grid(meter.hold_s, meter.hold_after_s) for meter in config.meters}

    def turn(self, timeout_s: float = 0.1) -> None:
        """One turn of the loop; Unavailable leaves everything as it was."""
        for message in self._listener.messages(0 if self._received else timeout_s):
            self._receive(message)
        lost, self._losses = self._listener.losses != self._losses, self._listener.losses
        if lost:
            self.lost_touch()
        self._hold()
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
        for grid in self._grids.values():
            grid.lost_touch()
        self._watch.lost_touch(_monotonic_ms())

    def waiting(self) -> int:
        """How many messages are received and not stored yet."""
        return len(self._received)

    def status(self) -> str:
        """How it goes, in words."""
        if not self._listener.connected:
            return self._listener.refused or "connecting to the MQTT broker"
        return f"listening to {', '.join(meter.topic for meter in self._config.meters)}"

    def _receive(self, message: Message) -> None:
        for meter in self._config.meters:
            if matches(meter.topic, message.topic):
                self._received.append(self._read(meter, message))
                return
        self._listener.acknowledge(message)  # a subscription of an earlier configuration

    def _read(self, meter: Meter, message: Message) -> _Received:
        if message.retained:
            return _Received(meter.building, message, fault="retained")
        try:
            sample = self._sample(meter, message.payload)
        except BadReading:
            return _Received(meter.building, message, fault="malformed")
        clock_ms = now_ms()
        if sample.at_ms > clock_ms + self._config.ingest.future_s * 1000 and clock_ms > _CLOCK_IS_SET_MS:
            return _Received(meter.building, message, fault="future")
        held = self._grids[meter.topic].arrived(sample, _monotonic_ms())
        return _Received(meter.building, message, (*held, sample))

    def _sample(self, meter: Meter, payload: bytes) -> Sample:
        reading = FAMILIES[meter.family](meter, payload)
        own_time = reading.at_ms is None
        at_ms = now_ms() if reading.at_ms is None else reading.at_ms
        flags = Flags.ARRIVAL_TIME if own_time else NO_FLAGS
        on_grid_ms = at_ms - at_ms % 1000
        return Sample(meter.building, on_grid_ms, reading.power_w, reading.voltage_v, reading.current_a, flags)

    def _hold(self) -> None:
        if not self._listener.connected:
            return
        for meter in self._config.meters:
            held = self._grids[meter.topic].due(_monotonic_ms())
            if held:
                self._received.append(_Received(meter.building, None, tuple(held)))

    def _store(self, batch: list[_Received]) -> None:
        self._streams.add_samples([sample for received in batch for sample in received.samples])
        for received in batch:
            if received.fault:
                self._streams.count(received.building, received.fault)
            if received.samples:
                self.lag_ms = now_ms() - received.samples[-1].at_ms
            if received.fault in {"malformed", "future"}:
                self._watch.refused(received.building, _monotonic_ms())
            elif received.message and received.samples:
                self._watch.heard(received.building, _monotonic_ms())
            if received.message:
                self._listener.acknowledge(received.message)
            self._received.popleft()

    def _remember(self) -> None:
        """Note what explains a missing second later: that we were down, that a meter fell silent or is heard again."""
        if not self._knows_its_past:
            before = self._streams.services().get("ingest", {})
            if before and before.get("pid") != os.getpid():
                for building in sorted({meter.building for meter in self._config.meters}):
                    self._streams.add_event(building, State.DOWN, before["beat_ms"])
            self._knows_its_past = True
        for change in self._watch.changes(self._listener.connected, _monotonic_ms()):
            self._streams.add_event(change.building, change.state, now_ms() - change.ago_ms)
            self._watch.told(change)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
