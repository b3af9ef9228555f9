"""A meter's messages as samples on the 1 s grid: read, averaged where that is set, held where one is missing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.adapters.mqtt import Message
from edge.core.averager import Averager
from edge.core.grid import Grid
from edge.core.sample import Sample
from edge.errors import BadReading
from edge.meters.reading import NoSample
from edge.settings import Meter
from edge.sources import Source

_log = logging.getLogger("nilm.ingest")
_QUIET_S = 10
_SETTLE_MS = 400
"""The phases of a moment come within this time, or they have not changed."""
_CLOCK_IS_SET_MS = 1_735_689_600_000
"""2025-01-01: before it our own clock was never set, and nothing can be said about the future."""
_CLOCK_STOOD_MS = 7 * 86_400_000
"""A machine without a clock of its own goes on, after a power cut, with the time at which it went off."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message, None for held seconds, and what it comes to: samples to store, or the counter of its fault."""

    feed: "Feed"
    message: Message | None
    samples: tuple[Sample, ...] = ()
    fault: str = ""


class Feed:
    """One meter. It is told the time: `now_ms` monotonic, `clock_ms` UTC."""

    def __init__(
        self, meter: Meter, future_s: int, now_ms: int, trusts_clock: Callable[[], bool] = lambda: True
    ) -> None:
        self.source = Source(meter)
        self.building = meter.building
        self.appliance = meter.appliance
        self.quiet_after_s = max(self.source.hold_s, _QUIET_S) + 2
        self._future_ms = future_s * 1000
        self._trusts_clock = trusts_clock
        self._grid = Grid(self.source.hold_s, meter.hold_after_s)
        self._averager = Averager() if meter.average else None
        self._first: Message | None = None
        """The first message of what is still open: the broker keeps it until that is stored."""
        self._mixture: Sample | None = None
        self._mixed_ms = 0
        self._heard_ms: int | None = None
        self._started_ms = now_ms
        self._why = ""

    def take(self, message: Message, now_ms: int, clock_ms: int) -> list[Received]:
        """What a message brings."""
        try:
            reading = self.source.read(message, now_ms)
            if isinstance(reading, NoSample):
                self._why = reading.why
                return [Received(self, message, fault="retained" if message.retained else "")]
            sample = self.source.sample(reading, clock_ms)
        except Exception as error:
            self._why = self._why_refused(message, error)
            return [Received(self, message, fault="malformed")]
        if self._is_future(sample.at_ms - clock_ms, clock_ms):
            self._why = f"the meter's clock is {(sample.at_ms - clock_ms) / 1000:.0f} s ahead of ours"
            return [Received(self, message, fault="future")]
        self._heard_ms, self._why = now_ms, ""
        if self._averager is not None:
            return self._averaged(self._averager, message, sample, now_ms)
        if reading.more_follows:
            return self._wait_for_more(message, sample, now_ms)
        found, self._first, self._mixture = self._first, None, None
        kept = [Received(self, found)] if found else []
        return [*kept, self._on_grid(message, sample, now_ms)]

    def _why_refused(self, message: Message, error: Exception) -> str:
        """A mistake of ours in reading must not stop us: the broker would send that message again for ever."""
        if isinstance(error, BadReading):
            return str(error)
        _log.error(
            "%s: cannot read what came from %s",
            self.building,
            message.topic[:200],
            exc_info=error,
            extra={"building": self.building},
        )
        return f"a mistake of ours in reading it: {error!r}"

    def due(self, now_ms: int) -> list[Received]:
        """What has become of the seconds that went by without a message."""
        found = []
        done = self._averager.due(now_ms) if self._averager else None
        if self._mixture is not None and now_ms - self._mixed_ms >= _SETTLE_MS:
            done, self._mixture = self._mixture, None
        if done is not None:
            found.append(self._close(done, now_ms))
        held = self._grid.due(now_ms)
        return found + ([Received(self, None, tuple(held))] if held else [])

    def lost_connection(self, now_ms: int) -> list[Received]:
        """What is open: the broker sends its first message again, which is then a duplicate."""
        done = self._averager.close() if self._averager else self._mixture
        self._mixture = None
        return [self._close(done, now_ms)] if done is not None else []

    def lost_touch(self) -> None:
        """Hold no value until the meter is heard again: its real samples may be on their way."""
        self._grid.lost_touch()
        self.source.lost_touch()

    def said(self, now_ms: int) -> dict[str, Any]:
        """How the meter is, as JSON: for how long it has sent no sample, and what is wrong with its messages."""
        since_ms = self._started_ms if self._heard_ms is None else self._heard_ms
        return {
            "building": self.building,
            **({"appliance": self.appliance} if self.appliance else {}),
            "family": self.source.meter.family,
            "topic": self.source.filter,
            "heard": self._heard_ms is not None,
            "silent_s": (now_ms - since_ms) // 1000,
            "quiet_after_s": self.quiet_after_s,
            "why": self._why,
        }

    def _is_future(self, ahead_ms: int, clock_ms: int) -> bool:
        """Whether a sample must be refused: it would make all that comes before its time late."""
        if ahead_ms <= self._future_ms or clock_ms < _CLOCK_IS_SET_MS:
            return False
        return ahead_ms > _CLOCK_STOOD_MS or self._trusts_clock()

    def _averaged(self, averager: Averager, message: Message, sample: Sample, now_ms: int) -> list[Received]:
        done = averager.arrived(sample, now_ms)
        if done is sample:  # of a second that is over
            return [self._on_grid(message, sample, now_ms)]
        if done is not None:
            closed = self._close(done, now_ms)
            self._first = message
            return [closed]
        return self._keep_first(message)

    def _wait_for_more(self, message: Message, sample: Sample, now_ms: int) -> list[Received]:
        """Phases come one by one: their sum is taken once all have spoken, or when no more come."""
        if self._mixture is None:
            self._mixed_ms = now_ms
        self._mixture = sample
        return self._keep_first(message)

    def _keep_first(self, message: Message) -> list[Received]:
        if self._first is not None:
            return [Received(self, message)]
        self._first = message
        return []

    def _close(self, sample: Sample, now_ms: int) -> Received:
        first, self._first = self._first, None
        return self._on_grid(first, sample, now_ms)

    def _on_grid(self, message: Message | None, sample: Sample, now_ms: int) -> Received:
        return Received(self, message, (*self._grid.arrived(sample, now_ms), sample))


def silence(said: dict[str, Any]) -> str:
    """In words that a meter sends nothing, and why, from what is `said` of it; "" for one that is heard."""
    if said["silent_s"] <= said["quiet_after_s"]:
        return ""
    why = f" ({said['why']})" if said["why"] else ""
    whose = f"{said['building']} {said.get('appliance', '')}".rstrip()
    return f"{whose}: no sample for {said['silent_s']} s from {said['topic']}{why}"
