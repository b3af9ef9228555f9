"""Closed hours, oldest first: compared with the central server by count and sum, sent where they differ, and again.

So a kill, a line that breaks, or a server that forgets costs a comparison, and sends only what is missing.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge.adapters.changed_hours import HOUR_MS, ChangedHours
from edge.adapters.files import write_whole
from edge.adapters.streams import Streams
from edge.core.manifest import DAY_MS
from edge.core.sync import Step, step
from edge.errors import Unavailable
from edge.settings import Config
from edge.stored_lines import StoredLines
from edge.sync_sender import Sender
from edge.sync_span import Flight, Span, counted_lines, in_batches
from edge.unstored import oldest_unstored_ms
from edge.watermark import Watermark

READER, DOING = "sync", "sync-doing"
"""Whose notes of changed hours are worked off, and where they stand meanwhile: a kill loses none."""
_IN_FLIGHT = 12
"""Hours that are sent and not compared yet, for a server that shows what it stored a little later."""
_KEPT_LINES = 100
_LOOK_S = 5.0
_AGAIN_S = 1.0


class History:
    """One piece of work a turn, so that what is new never waits for long."""

    def __init__(
        self,
        config: Config,
        streams: Streams,
        stored: StoredLines,
        sender: Sender,
        *,
        watermark: Watermark,
        stores: Callable[[str], bool],
    ) -> None:
        self._settle_ms = config.history.settle_s * 1000
        self._recheck_days = config.central.recheck_days
        self._data_dir = Path(config.data_dir)
        self._streams = streams
        self._stored = stored
        self._sender = sender
        self._watermark = watermark
        self._stores = stores
        self._changed = ChangedHours(self._data_dir)
        self._closed: dict[str, tuple[float, int]] = {}
        self._next_ms: dict[str, int] = {}
        self._busy: set[str] = set()
        self._quiet_ms: dict[str, int] = {}
        self._flights: dict[Span, Flight] = {}
        self._sending: tuple[Span, deque[list[str]]] | None = None
        self._filled: dict[str, Span] = {}
        self._recheck_ms: dict[str, int] = {}
        self._recheck_due_s = time.monotonic() + self._recheck_every_s(1)
        self._to_go: dict[str, int] = {}
        self._settled, self._sent = 0, 0
        self.is_done = False
        self.alarms: list[str] = []

    def turn(self, buildings: Sequence[str], at_ms: int, live_from_ms: Mapping[str, int]) -> bool:
        """Send a batch, or compare a span; False where there is nothing to do, or it is not allowed, now."""
        self.is_done = False
        if not self._sender.is_free:
            return False
        self._forget_others(buildings)
        if self._sending:
            self._send(*self._sending)
            return True
        span = self._next(buildings, at_ms, live_from_ms)
        if span is None:
            self.is_done = not self._flights
            return False
        self._compare(span)
        return True

    def _forget_others(self, buildings: Sequence[str]) -> None:
        """What is in flight of buildings that another box goes on with is compared from the mark on, later."""
        for span in [span for span in self._flights if span.building not in buildings]:
            del self._flights[span]
            self._next_ms.pop(span.building, None)
            self._busy.discard(span.building)
            if self._sending and self._sending[0] == span:
                self._sending = None

    # -- what is next -------------------------------------------------------------------------------------------------

    def _next(self, buildings: Sequence[str], at_ms: int, live_from_ms: Mapping[str, int]) -> Span | None:
        now_s = time.monotonic()
        for span, flight in self._flights.items():
            if flight.compare_at_s <= now_s:
                return span
        if len(self._flights) >= _IN_FLIGHT:
            return None
        closed_ms = {building: self._closed_ms(building, at_ms) for building in buildings}
        hours = [hour for building in buildings if (hour := self._hour(building, at_ms, closed_ms[building]))]
        if hours:
            return min(hours, key=lambda hour: hour.start_ms)
        for building in buildings:
            rest = Span(building, closed_ms[building], live_from_ms.get(building, 0))
            if rest.start_ms < rest.end_ms and self._filled.get(building) != rest and not self._flights:
                return rest
        return self._recheck(buildings, closed_ms, now_s)

    def _hour(self, building: str, at_ms: int, closed_ms: int) -> Span | None:
        """The oldest hour that was changed, or not compared yet."""
        mark = self._watermark.of(building, time.time())
        flying = {span.start_ms for span in self._flights if span.building == building}
        changed = [hour_ms for hour_ms in self._noted(building) if hour_ms < closed_ms and hour_ms not in flying]
        next_ms = self._next_ms.get(building, mark.confirmed_ms)
        if next_ms > at_ms:  # the clock was ahead: what came meanwhile may not be there
            next_ms = mark.confirmed_ms = at_ms // HOUR_MS * HOUR_MS - DAY_MS
            self._busy.discard(building)
        if next_ms < closed_ms and building not in self._busy and self._quiet_ms.get(building) != closed_ms:
            first_ms = self._stored.first_ms(building, next_ms, closed_ms)
            if first_ms is None:
                self._quiet_ms[building] = closed_ms
            else:
                next_ms = first_ms // HOUR_MS * HOUR_MS
                self._busy.add(building)
        self._next_ms[building] = next_ms
        self._advance(building)
        ahead = max(0, closed_ms - next_ms) // HOUR_MS if building in self._busy else 0
        self._to_go[building] = len(changed) + len(flying) + ahead
        if changed:
            return Span(building, changed[0], changed[0] + HOUR_MS)
        return Span(building, next_ms, next_ms + HOUR_MS) if ahead else None

    def _recheck(self, buildings: Sequence[str], closed_ms: Mapping[str, int], now_s: float) -> Span | None:
        """One of the last days' hours again, where one is due: a server may lose what it had."""
        if not self._recheck_days or now_s < self._recheck_due_s:
            return None
        self._recheck_due_s = now_s + self._recheck_every_s(len(buildings))
        for building in sorted(buildings, key=lambda building: self._recheck_ms.get(building, 0)):
            mark = self._watermark.of(building, time.time())
            oldest_ms = closed_ms[building] - self._recheck_days * DAY_MS
            hour_ms = self._recheck_ms.get(building, 0)
            hour_ms = hour_ms if oldest_ms <= hour_ms < mark.confirmed_ms else oldest_ms
            first_ms = self._stored.first_ms(building, hour_ms, mark.confirmed_ms)
            hour_ms = mark.confirmed_ms if first_ms is None else first_ms // HOUR_MS * HOUR_MS
            self._recheck_ms[building] = hour_ms + HOUR_MS
            if first_ms is not None and hour_ms not in mark.left:
                return Span(building, hour_ms, hour_ms + HOUR_MS)
        return None

    def _recheck_every_s(self, buildings: int) -> float:
        """So that a day sees each of their hours once."""
        return DAY_MS / 1000 / (24 * max(1, self._recheck_days) * max(1, buildings))

    def _closed_ms(self, building: str, at_ms: int) -> int:
        """The end of the last hour that no second is on its way to any more."""
        looked_s, closed_ms = self._closed.get(building, (0.0, 0))
        if not closed_ms or time.monotonic() > looked_s + _LOOK_S:
            unstored_ms = oldest_unstored_ms(self._streams, self._data_dir, building)
            settled_ms = at_ms - self._settle_ms
            closed_ms = min(settled_ms, settled_ms if unstored_ms is None else unstored_ms) // HOUR_MS * HOUR_MS
            self._closed[building] = (time.monotonic(), closed_ms)
        return closed_ms

    def _noted(self, building: str) -> list[int]:
        notes = (self._changed.waiting(reader).get(building, []) for reader in (READER, DOING))
        return sorted({hour_ms for hours_ms in notes for hour_ms in hours_ms})

    # -- what is done with it -----------------------------------------------------------------------------------------

    def _compare(self, span: Span) -> None:
        flight = self._flights.setdefault(span, Flight())
        if span.is_hour and span.start_ms == self._next_ms.get(span.building):
            self._next_ms[span.building] = span.end_ms
        central = self._sender.central
        if flight.is_doubted:
            self._check_that_it_stores(span.building)
            flight.sent, flight.is_doubted = 0, False
        if flight.sent != 1:  # what was counted just before the first sending is good for the look after it
            self._begin(span)
            flight.ours = self._stored.totals(span.building, span.start_ms, span.end_ms)
        if not flight.ours:  # nothing here, any more: what is there stays
            if span.end_ms == self._next_ms.get(span.building):  # it may yet come: look for what comes first
                self._next_ms[span.building] = span.start_ms
            self._busy.discard(span.building)
            self._settle(span)
            return
        theirs = central.totals(span.building, span.start_ms, span.end_ms)
        what = step(flight.ours, theirs, flight.sent, replaces=central.replaces)
        if flight.sent and what in {Step.SEND, Step.DOUBT} and time.monotonic() < flight.sent_s + central.shown_s:
            flight.compare_at_s = time.monotonic() + _AGAIN_S
            return
        match what:
            case Step.SEND | Step.DOUBT if flight.refused:
                self._settle(span, f"{flight.refused} points refused: {self._sender.answer}")
            case Step.SEND:
                lines = self._stored.lines(span.building, span.start_ms, span.end_ms, texts=central.replaces)
                self._sending = (span, deque(in_batches(counted_lines(lines, flight.ours), self._sender.batch)))
            case Step.DOUBT:
                flight.is_doubted = True
                self._check_that_it_stores(span.building)
                self._settle(span, "confirmed and not there, while newer points are: how long does it keep data?")
            case Step.LEAVE:
                self._settle(span, _OTHER_VALUES[central.replaces])
            case Step.DONE:
                self._settle(span)

    def _send(self, span: Span, batches: deque[list[str]]) -> None:
        flight = self._flights[span]
        if batches:
            if refused := self._sender.send(batches[0]):
                flight.refused += len(refused)
                self._keep_refused(span, refused)
            batches.popleft()
        if not batches:
            flight.sent += 1
            flight.sent_s = time.monotonic()
            self._sending = None
            self._sent += 1

    def _check_that_it_stores(self, building: str) -> None:
        if not self._stores(building):
            raise Unavailable("SILENT LOSS: the central server confirms what it does not store; look at its disk")

    def _begin(self, span: Span) -> None:
        """A change from here on is noted anew, and done again."""
        if span.is_hour and span.start_ms in self._changed.waiting(READER).get(span.building, []):
            self._changed.note(span.building, [span.start_ms], (DOING,))
            self._changed.clear(READER, span.building, span.start_ms)

    def _settle(self, span: Span, why: str = "") -> None:
        """Done with a span; where `why` says something, it differs there and stays so."""
        del self._flights[span]
        if not span.is_hour:
            self._filled[span.building] = span
            return
        mark = self._watermark.of(span.building, time.time())
        if why and mark.left.get(span.start_ms) != why:
            self.alarms.append(f"{span.building} {_iso(span.start_ms)}: this hour is not the same there: {why}")
        mark.left.pop(span.start_ms, None)
        if why:
            mark.left[span.start_ms] = why
        self._advance(span.building)
        self._watermark.save()
        self._changed.clear(DOING, span.building, span.start_ms)
        self._settled += 1

    def _advance(self, building: str) -> None:
        """Confirmed is what lies before each hour that is in flight."""
        mark = self._watermark.of(building, time.time())
        flying = [span.start_ms for span in self._flights if span.building == building and span.is_hour]
        ahead = [at_ms for at_ms in flying if at_ms >= mark.confirmed_ms]
        mark.confirmed_ms = max(mark.confirmed_ms, min([self._next_ms.get(building, 0), *ahead]))

    def _keep_refused(self, span: Span, lines: Sequence[str]) -> None:
        """An example for a person to look at; all of them are in the local InfluxDB."""
        file = self._data_dir / "rejected" / f"central-{span.building}-{span.start_ms}.lp"
        write_whole(file, "\n".join([f"# {self._sender.answer}", *lines[:_KEPT_LINES], ""]).encode())

    # -- how it is ----------------------------------------------------------------------------------------------------

    def status(self) -> str:
        """How far it is, in words."""
        to_go = sum(self._to_go.values())
        marks = [self._watermark.of(building, 0) for building in self._to_go]
        if not marks:
            return "waiting for the first sample"
        said = f"all there up to {_iso(min(mark.confirmed_ms for mark in marks))}"
        if to_go:
            said += f", {to_go} hours to go"
        if left := sum(len(mark.left) for mark in marks):
            said += f"; {left} hours differ there (sync/state.json says why)"
        return said

    def figures(self) -> dict[str, int]:
        """What the heartbeat says in numbers."""
        marks = [self._watermark.of(building, 0) for building in self._to_go]
        return {
            "backlog_s": sum(self._to_go.values()) * 3600,
            "hours_settled": self._settled,
            "hours_sent": self._sent,
            "hours_differing": sum(len(mark.left) for mark in marks),
        }


_OTHER_VALUES = {
    True: "other values, though ours were sent again: who else writes there?",
    False: "other or more values, and VictoriaMetrics replaces none: run it with -dedup.minScrapeInterval=1ms",
}


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
