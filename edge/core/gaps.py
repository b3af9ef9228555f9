"""Gaps: stretches of seconds that the database does not have, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge.core.presence import State

UNKNOWN = "unknown"
REASONS = {
    State.HEARD: UNKNOWN,
    State.SILENT: "meter silent",
    State.REFUSED: "refused",
    State.NO_BROKER: "no broker",
    State.DOWN: "nilm-edge down",
}
WAITING = "waiting to be stored"
"""Every reason that is given; a state that explains nothing is UNKNOWN."""

_FOR_EVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing is stored from `start_ms` until before `end_ms`, whole seconds."""

    start_ms: int
    end_ms: int


def gaps_between(
    jumps: Iterable[tuple[int, int]], first_ms: int | None, last_ms: int | None, start_ms: int, end_ms: int
) -> list[Gap]:
    """The gaps from `start_ms` until before `end_ms`, which hold seconds from `first_ms` to `last_ms`, None for none.

    `jumps`: a second that is stored, and how many seconds before it the one before it is, wherever more than 1.
    """
    if first_ms is None or last_ms is None:
        return [Gap(start_ms, end_ms)] if start_ms < end_ms else []
    inner = [Gap(at_ms - seconds * 1000 + 1000, at_ms) for at_ms, seconds in jumps]
    found = [Gap(start_ms, first_ms), *inner, Gap(last_ms + 1000, end_ms)]
    return [gap for gap in found if gap.start_ms < gap.end_ms]


def reason(gap: Gap, events: Sequence[tuple[int, str]], waiting_from_ms: int | None = None) -> str:
    """Why a gap is there: what the meter's state was for most of it, from `events` (since when, State).

    `waiting_from_ms`: from there on seconds may still be on their way to the database.
    """
    if waiting_from_ms is not None and gap.end_ms > waiting_from_ms:
        return WAITING
    lasted_ms: Counter[str] = Counter()
    ordered = sorted(events, key=lambda event: event[0])
    for (since_ms, state), (until_ms, _) in pairwise([(0, ""), *ordered, (_FOR_EVER_MS, "")]):
        overlap_ms = min(until_ms, gap.end_ms) - max(since_ms, gap.start_ms)
        if overlap_ms > 0:
            lasted_ms[REASONS.get(State(state), UNKNOWN) if state in set(State) else UNKNOWN] += overlap_ms
    return lasted_ms.most_common(1)[0][0]
