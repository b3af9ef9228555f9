"""Absolute deadlines, one a second: late ones are skipped, never made up for."""


class Pace:
    """Deadline n is `start_s + n` for ever, so that delays do not add up."""

    def __init__(self, start_s: float, first_second: int) -> None:
        self._start_s = start_s
        self._first_second = first_second
        self._sent = 0
        self.skipped = 0

    @property
    def next_second(self) -> int:
        """The whole second that comes next."""
        return self._first_second + self._sent

    def wait_s(self, now_s: float) -> float:
        """How long until the next deadline; 0 where it has come."""
        return max(0.0, self._start_s + self._sent - now_s)

    def take(self, now_s: float) -> int:
        """The whole second that is due at `now_s`; those whose time has gone by altogether are skipped and counted."""
        missed = int(now_s - self._start_s) - self._sent
        if missed > 0:
            self.skipped += missed
            self._sent += missed
        self._sent += 1
        return self._first_second + self._sent - 1
