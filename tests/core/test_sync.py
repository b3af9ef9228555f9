"""What sync decides, told what both servers hold."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.sync import Bandwidth, Claim, Step, Total, pause_s, rival, step

MAINS, OVEN = ("mains", "", "power_w"), ("appliance", "Oven", "power_w")
OURS = {MAINS: Total(3600, 1234.5), OVEN: Total(3600, 0.1)}
LESS = {MAINS: Total(3599, 1234.5), OVEN: Total(3600, 0.1)}
OTHER = {MAINS: Total(3600, 1234.6), OVEN: Total(3600, 0.1)}
MORE = {MAINS: Total(7200, 2469.0), OVEN: Total(3600, 0.1)}


def test_what_is_the_same_is_never_sent() -> None:
    rounded = {MAINS: Total(3600, 1234.5000000001), OVEN: Total(3600, 0.1), ("appliance", "x", "p_on"): Total(1, 1.0)}
    assert step(OURS, rounded, 0) is step(OURS, OURS, 3) is Step.DONE


def test_what_differs_is_sent_and_what_stays_away_is_doubted() -> None:
    assert [step(OURS, theirs, 0) for theirs in ({}, LESS, OTHER, MORE)] == [Step.SEND] * 4
    assert [step(OURS, LESS, sent) for sent in (1, 2, 3)] == [Step.SEND, Step.SEND, Step.DOUBT]
    assert [step(OURS, OTHER, sent) for sent in (1, 2, 3)] == [Step.SEND, Step.SEND, Step.LEAVE]
    assert step(OURS, MORE, 1) is Step.DONE  # it still has what we have deleted


def test_a_server_that_replaces_nothing_is_given_nothing_twice() -> None:
    assert step(OURS, MORE, 0, replaces=False) is Step.LEAVE
    assert step(OURS, OTHER, 0, replaces=False) is Step.SEND
    assert step(OURS, OTHER, 1, replaces=False) is Step.LEAVE
    assert step(OURS, LESS, 1, replaces=False) is Step.SEND


def test_a_server_that_cannot_be_asked_is_believed() -> None:
    assert step(OURS, None, 0) is Step.SEND
    assert step(OURS, None, 1) is Step.DONE


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 3600))
def test_pauses_grow_to_a_minute_and_obey_the_server(failures: int, dice: float, asked_s: float) -> None:
    assert 0.25 <= pause_s(failures, dice) <= 60
    assert pause_s(failures, dice, asked_s) >= asked_s
    assert pause_s(20, 0) == 30
    assert pause_s(0, 1) == 0.5


def test_the_bandwidth_is_kept_on_average() -> None:
    line = Bandwidth(80)  # 10,000 bytes a second
    line.spend(5000, 100.0)
    line.spend(5000, 100.0)
    assert not line.is_free(100.9)
    assert line.is_free(101.0)
    line.spend(10_000, 200.0)  # what was not used before is not made up for
    assert not line.is_free(200.9)
    free = Bandwidth(0)
    free.spend(10**9, 0.0)
    assert free.is_free(0.0)


def test_another_box_and_a_copy_of_this_one_are_noticed() -> None:
    mine = Claim("a", "pi", since_s=50.0, run_s=100.0, at_ms=130_000)
    before = Claim("a", "pi", since_s=50.0, run_s=90.0, at_ms=99_000)
    copy = Claim("a", "pi", since_s=50.0, run_s=95.0, at_ms=120_000)
    other = Claim("b", "pi2", since_s=60.0, run_s=70.0, at_ms=90_000)
    assert rival(mine, [mine, before]) is None
    assert rival(mine, [mine, copy]) is copy
    assert rival(mine, [before, other]) is other
    assert mine.comes_before(other)
    assert not mine.comes_before(copy)
