import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.core.hysteresis import NEVER_MS, Rule, State, advance, resume, sweep

RULE = Rule(
    np.array([0.5, 0.6], np.float32),
    np.array([0.3, 0.6], np.float32),
    np.array([3000, 0], np.int64),
    np.array([2000, 5000], np.int64),
)


def _played(p_on: np.ndarray, at_ms: np.ndarray, start: State) -> tuple[np.ndarray, State]:
    state, on = start, []
    for p, at in zip(p_on, at_ms, strict=True):
        state = advance(RULE, state, p[None], np.array([at]))
        on.append(state.on[0])
    return np.array(on).reshape(-1, 2), state


def _series(levels: list[tuple[float, float]], gaps: list[int]) -> tuple[np.ndarray, np.ndarray]:
    at_ms = 1_000_000 + 1000 * np.cumsum(np.array(gaps[: len(levels)], np.int64))
    return np.array(levels, np.float32).reshape(-1, 2), at_ms


LEVELS = st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=60)
GAPS = st.lists(st.integers(1, 4), min_size=60, max_size=60)


def test_on_is_held_for_its_least_time_and_off_for_its() -> None:
    p_on, at_ms = _series([(0.9, 0), (0, 0), (0, 0), (0, 0), (0.9, 0), (0.9, 0)], [1] * 60)
    on, _ = _played(p_on, at_ms, State.fresh(1, 2))
    assert on[:, 0].tolist() == [True, True, True, False, False, True]


def test_between_the_levels_nothing_changes() -> None:
    p_on, at_ms = _series([(0.4, 0), (0.6, 0), (0.4, 0), (0.4, 0), (0.4, 0), (0.2, 0)], [1] * 60)
    on, _ = _played(p_on, at_ms, State.fresh(1, 2))
    assert on[:, 0].tolist() == [False, True, True, True, True, False]


@given(LEVELS, GAPS)
def test_a_sweep_is_the_same_as_second_by_second(levels: list[tuple[float, float]], gaps: list[int]) -> None:
    p_on, at_ms = _series(levels, gaps)
    on, state = _played(p_on, at_ms, State.fresh(1, 2))
    swept, end = sweep(RULE, State.fresh(1, 2), p_on, at_ms)
    assert (swept == on).all()
    assert (end.on == state.on).all()
    assert (end.since_ms == state.since_ms).all()


@given(LEVELS, GAPS, st.integers(0, 60))
def test_a_sweep_goes_on_where_another_ended(levels: list[tuple[float, float]], gaps: list[int], cut: int) -> None:
    p_on, at_ms = _series(levels, gaps)
    whole, _ = sweep(RULE, State.fresh(1, 2), p_on, at_ms)
    first, state = sweep(RULE, State.fresh(1, 2), p_on[:cut], at_ms[:cut])
    second, _ = sweep(RULE, state, p_on[cut:], at_ms[cut:])
    assert (np.concatenate([first, second]) == whole).all()


@given(LEVELS, GAPS)
def test_the_state_can_be_read_off_what_was_said(levels: list[tuple[float, float]], gaps: list[int]) -> None:
    p_on, at_ms = _series(levels, gaps)
    on, state = sweep(RULE, State.fresh(1, 2), p_on, at_ms)
    again = resume(on, at_ms)
    assert (again.on == state.on).all()
    assert (again.since_ms == state.since_ms).all()


def test_nothing_said_is_off_for_ever() -> None:
    state = resume(np.zeros((0, 2), np.bool_), np.zeros(0, np.int64))
    assert not state.on.any()
    assert (state.since_ms == NEVER_MS).all()
