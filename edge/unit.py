"""What every service has in common: it is told to stop, and it says how it is."""

import logging
import os
import signal
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from edge import __version__
from edge.adapters import systemd
from edge.adapters.streams import Streams
from edge.errors import Unavailable

BEAT_S = 2.0
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Unit:
    """One running service. Its loop asks `stopping` (`reload_wanted`: after SIGHUP) and calls `beat` on every turn."""

    def __init__(self, name: str, streams: Streams | None) -> None:
        self.log = logging.getLogger(f"nilm.{name}")
        self.stopping = False
        self.reload_wanted = False
        self._name = name
        self._streams = streams
        self._started_ms = now_ms()
        self._next_beat_s = 0.0
        self._failures, self._failure = 0, ""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)

    def beat(self, status: str, **state: Any) -> None:
        """Every two seconds: tell systemd, and Redis where it is there; `state` must be JSON."""
        if time.monotonic() < self._next_beat_s:
            return
        if not self._next_beat_s:
            systemd.ready()
            self.log.info("started: %s", status, extra={"code": "started"})
        self._next_beat_s = time.monotonic() + BEAT_S
        systemd.progress(status)
        if self._streams is None:
            return
        said = {"pid": os.getpid(), "version": __version__, "started_ms": self._started_ms, "beat_ms": now_ms()}
        try:
            self._streams.beat(self._name, {**said, "status": status, **state})
        except Unavailable as error:
            self.failed(error)

    def failed(self, error: Unavailable, pause_s: float | None = None) -> None:
        """Something is away: log it once, then wait `pause_s`, or longer each time up to 5 s."""
        if str(error) != self._failure:
            self.log.warning("%s; trying again until it is back", error, extra={"code": type(error).__name__})
        self._failure = str(error)
        self._wait(_BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)] if pause_s is None else pause_s)
        self._failures += 1

    def worked(self) -> None:
        """What was away is back."""
        if self._failures:
            self.log.info("back after %d attempts", self._failures, extra={"code": "back"})
        self._failures, self._failure = 0, ""

    def _wait(self, duration_s: float) -> None:
        end_s = time.monotonic() + duration_s
        while not self.stopping and time.monotonic() < end_s:
            time.sleep(0.05)

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self.reload_wanted = True

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True
        systemd.stopping()


def now_ms() -> int:
    """The wall clock, UTC."""
    return time.time_ns() // 1_000_000


def be_nice(by: int = 10) -> None:
    """Let the live services go first. Under systemd the unit does so, and forbids it to us."""
    with suppress(PermissionError):
        os.nice(by)
