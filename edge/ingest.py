"""nilm-ingest: meters' messages become samples on the 1 s grid; acknowledged only after Redis has them."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from edge.adapters.clock import is_synchronised
from edge.adapters.mqtt import Listener, Message
from edge.adapters.redis_log import RedisLog
from edge.adapters.streams import Streams
from edge.circuits import check_names, circuits_of
from edge.core.presence import State, Watch
from edge.durability import Keeper
from edge.errors import ConfigError, Unavailable
from edge.feed import Feed, Received, silence
from edge.settings import Config
from edge.unit import Unit, now_ms

_BATCH = 500
_PULSE_S = 10.0
_TRUST: dict[str, Callable[[], bool]] = {"auto": is_synchronised, "always": lambda: True, "never": lambda: False}
"""What `ingest.trust_clock` means."""


def run(config: Config) -> None:
    """Serve until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h, circuits=circuits_of(config))
    unit = Unit("ingest", streams)
    if not config.meters:
        raise ConfigError("meters: no meter is configured; add a [[meters]] table")
    check_names(config)
    feeds = feeds_of(config)
    listener = listen(config, feeds)
    intake = Intake(streams, listener, feeds)
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
        unit.beat(keeper.fault or intake.status(), **said, meters=intake.meters())
    listener.close()


def feeds_of(config: Config) -> list[Feed]:
    """A feed for each configured meter."""
    trusts_clock = _TRUST[config.ingest.trust_clock]
    return [Feed(meter, config.ingest.future_s, _monotonic_ms(), trusts_clock) for meter in config.meters]


def listen(config: Config, feeds: Sequence[Feed]) -> Listener:
    """A listener for the meters' messages and for what they say of themselves."""
    status_topics = [topic for feed in feeds for topic in feed.source.status_topics]
    return Listener(config.mqtt, [meter.topic for meter in config.meters], status_topics)


class Intake:
    """Messages in, samples stored, messages acknowledged: in that order."""

    def __init__(self, streams: Streams, listener: Listener, feeds: Sequence[Feed]) -> None:
        self._streams = streams
        self._listener = listener
        self._feeds = feeds
        self._losses = 0
        self.lag_ms = 0
        self._stored = 0
        self._pulse, self._pulse_due_s = "", 0.0
        self._received: deque[Received] = deque()
        self._claims: dict[tuple[int, int], int] = {}
        """How many buildings are not done with a message of a connection; those of one building are not here."""
        quiet_ms: dict[str, int] = {}
        for feed in feeds:
            if feed.appliance:
                continue
            quiet_ms[feed.building] = max(quiet_ms.get(feed.building, 0), feed.quiet_after_s * 1000)
        self._watch = Watch(quiet_ms, _monotonic_ms())
        self._knows_its_past = False

    def turn(self, timeout_s: float = 0.1) -> None:
        """One turn of the loop; Unavailable leaves everything as it was."""
        for message in self._listener.messages(0 if self._received else timeout_s):
            self._receive(message)
        lost, self._losses = self._listener.losses != self._losses, self._listener.losses
        if lost:
            self._claims = {claim: left for claim, left in self._claims.items() if claim[0] == self._losses}
            for feed in self._feeds:
                self._received.extend(feed.lost_connection(_monotonic_ms()))
            self.lost_touch()
        self._look_at_the_clock()
        try:
            while self._received:
                self._store([self._received[i] for i in range(min(_BATCH, len(self._received)))])
        except Unavailable:
            if lost:
                self._received.clear()  # the broker sends again what was not acknowledged
            raise
        self._remember()
        self._take_pulse()

    def lost_touch(self) -> None:
        """Hold no value until a meter is heard again: its real samples may be on their way."""
        for feed in self._feeds:
            feed.lost_touch()
        self._watch.lost_touch(_monotonic_ms())

    def waiting(self) -> int:
        """How many messages are received and not stored yet."""
        return len(self._received)

    def status(self) -> str:
        """How it goes, in words."""
        if not self._listener.connected:
            return self._listener.refused or "connecting to the MQTT broker"
        silent = [words for said in self.meters() if (words := silence(said))]
        listening = f"listening to {', '.join(feed.source.meter.topic for feed in self._feeds)}"
        return "; ".join(silent) or (f"{self._pulse}, lag {self.lag_ms} ms, {listening}" if self._pulse else listening)

    def meters(self) -> list[dict[str, Any]]:
        """How each meter is, as JSON."""
        return [feed.said(_monotonic_ms()) for feed in self._feeds]

    def _receive(self, message: Message) -> None:
        hearing = [feed for feed in self._feeds if feed.source.hears(message.topic)]
        if not hearing:
            self._listener.acknowledge(message)  # a subscription of an earlier configuration
        if len(hearing) > 1:  # one meter, several buildings: acknowledged when the last of them has it
            self._claims[message.connection, message.id] = len(hearing)
        for feed in hearing:
            self._received.extend(feed.take(message, _monotonic_ms(), now_ms()))

    def _release(self, message: Message) -> None:
        """A feed is done with a message."""
        left = self._claims.pop((message.connection, message.id), 1) - 1
        if left:
            self._claims[message.connection, message.id] = left
        else:
            self._listener.acknowledge(message)

    def _look_at_the_clock(self) -> None:
        if not self._listener.connected:
            return
        for feed in self._feeds:
            self._received.extend(feed.due(_monotonic_ms()))
            topic = feed.source.keepalive_topic(_monotonic_ms())
            if topic:
                self._listener.publish(topic, b"")

    def _store(self, batch: list[Received]) -> None:
        self._streams.add_samples([sample for received in batch for sample in received.samples])
        for received in batch:
            building, appliance = received.feed.building, received.feed.appliance
            if received.fault:
                self._streams.count(building, received.fault, measured=bool(appliance))
            if received.samples and not appliance:
                self.lag_ms = now_ms() - received.samples[-1].at_ms
                self._stored += len(received.samples)
            if appliance:
                pass  # what explains a gap in mains is the meter of the mains
            elif received.fault in {"malformed", "future"}:
                self._watch.refused(building, _monotonic_ms())
            elif received.message and received.samples:
                self._watch.heard(building, _monotonic_ms())
            if received.message:
                self._release(received.message)
            self._received.popleft()

    def _take_pulse(self) -> None:
        """Every ten seconds: how many samples a second came in, and how many the shortest window has."""
        if time.monotonic() < self._pulse_due_s:
            return
        if self._pulse_due_s:
            buildings = sorted({feed.building for feed in self._feeds})
            window = min(self._streams.length(building, "window") for building in buildings)
            self._pulse = f"{self._stored / _PULSE_S:.2g} Hz, window {window}"
        self._pulse_due_s, self._stored = time.monotonic() + _PULSE_S, 0

    def _remember(self) -> None:
        """Note what explains a missing second later: that we were down, that a meter fell silent or is heard again."""
        if not self._knows_its_past:
            before = self._streams.services().get("ingest", {})
            if before and before.get("pid") != os.getpid():
                for building in sorted({feed.building for feed in self._feeds}):
                    self._streams.add_event(building, State.DOWN, before["beat_ms"])
            self._knows_its_past = True
        for change in self._watch.changes(self._listener.connected, _monotonic_ms()):
            self._streams.add_event(change.building, change.state, now_ms() - change.ago_ms)
            self._watch.told(change)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
