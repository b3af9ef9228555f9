"""Several samples of a second become one: their mean."""

from collections.abc import Sequence
from dataclasses import replace

from edge.core.sample import NO_FLAGS, Flags, Sample

_OVER_MS = 1300
"""So long after its first sample a second is over, whether or not another one began; a meter may jitter by 300 ms."""


class Averager:
    """Collects one second at a time. Times of arrival are monotonic ms."""

    def __init__(self) -> None:
        self._open: list[Sample] = []
        self._began_ms = 0

    def arrived(self, sample: Sample, now_ms: int) -> Sample | None:
        """The second before, once this one begins; `sample` itself where its second is over already."""
        if self._open and sample.at_ms < self._open[0].at_ms:
            return sample
        done = self.close() if self._open and sample.at_ms > self._open[0].at_ms else None
        if not self._open:
            self._began_ms = now_ms
        self._open.append(sample)
        return done

    def due(self, now_ms: int) -> Sample | None:
        """The open second, if it is over at `now_ms`."""
        return self.close() if self._open and now_ms - self._began_ms >= _OVER_MS else None

    def close(self) -> Sample | None:
        """The open second, over or not."""
        samples, self._open = self._open, []
        return mean(samples) if samples else None


def mean(samples: Sequence[Sample]) -> Sample:
    """The mean of samples of one building and second; flagged as any of them is."""
    flags = NO_FLAGS
    for sample in samples:
        flags |= Flags(sample.flags)
    power_w = sum(sample.power_w for sample in samples) / len(samples)
    voltage_v = _mean([sample.voltage_v for sample in samples])
    current_a = _mean([sample.current_a for sample in samples])
    return replace(samples[0], power_w=power_w, voltage_v=voltage_v, current_a=current_a, flags=flags)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
