"""The constants that are fitted to a model: levels, stand-by and intervals of homes that it knows and does not."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from network.artifact import uncalibrated
from network.data import Recording, record
from network.intervals import COVERAGE, MONTH_DAYS, Seconds, widened, with_intervals
from network.measure import CERTAIN_P, fit, on_of, p_on_of, score
from network.recipe import TARGETS

from edge.adapters.onnx_model import OnnxModel, load_models
from edge.core.physics import Decoder
from edge.core.registry import Appliance

DAYS = 0.5
DAY = 400
"""Seconds a day in which the kettle below is on or said to be."""
KETTLE = uncalibrated(TARGETS)[-1]
MICROWAVE = [t.name for t in TARGETS].index("Microwave")


@pytest.fixture
def model() -> OnnxModel:
    (only,), _ = load_models(Path(__file__).resolve().parents[2] / "models")
    return only


@pytest.fixture(scope="module")
def known() -> Recording:
    return resting_at(record(7, DAYS, all_appliances=True, vary_scale=False), 4.0)


@pytest.fixture
def fitted(model: OnnxModel, known: Recording) -> tuple[Appliance, ...]:
    unknown = [record(seed, DAYS, all_appliances=True, vary_scale=False) for seed in (8, 9)]
    return fit(model, [known], [resting_at(home, 1.0) for home in unknown])


def resting_at(home: Recording, standby_w: float) -> Recording:
    """The home with a microwave that draws this much while off."""
    watts: NDArray[np.float32] = home.appliances_w.copy()
    off = watts[:, MICROWAVE] < TARGETS[MICROWAVE].on_threshold_w
    watts[off, MICROWAVE] = standby_w
    return Recording(home.mains_w, watts)


def test_levels_and_stand_by_serve_homes_of_both_kinds(fitted: tuple[Appliance, ...]) -> None:
    assert fitted[MICROWAVE].standby_w == 2.5
    assert [a.name for a in fitted] == [t.name for t in TARGETS]
    assert all(0 < a.off_level < a.on_level < 1 for a in fitted)
    assert len({a.on_level for a in fitted}) > 1
    assert {a.certain_p for a in fitted} <= set(CERTAIN_P)


def test_a_twin_is_fitted_at_the_levels_of_its_model(
    model: OnnxModel, known: Recording, fitted: tuple[Appliance, ...]
) -> None:
    own = fit(model, [known])
    of_twin = fit(model, [known], levels_of=fitted)
    assert [(a.on_level, a.off_level) for a in of_twin] == [(a.on_level, a.off_level) for a in fitted]
    assert [(a.on_level, a.off_level) for a in own] != [(a.on_level, a.off_level) for a in fitted]
    assert [a.p_gain for a in of_twin] == [a.p_gain for a in own]


class Sure:
    """A network that takes what draws two fifths of a microwave's power for one, as surely as a microwave."""

    def __init__(self, model: OnnxModel) -> None:
        self.spec = replace(model.spec, appliances=(uncalibrated(TARGETS)[MICROWAVE],))
        self.power = np.tile(np.repeat([0.0, 1.0, 0.0, 0.4], 60), 40)

    def window(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert len(x) == len(self.power)
        nothing = np.zeros(len(x))
        return np.stack([np.where(self.power > 0, 3, -6), self.power, nothing, nothing], axis=1).astype(np.float32)


def test_what_draws_less_than_an_appliance_at_least_is_not_taken_for_it(model: OnnxModel) -> None:
    sure = Sure(model)
    network = cast("OnnxModel", sure)
    really_on = sure.power == 1
    watts = np.where(really_on, 1300, 0).astype(np.float32)[:, None]
    home = Recording(watts[:, 0], watts)
    (as_before,) = fit(network, [home])
    (sized,) = fit(network, [home], sized=["Microwave"])
    (twin,) = fit(network, [home], levels_of=[sized])
    assert (as_before.least_w, twin) == (0, replace(sized, standby_w=twin.standby_w))
    assert sized.least_w == 0.5 * sized.power_scale_w
    heads = sure.window(np.zeros((len(really_on), 1), np.uint8))
    assert (on_of(sized, p_on_of(sized, heads)) == really_on).all()


def test_intervals_cover_what_they_were_fitted_on(model: OnnxModel, known: Recording) -> None:
    alone = with_intervals(model, fit(model, [known]), [known])
    model.spec = replace(model.spec, appliances=alone)
    often_on = [s for s in score(model, known) if s.appliance in {"HeatPump", "Fridge"}]
    assert len(often_on) == 2
    for of_appliance in often_on:
        assert of_appliance.interval_coverage == pytest.approx(COVERAGE, abs=0.03)


def seconds_of(really_on: NDArray[np.bool_], p_on: float, power: NDArray[np.float64]) -> Seconds:
    """A kettle said to be on at its rated power, give or take a tenth: for sure while it is, else with `p_on`."""
    logit = np.where(really_on, 9.0, np.log(p_on / (1 - p_on)))
    ones = np.ones(len(really_on))
    heads = np.stack([logit, ones, 0.1 * ones, 0.1 * ones], axis=1).astype(np.float32)
    true_w = np.where(really_on, KETTLE.power_scale_w * power, 0).astype(np.float32)
    day = np.arange(len(really_on)) // DAY
    always = np.full(len(really_on), 9000.0)
    return Seconds(heads, Decoder([KETTLE]).p_on(heads), ones.astype(np.bool_), always, true_w, day)


def test_of_intervals_that_cover_enough_the_narrowest_are_taken() -> None:
    """One second in six is not on at all, and p_on says 0.96 there: 0 W joins the interval, or all reach down to it."""
    really_on = np.arange(6000) % 6 > 0
    chosen = widened(KETTLE, seconds_of(really_on, 0.96, np.full(6000, 1.01)))
    assert chosen.interval_tail == 0.02
    assert chosen.interval_gain == pytest.approx(0.1, abs=0.02)


def test_of_intervals_about_as_narrow_those_are_taken_that_cover_as_much_in_each_month() -> None:
    """Off seconds in the first half only: without them half of the months miss more. Power errs alike in all."""
    days = 2 * MONTH_DAYS
    really_on = (np.arange(days * DAY) % 16 > 0) | (np.arange(days * DAY) >= MONTH_DAYS * DAY)
    power = 1 + 0.1 * np.random.default_rng(0).uniform(-1, 1, days * DAY)
    chosen = widened(KETTLE, seconds_of(really_on, 0.96, power))
    assert chosen.interval_tail <= 0.02
    assert chosen.interval_gain > 0.8


def test_without_a_second_on_intervals_stay_as_the_network_has_them() -> None:
    none = np.zeros(0, np.bool_)
    assert widened(KETTLE, seconds_of(none, 0.5, np.zeros(0))) == replace(KETTLE, interval_gain=1.0)
