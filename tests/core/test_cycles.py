"""Cycles, held against a plain walk over the steps."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.cycles import Cycle, CycleFinder

START_MS = 1_795_000_000_000
STEPS = st.lists(st.tuples(st.integers(1, 8), st.booleans(), st.integers(-10, 3000)), min_size=0, max_size=60)
"""How many seconds after the step before, whether on, and W."""


def arrays(steps: list[tuple[int, bool, int]]) -> tuple[Any, Any, Any]:
    after_s, on, power_w = zip(*steps, strict=True) if steps else ((), (), ())
    at_ms = START_MS + 1000 * np.cumsum(np.array(after_s, np.int64))
    return at_ms, np.array(on, np.bool_), np.array(power_w, np.float64)


def walked(steps: list[tuple[int, bool, int]], pause_s: int) -> list[Cycle]:
    """The definition, step by step."""
    found: list[list[tuple[int, bool, float]]] = []
    since: list[tuple[int, bool, float]] = []
    for at, is_on, power in zip(*(each.tolist() for each in arrays(steps)), strict=True):
        since.append((at, is_on, power))
        if not is_on:
            continue
        if found and at - (found[-1][-1][0] + 1000) <= pause_s * 1000:
            found[-1] += since
        else:
            found.append([since[-1]])
        since = []
    return [
        Cycle(
            one[0][0],
            one[-1][0] + 1000,
            sum(is_on for _, is_on, _ in one),
            len(one),
            sum(power for _, _, power in one),
            max(power for _, _, power in one),
        )
        for one in found
    ]


@given(STEPS, st.integers(0, 12), st.lists(st.integers(0, 60), max_size=4))
def test_cycles_are_those_of_a_plain_walk_in_whatever_pieces(
    steps: list[tuple[int, bool, int]], pause_s: int, cuts: list[int]
) -> None:
    finder = CycleFinder(pause_s)
    bounds = sorted({0, len(steps), *(min(cut, len(steps)) for cut in cuts)})
    at_ms, on, power_w = arrays(steps)
    for first, end in pairwise(bounds):
        finder.add(at_ms[first:end], on[first:end], power_w[first:end])
    assert finder.cycles == walked(steps, pause_s)
    assert finder.newest_ms == (int(at_ms[-1]) + 1000 if steps else None)
    assert sum(cycle.on_s for cycle in finder.cycles) == int(on.sum())
    for cycle, later in pairwise(finder.cycles):
        assert later.start_ms - cycle.end_ms > pause_s * 1000
    for cycle in finder.cycles:
        assert cycle.on_s <= cycle.known_s <= (cycle.end_ms - cycle.start_ms) // 1000
        assert cycle.mean_w <= cycle.max_w


def test_minutes_count_as_sixty_seconds_and_join_seconds() -> None:
    finder = CycleFinder(120)
    minutes = START_MS + 60_000 * np.arange(3)
    finder.add(minutes, np.array([False, True, True]), np.array([5.0, 600.0, 300.0]), 60)
    finder.add(np.array([START_MS + 240_000]), np.array([True]), np.array([90.0]))
    (cycle,) = finder.cycles
    assert (cycle.start_ms, cycle.end_ms) == (START_MS + 60_000, START_MS + 241_000)
    assert (cycle.on_s, cycle.known_s, cycle.ws, cycle.max_w) == (121, 121, 54_090.0, 600.0)
    assert cycle.mean_w == pytest.approx(54_090 / 121)
