"""Energy counters over gaps: the energy is right, nothing is below zero, nothing known is touched."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.core.counters import fill, intervals

START_S = 1_700_000_000


@st.composite
def homes(draw: st.DrawFn) -> dict[str, Any]:
    """A home's true power for some minutes, a counter of it read now and then, and the seconds that were measured."""
    seconds = draw(st.integers(10, 900))
    levels = draw(st.lists(st.integers(0, 40_000), min_size=1, max_size=8))
    power_w = np.repeat(levels, -(-seconds // len(levels)))[:seconds].astype(float)
    counter_wh = draw(st.floats(0, 1e7)) + np.append(0, np.cumsum(power_w)) / 3600
    inner = draw(st.sets(st.integers(1, seconds - 1), max_size=12))
    read_at = np.array(sorted({0, seconds, *inner}))
    known = np.zeros(seconds, bool)
    for first, length in draw(st.lists(st.tuples(st.integers(0, seconds), st.integers(0, 200)), max_size=4)):
        known[first : first + length] = True
    return {"power_w": power_w, "counter_wh": counter_wh, "read_at": read_at, "known": np.flatnonzero(known)}


@given(homes())
def test_each_interval_has_the_counters_energy_to_1_wh_and_what_is_known_stays(home: dict[str, Any]) -> None:
    read_at, counter_wh, known = home["read_at"], home["counter_wh"], home["known"]
    found = intervals((START_S + read_at) * 1000, counter_wh[read_at])
    filled = fill(found, 0, len(found.energy_wh), START_S + known, home["power_w"][known])
    assert set(filled.at_s - START_S) == set(range(len(home["power_w"]))) - set(known)
    assert len(filled.at_s) == len(set(filled.at_s))
    assert (filled.power_w >= 0).all()
    assert (np.round(filled.power_w, 1) == filled.power_w).all()
    whole = home["power_w"].copy()
    whole[filled.at_s - START_S] = filled.power_w
    energy_wh = np.append(0, np.cumsum(whole)) / 3600
    at = found.at_s - START_S
    allowed_wh = max(1.0, found.step_wh) + 0.01
    assert np.abs(np.diff(energy_wh[at]) - np.diff(counter_wh[at])).max() <= allowed_wh


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30), st.integers(1, 4000))
def test_no_counter_however_broken_gives_a_spike_or_a_negative_power(counter_wh: list[float], every_s: int) -> None:
    time_ms = (START_S + every_s * np.arange(len(counter_wh))) * 1000
    found = intervals(time_ms, np.array(counter_wh, np.float64))
    filled = fill(found, 0, len(found.energy_wh), np.zeros(0, np.int64), np.zeros(0))
    assert ((filled.power_w >= 0) & (filled.power_w <= 1_000_001)).all()
    assert list(filled.at_s) == list(range(found.at_s[0], found.at_s[-1]))


def _filled(time_s: list[int], counter_wh: list[float]) -> "tuple[int, np.ndarray[Any, np.dtype[np.float64]]]":
    found = intervals((START_S + np.array(time_s)) * 1000, np.array(counter_wh, np.float64))
    filled = fill(found, 0, len(found.energy_wh), np.zeros(0, np.int64), np.zeros(0))
    return found.resets, filled.power_w


def test_a_reset_is_bridged_by_its_neighbours() -> None:
    resets, power_w = _filled([0, 900, 1800, 2700], [5000, 5100, 30, 130])
    assert resets == 1
    assert set(power_w.round()) == {400}
    assert len(power_w) == 2700


def test_another_meters_counter_is_no_spike() -> None:
    resets, power_w = _filled([0, 900, 1800, 2700], [5_000, 5_100, 9_000_000, 9_000_100])
    assert (resets, set(power_w.round())) == (1, {400})


def test_a_single_slip_is_left_out() -> None:
    for slip in (0.0, 5_120_000.0, 5_500.0):
        resets, power_w = _filled([0, 900, 1800, 2700], [5000, 5100, slip, 5300])
        assert (resets, set(power_w.round())) == (0, {400})


def test_a_coarse_counter_is_no_row_of_spikes() -> None:
    minutes = np.arange(0, 121)
    counter_wh = np.floor(2.0 * minutes / 60 + 0.3) * 1000  # 2 kW, counted in kWh, read each minute
    _, power_w = _filled((60 * minutes).tolist(), counter_wh.tolist())
    assert power_w.max() < 4000


def test_a_second_among_known_ones_gets_no_spike_from_the_counters_error() -> None:
    known = np.delete(np.arange(900), 450)
    found = intervals(np.array([START_S, START_S + 900]) * 1000, np.array([0.0, 125.9]))
    filled = fill(found, 0, 1, START_S + known, np.full(899, 500.0))
    assert filled.power_w.tolist() == [500.0]


def test_samples_above_the_counter_are_told_and_nothing_is_taken_back() -> None:
    found = intervals(np.array([START_S, START_S + 100]) * 1000, np.array([0.0, 10.0]))
    filled = fill(found, 0, 1, START_S + np.arange(50), np.full(50, 3600.0))
    assert set(filled.power_w) == {0.0}
    assert filled.unplaced_wh == 40.0


def test_nothing_comes_of_no_interval() -> None:
    assert _filled([5], [1.0])[1].tolist() == []
    assert _filled([5, 5], [1.0, 2.0])[1].tolist() == []
