"""Machines of any make: within what a socket or a stove's circuit gives, the same for the same seed, all different."""

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from simulated_home import any_make
from simulated_home.background import central_air
from simulated_home.dice import Dice
from simulated_home.gadgets import FIXED_W, GADGETS, GADGETS_OF_ANY_MAKE, SOCKET_W, Gadget, gadget, gadget_of_any_make
from simulated_home.household import Household
from simulated_home.load import Load

JANUARY, DAYS = date(2025, 1, 6), 6
KINDS = {"Dishwasher": any_make.dishwasher, "Microwave": any_make.microwave, "Stove": any_make.stove}


def loads(name: str, days: int = DAYS) -> list[Load]:
    return [KINDS[name](Household(seed, JANUARY, days), Dice(seed, name)) for seed in range(2000, 2024)]


def drawn_w(load: Load) -> np.ndarray:
    return load.heat_w + load.drive_w


@pytest.mark.parametrize(("name", "most_w"), [("Dishwasher", 2700), ("Microwave", 2000), ("Stove", 7500)])
def test_no_machine_draws_more_than_its_circuit_gives_or_less_than_nothing(name: str, most_w: float) -> None:
    for load in loads(name):
        assert load.runs
        assert drawn_w(load).min() >= 0.0
        assert drawn_w(load).max() < most_w


@pytest.mark.parametrize("name", KINDS)
def test_a_longer_time_begins_with_the_shorter_one(name: str) -> None:
    for short, longer in zip(loads(name, 2), loads(name, 4), strict=True):
        kept = 86_400  # what begins on the last evening goes on beyond the shorter time
        assert np.array_equal(drawn_w(short)[:kept], drawn_w(longer)[:kept])


@pytest.mark.parametrize("name", KINDS)
def test_homes_differ_in_power_and_in_how_long_a_run_is(name: str) -> None:
    found = loads(name)
    powers_w = np.array([drawn_w(load).max() for load in found])
    runs_s = np.array([np.median([end - start for start, end in load.runs]) for load in found])
    assert np.quantile(powers_w, 0.9) > 1.3 * np.quantile(powers_w, 0.1)
    assert np.quantile(runs_s, 0.9) > 1.3 * np.quantile(runs_s, 0.1)


def test_a_dishwasher_heats_for_minutes_and_rests_between() -> None:
    resting = 0
    for load in loads("Dishwasher"):
        start_s, end_s = (int(v) for v in load.runs[0])
        run_w = drawn_w(load)[start_s:end_s] - load.drive_w.min()
        assert 1200 < end_s - start_s < 5 * 3600
        assert (run_w > 450).sum() > 100
        resting += bool((run_w < 10).sum() > 60)
    assert resting > 12, "most have pauses in which neither motor nor heater runs"


def test_a_microwave_is_used_some_times_a_day_for_a_minute_or_so() -> None:
    found = loads("Microwave")
    runs_s = np.concatenate([[end - start for start, end in load.runs] for load in found])
    assert 2 * DAYS < len(runs_s) / len(found) < 14 * DAYS
    assert 30 < np.median(runs_s) < 240


IRON = next(spec for spec in GADGETS if spec.name == "iron")


def strokes_s(load: Load) -> list[np.ndarray]:
    """How long a gadget is on each time, a list a use; a use ends with ten minutes of nothing."""
    on = np.flatnonzero(np.diff((drawn_w(load) > 50).astype(np.int8), prepend=0, append=0))
    starts, ends = on[::2], on[1::2]
    return [
        ends[part] - starts[part]
        for part in np.split(np.arange(len(starts)), np.flatnonzero(np.diff(starts) > 600) + 1)
    ]


@pytest.mark.parametrize("spec", GADGETS_OF_ANY_MAKE, ids=lambda spec: spec.name)
def test_a_gadget_of_any_make_draws_what_its_supply_gives(spec: Gadget) -> None:
    for seed in range(2000, 2012):
        house = Household(seed, JANUARY, DAYS)
        load = gadget_of_any_make(spec, house, Dice(seed, spec.name))
        drawn = drawn_w(load)
        most_w = SOCKET_W if house.small_supply and spec.power_w[1] < FIXED_W else 1.2 * spec.power_w[1]
        assert drawn.min() >= 0.0
        if drawn.any():
            assert np.median(drawn[drawn > 0]) < most_w * (1.0 + 4.0 * spec.ripple), "several uses at a time are rare"


def test_an_iron_of_any_make_heats_up_longer_than_its_later_strokes_and_these_are_uneven() -> None:
    first, uneven = {}, {}
    for make in (gadget, gadget_of_any_make):
        loads = [make(IRON, Household(seed, JANUARY, 20), Dice(seed, "iron")) for seed in range(2000, 2040)]
        uses = [use for load in loads for use in strokes_s(load) if len(use) > 5]
        first[make] = np.median([use[0] / np.median(use[1:]) for use in uses])
        uneven[make] = np.median([np.std(use[1:]) / np.mean(use[1:]) for use in uses])
    assert first[gadget] < 1.2
    assert first[gadget_of_any_make] > 2.0
    assert uneven[gadget_of_any_make] > 1.5 * uneven[gadget]


def test_central_air_is_in_120_v_homes_alone_and_draws_most_at_its_start() -> None:
    high_at_first = []
    for seed in range(2000, 2040):
        house = Household(seed, JANUARY, DAYS)
        drawn = drawn_w(central_air(house, Dice(seed, "central air")))
        assert drawn.min() >= 0.0
        assert house.small_supply or not drawn.any()
        starts = np.flatnonzero((drawn[1:-60] > 500) & (drawn[:-61] <= 500)) + 1
        high_at_first += [drawn[s : s + 60].max() > 1.1 * np.median(drawn[s : s + 240]) for s in starts]
    assert len(high_at_first) > 100
    assert np.mean(high_at_first) > 0.5
