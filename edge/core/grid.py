"""The 1 s grid of one building: which seconds are filled with the last value while its meter is slow."""

from dataclasses import replace

from edge.core.sample import Flags, Sample


class Grid:
    """Holds a building's last value over short silences; told the time, told each sample that came.

    Only a meter that has just been heard is held: after a start, a lost connection or a full stop of the store the real
    samples may still come, so nothing is held until the next one has (`lost_touch`). A silence is measured from the
    moment of the last arrival, so the meter's clock may differ from ours.
    """

    def __init__(self, hold_s: int, hold_after_s: float) -> None:
        self._hold_ms = hold_s * 1000
        self._hold_after_ms = round(hold_after_s * 1000)
        self._last: Sample | None = None
        self._arrived_ms = 0
        self._filled_ms = 0

    def lost_touch(self) -> None:
        """Forget the last value: what comes next may be old."""
        self._last = None

    def arrived(self, sample: Sample, now_ms: int) -> list[Sample]:
        """The held samples that belong between the last second and `sample`, which came at `now_ms` (monotonic)."""
        held = self._held_until(sample.at_ms - 1000)
        if self._last is None or sample.at_ms > self._last.at_ms:
            self._last, self._arrived_ms = sample, now_ms
            self._filled_ms = max(self._filled_ms, sample.at_ms)
        return held

    def due(self, now_ms: int) -> list[Sample]:
        """The held samples for the seconds that have gone by without a message at `now_ms` (monotonic)."""
        if self._last is None:
            return []
        return self._held_until(self._last.at_ms + now_ms - self._arrived_ms - self._hold_after_ms)

    def _held_until(self, until_ms: int) -> list[Sample]:
        last = self._last
        if last is None:
            return []
        until_ms = min(until_ms, last.at_ms + self._hold_ms)
        seconds = range(max(self._filled_ms, last.at_ms) + 1000, until_ms + 1, 1000)
        held = [replace(last, at_ms=at_ms, flags=last.flags | Flags.HELD) for at_ms in seconds]
        if held:
            self._filled_ms = held[-1].at_ms
        return held
