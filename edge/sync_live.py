"""What is new goes to the central server every few seconds, whatever else waits."""

import itertools
import time
from collections.abc import Sequence

from edge.core.csv_lines import COLUMNS
from edge.settings import Central as CentralSettings
from edge.stored_lines import StoredLines
from edge.sync_sender import Sender

_FRESH_MS = 60_000
"""What is older goes with its hour."""
_BACK_MS = 15_000
"""How often all that is fresh is read again, for a second that came late, or took the place of a held one."""
_ALONE_MS = 5_000
"""What an appliance's own meter says may be there before its prediction, which is then still to be sent."""


class Live:
    """Seconds that come later than fresh, or were refused, are found when their hour is compared."""

    def __init__(self, settings: CentralSettings, stored: StoredLines, sender: Sender) -> None:
        self._every_s = settings.live_every_s
        self._stored = stored
        self._sender = sender
        self._due_s = 0.0
        self._sent_ms: dict[tuple[str, str], int] = {}
        self._sent: dict[tuple[str, str], set[str]] = {}
        self._looked_back_ms = 0
        self._all_sent_ms = 0
        self.was_empty = False
        self.begins_ms: dict[str, int] = {}
        """Since when each building's seconds were sent here without a break."""

    def turn(self, buildings: Sequence[str], at_ms: int) -> None:
        """Send what came since the last turn, where one is due. Unavailable: it comes again, while it is fresh."""
        if time.monotonic() < self._due_s:
            return
        self._all_sent_ms = self._all_sent_ms or at_ms
        looks_back = abs(at_ms - self._looked_back_ms) >= _BACK_MS
        lines, newest_ms, sent = [], {}, {}
        for series in itertools.product(buildings, COLUMNS):
            building, kind = series
            after_ms = self._sent_ms.get(series, 0)
            if not at_ms - _FRESH_MS <= after_ms <= at_ms + _FRESH_MS:  # too old, or the clock was ahead
                after_ms = at_ms - _FRESH_MS
                self.begins_ms[building] = at_ms - _FRESH_MS + 1
            first_ms = 1 + (at_ms - _FRESH_MS if looks_back else after_ms)
            found = list(self._stored.lines_of(kind, building, first_ms, texts=self._sender.central.replaces))
            done = (at for line in found if (at := _at_ms(line)) <= at_ms - _ALONE_MS or not _is_alone(line))
            newest_ms[series] = max(done, default=after_ms)
            before = self._sent.get(series, set())
            lines += [line for line in found if line not in before]
            sent[series] = set(found) if looks_back else before.union(found)
        self.was_empty = not lines
        if lines:
            self._sender.send_new(lines)
        if looks_back:
            self._looked_back_ms = at_ms
        self._sent_ms |= newest_ms
        self._sent |= sent
        self._all_sent_ms = at_ms
        self._due_s = time.monotonic() + self._every_s

    def lag_ms(self, at_ms: int) -> int:
        """Since when something new may wait."""
        return max(0, at_ms - self._all_sent_ms) if self._all_sent_ms else 0


def _is_alone(line: str) -> bool:
    """Whether a point has nothing but what was measured."""
    return " measured_w=" in line


def _at_ms(line: str) -> int:
    return int(line.rpartition(" ")[2])
