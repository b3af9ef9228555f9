"""A configured meter at work: its family's reader, what it listens to, and how long its values stay true."""

from dataclasses import replace

from edge.adapters.mqtt import Message, matches, unshared
from edge.core.sample import NO_FLAGS, Flags, Sample
from edge.errors import BadReading
from edge.meters import family_of
from edge.meters.reading import NoSample, Reading, corrected
from edge.settings import Meter

_KEEPALIVE_MS = 30_000


class Source:
    """One meter of the configuration."""

    def __init__(self, meter: Meter) -> None:
        family = family_of(meter.family)
        self.filter = unshared(meter.topic)
        self.meter = replace(meter, topic=self.filter)
        self.status_topics = family.status(self.filter)
        self.hold_s = family.hold_s if meter.hold_s < 0 else meter.hold_s
        self._reader = family.reader(self.meter)
        self._keepalive = family.keepalive
        self._learnt_topic = self.filter
        self._keepalive_due_ms = 0

    def hears(self, topic: str) -> bool:
        """Whether messages of `topic` are for this meter."""
        return matches(self.filter, topic) or self._is_status(topic)

    def read(self, message: Message, now_ms: int) -> Reading | NoSample:
        """What a message says at `now_ms`, monotonic; BadReading where it cannot be read."""
        if message.retained and not self._is_status(message.topic):
            return NoSample("retained: what the broker had in store is status, not a sample")
        try:
            found = self._reader.read(message.topic, message.payload, now_ms)
        except RecursionError:
            raise BadReading("payload is nested too deeply") from None
        self._learnt_topic = message.topic
        if message.retained and isinstance(found, Reading):
            return NoSample("retained: what the broker had in store is status, not a sample")
        if isinstance(found, Reading) and self.meter.circuit:
            found = _only(found, self.meter.circuit)
        return corrected(found, self.meter) if isinstance(found, Reading) else found

    def sample(self, reading: Reading, now_ms: int) -> Sample:
        """A reading on the 1 s grid; `now_ms`, UTC, stamps it where the meter does not. BadReading: impossible."""
        at_ms = now_ms if reading.at_ms is None else reading.at_ms
        flags = Flags.ARRIVAL_TIME if reading.at_ms is None else NO_FLAGS
        on_grid_ms = at_ms - at_ms % 1000
        return Sample(
            self.meter.building,
            on_grid_ms,
            reading.power_w,
            reading.voltage_v,
            reading.current_a,
            flags,
            self.meter.appliance,
        )

    def keepalive_topic(self, now_ms: int) -> str:
        """Where an empty message is due at `now_ms`, monotonic, so that the meter goes on; "" for nowhere."""
        if self._keepalive is None or now_ms < self._keepalive_due_ms:
            return ""
        topic = self._keepalive(self.filter) or self._keepalive(self._learnt_topic)
        if topic:
            self._keepalive_due_ms = now_ms + _KEEPALIVE_MS
        return topic

    def lost_touch(self) -> None:
        """The connection is new: say at once that the meter shall go on."""
        self._keepalive_due_ms = 0

    def _is_status(self, topic: str) -> bool:
        return any(matches(wanted, topic) for wanted in self.status_topics)


def _only(reading: Reading, circuits: str) -> Reading | NoSample:
    """A reading of one circuit of a meter, or of several, joined by ` + `, such as the legs of an American supply."""
    names = [circuits] if circuits in reading.circuits else circuits.split(" + ")
    if missing := [name for name in names if name not in reading.circuits]:
        there = ", ".join(reading.circuits)[:80] or "none"
        return NoSample(f"no circuit {', '.join(missing)} in the message; there are: {there}")
    return Reading(sum(reading.circuits[name] for name in names), reading.at_ms, reading.voltage_v)
