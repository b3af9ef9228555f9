"""What sync decides: whether two servers hold the same, what to do about it, how long to wait, how fast to send."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

Series = tuple[str, str, str]
"""Measurement, appliance ("" for mains), field."""

_TRIES = 3
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Total:
    """How many values a series has in a span, and what they add up to."""

    count: int
    added: float


Totals = Mapping[Series, Total]


class Step(Enum):
    """What comes next for a span."""

    DONE = "the central server holds what we hold"
    SEND = "send it, again where it was sent before"
    DOUBT = "it was sent and is not there: ask whether the server stores anything at all"
    LEAVE = "the central server holds other values, and sending does not change them"


def step(ours: Totals, theirs: Totals | None, sent: int, *, replaces: bool = True) -> Step:
    """What to do about a span that was sent `sent` times; `theirs` is None where the server cannot be asked.

    `replaces`: whether the server lets a later value take the place of an earlier one.
    """
    if theirs is None:
        return Step.DONE if sent else Step.SEND
    lacks = any(series not in theirs or theirs[series].count < total.count for series, total in ours.items())
    if lacks:
        return Step.SEND if sent < _TRIES else Step.DOUBT
    if all(_same(total, theirs[series]) for series, total in ours.items()):
        return Step.DONE
    more = any(theirs[series].count > total.count for series, total in ours.items())
    if replaces and more and sent:
        return Step.DONE  # it has seconds that we no longer have, and ours among them
    if replaces:
        return Step.SEND if sent < _TRIES else Step.LEAVE
    return Step.LEAVE if sent or more else Step.SEND


def _same(one: Total, other: Total) -> bool:
    """Servers add up in different orders: the last digits may differ."""
    close = 1e-6 + 1e-9 * max(abs(one.added), abs(other.added))
    return one.count == other.count and abs(one.added - other.added) <= close


def pause_s(failures: int, dice: float, asked_s: float = 0.0) -> float:
    """How long to wait after so many failures in a row: doubling, spread by `dice` (0 to 1), as asked at least."""
    return max(asked_s, min(_LONGEST_PAUSE_S, 0.5 * 2.0 ** min(failures, 10)) * (0.5 + dice / 2.0))


class Bandwidth:
    """Keeps what is sent under a rate on average; 0 kbit/s is no limit."""

    def __init__(self, limit_kbit_s: float) -> None:
        self._bytes_s = limit_kbit_s * 1000 / 8
        self._free_s = 0.0

    def spend(self, size_bytes: int, now_s: float) -> None:
        """Say that so much was sent."""
        if self._bytes_s:
            self._free_s = max(self._free_s, now_s) + size_bytes / self._bytes_s

    def is_free(self, now_s: float) -> bool:
        """Whether what was sent before is paid for."""
        return now_s >= self._free_s


@dataclass(frozen=True, slots=True)
class Claim:
    """A box that said on the central server at `at_ms` that it writes a building, since when, and since which start."""

    edge: str
    host: str
    since_s: float
    run_s: float
    at_ms: int

    def comes_before(self, other: "Claim") -> bool:
        """Whether this box goes on where two write the same building: who was first."""
        return (self.since_s, self.run_s) <= (other.since_s, other.run_s)


def rival(mine: Claim, seen: Iterable[Claim]) -> Claim | None:
    """Another box among `seen`, or a copy of this one: the same name on it, but a start that is not ours."""
    for other in seen:
        copied = other.run_s != mine.run_s and other.at_ms > mine.run_s * 1000
        if other.edge != mine.edge or copied:
            return other
    return None
