"""What goes over the line: counted, and kept under the bandwidth; in a refused batch the refused lines are found."""

import contextlib
import time
from collections.abc import Sequence

from edge.adapters.central import Central, TooLarge
from edge.core.sync import Bandwidth
from edge.errors import Rejected
from edge.settings import Central as CentralSettings

_BATCH, _SMALLEST = 5000, 50
_HALVINGS = 40
"""Refusals a batch: enough to find three lines among 5000; more are taken together."""


class Sender:
    """Raises Unavailable where the server cannot take it now: send all of it again, points are keyed."""

    central: Central

    def __init__(self, settings: CentralSettings) -> None:
        self._bandwidth = Bandwidth(settings.bandwidth_kbit_s)
        self.batch = _BATCH
        self.answer = ""
        self._points = self._bytes = self._refused = 0

    @property
    def is_free(self) -> bool:
        """Whether the bandwidth allows more than what is new."""
        return self._bandwidth.is_free(time.monotonic())

    def send_new(self, lines: Sequence[str]) -> None:
        """Store lines whose hour is yet to be compared, and sent again where some of them were refused."""
        for start in range(0, len(lines), self.batch):
            with contextlib.suppress(Rejected):
                self._write(lines[start : start + self.batch])

    def send(self, lines: Sequence[str]) -> list[str]:
        """Store lines; those that the server refuses for good, and why in `answer`."""
        refused: list[str] = []
        waiting, halvings = [lines], 0
        while waiting:
            part = waiting.pop()
            try:
                self._write(part)
            except Rejected as error:
                self.answer = str(error)
                halvings += 1
                if isinstance(error, TooLarge):
                    self.batch = max(_SMALLEST, min(self.batch, len(part) // 2))
                if len(part) == 1 or halvings > _HALVINGS:
                    refused += part
                else:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
        self._refused += len(refused)
        return refused

    def _write(self, lines: Sequence[str]) -> None:
        size_bytes = self.central.write(lines)
        self._bandwidth.spend(size_bytes, time.monotonic())
        self._points += len(lines)
        self._bytes += size_bytes

    def figures(self) -> dict[str, int]:
        """What the heartbeat says in numbers, since the start."""
        return {"sent_points": self._points, "sent_bytes": self._bytes, "refused_points": self._refused}
