import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.pace import Pace


def test_an_hour_of_small_delays_does_not_drift() -> None:
    pace = Pace(start_s=50.0, first_second=1000)
    now_s = 49.5
    for second in range(3600):
        now_s += pace.wait_s(now_s) + 0.004  # always 4 ms late, as a busy machine is
        assert pace.take(now_s) == 1000 + second
        assert now_s - (50.0 + second) == pytest.approx(0.004, abs=1e-6)
    assert pace.skipped == 0


def test_stalled_seconds_are_skipped_and_counted() -> None:
    pace = Pace(start_s=0.0, first_second=1000)
    assert pace.take(0.0) == 1000
    assert pace.take(4.2) == 1004
    assert pace.skipped == 3
    assert pace.wait_s(4.2) == pytest.approx(0.8)


@given(st.lists(st.floats(0, 5), max_size=50))
def test_every_second_is_sent_once_or_counted_as_skipped(stalls_s: list[float]) -> None:
    pace, now_s, sent = Pace(0.0, 1000), 0.0, []
    for stall_s in stalls_s:
        now_s += pace.wait_s(now_s) + stall_s
        sent.append(pace.take(now_s))
    assert sent == sorted(set(sent))
    assert not sent or sent[-1] - 1000 + 1 == len(sent) + pace.skipped
