from hypothesis import given
from hypothesis import strategies as st

from edge.core.grid import Grid
from edge.core.sample import Flags, Sample


def _sample(at_s: int, power_w: float = 100.0) -> Sample:
    return Sample("home", at_s * 1000, power_w)


def test_a_silent_second_is_held_once_and_flagged() -> None:
    grid = Grid(hold_s=10, hold_after_s=1.5)
    grid.arrived(_sample(100, 42.0), now_ms=5000)
    assert grid.due(now_ms=7400) == []
    (held,) = grid.due(now_ms=7500)
    assert (held.at_ms, held.power_w, held.flags) == (101_000, 42.0, Flags.HELD)
    assert grid.due(now_ms=7500) == []


def test_holding_ends_after_hold_s() -> None:
    grid = Grid(hold_s=3, hold_after_s=1.5)
    grid.arrived(_sample(100), now_ms=0)
    assert [held.at_ms for held in grid.due(now_ms=60_000)] == [101_000, 102_000, 103_000]
    assert grid.due(now_ms=120_000) == []


def test_a_late_message_brings_the_seconds_before_it() -> None:
    grid = Grid(hold_s=10, hold_after_s=1.5)
    grid.arrived(_sample(100, 1.0), now_ms=0)
    held = grid.arrived(_sample(103, 3.0), now_ms=1000)
    assert [(s.at_ms, s.power_w) for s in held] == [(101_000, 1.0), (102_000, 1.0)]


def test_nothing_is_held_before_the_first_message_or_after_lost_touch() -> None:
    grid = Grid(hold_s=10, hold_after_s=1.5)
    assert grid.due(now_ms=10_000) == []
    grid.arrived(_sample(100), now_ms=0)
    grid.lost_touch()
    assert grid.due(now_ms=10_000) == []
    assert grid.arrived(_sample(108), now_ms=11_000) == []


def test_a_meter_whose_clock_is_behind_is_not_held() -> None:
    grid = Grid(hold_s=10, hold_after_s=1.5)
    for second in range(100):  # its seconds are 1000 s behind ours, its rhythm is right
        assert grid.arrived(_sample(1 + second), now_ms=1_000_000 + second * 1000) == []
        assert grid.due(now_ms=1_000_000 + second * 1000 + 900) == []


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6000)), max_size=40),
    st.integers(0, 20),
)
def test_each_second_comes_out_at_most_once_and_in_order(moves: list[tuple[int, int]], hold_s: int) -> None:
    grid = Grid(hold_s, hold_after_s=1.5)
    at_s, now_ms, out = 1000, 0, []
    for skip_s, wait_ms in moves:
        now_ms += wait_ms
        out += [held.at_ms for held in grid.due(now_ms)]
        at_s += skip_s + 1
        out += [held.at_ms for held in grid.arrived(_sample(at_s), now_ms)]
    assert out == sorted(set(out))
    assert len(out) <= hold_s * (len(moves) + 1)
