from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.core.gaps import REASONS, UNKNOWN, WAITING, Gap, gaps_between, reason
from edge.core.presence import State, Watch


@given(st.sets(st.integers(0, 50)), st.integers(0, 20), st.integers(0, 50))
def test_gaps_and_stored_seconds_make_up_the_span(stored: set[int], start: int, length: int) -> None:
    end = start + length
    inside = sorted(second for second in stored if start <= second < end)
    jumps = [(b * 1000, b - a) for a, b in pairwise(inside) if b - a > 1]
    first, last = (inside[0] * 1000, inside[-1] * 1000) if inside else (None, None)
    found = gaps_between(jumps, first, last, start * 1000, end * 1000)
    missing = [second for gap in found for second in range(gap.start_ms // 1000, gap.end_ms // 1000)]
    assert missing == sorted(set(range(start, end)) - stored)


def test_the_reason_is_what_lasted_longest() -> None:
    events: list[tuple[int, str]] = [(100, State.HEARD), (2000, State.SILENT), (5000, State.DOWN), (9000, State.HEARD)]
    assert reason(Gap(2000, 5000), events) == "meter silent"
    assert reason(Gap(2000, 8000), events[::-1]) == "meter silent"
    assert reason(Gap(2000, 9000), events) == "nilm-edge down"
    assert reason(Gap(9000, 10_000), events) == UNKNOWN
    assert reason(Gap(0, 100), events) == UNKNOWN
    assert reason(Gap(0, 100), []) == UNKNOWN
    assert reason(Gap(0, 100), [(0, "of a later version")]) == UNKNOWN
    assert reason(Gap(9000, 10_000), events, 9500) == WAITING
    assert set(REASONS) == set(State)


def _told(watch: Watch, connected: bool, now_ms: int) -> list[tuple[State, int]]:
    changes = watch.changes(connected, now_ms)
    for change in changes:
        watch.told(change)
    return [(change.state, now_ms - change.ago_ms) for change in changes]


def test_a_meter_that_falls_silent_is_told_once_from_its_last_message_on() -> None:
    watch = Watch({"home": 12_000}, 0)
    assert _told(watch, False, 0) == [(State.NO_BROKER, 0)]
    assert _told(watch, True, 500) == []
    watch.heard("home", 1000)
    assert _told(watch, True, 1000) == [(State.HEARD, 1000)]
    assert _told(watch, True, 13_000) == []
    assert _told(watch, True, 13_001) == [(State.SILENT, 1000)]
    assert _told(watch, True, 99_000) == []
    watch.refused("home", 99_000)
    assert _told(watch, True, 99_001) == [(State.REFUSED, 1000)]
    watch.heard("home", 100_000)
    assert _told(watch, True, 100_001) == [(State.HEARD, 100_000)]


def test_nothing_is_called_silent_while_its_messages_may_be_on_their_way() -> None:
    watch = Watch({"home": 12_000}, 0)
    watch.heard("home", 0)
    _told(watch, True, 0)
    watch.lost_touch(50_000)
    assert _told(watch, True, 60_000) == []
    assert _told(watch, True, 62_001) == [(State.SILENT, 50_000)]


def test_a_change_that_could_not_be_kept_is_told_again() -> None:
    watch = Watch({"home": 12_000}, 0)
    assert watch.changes(False, 0) == watch.changes(False, 0) != []
