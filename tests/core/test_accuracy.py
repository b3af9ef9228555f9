"""The running accuracy is that of `nilm-edge evaluate`, counted in parts."""

import numpy as np
import pytest

from edge.core.accuracy import HOUR_MS, Sums, figures, hours_of, sums_of, to_json, together
from edge.core.metrics import Tally
from edge.core.prediction import COLUMN
from edge.core.registry import Appliance

OVEN = Appliance("Oven", 30.0, 100.0, 1.0, 0.0, 0.5, 0.4, 0, 0, 1.0, 0.05, 0.5, 0.0, 0.0)


def test_parts_of_hours_come_to_what_an_evaluation_says() -> None:
    dice = np.random.default_rng(7)
    true_w = np.where(dice.random(900) < 0.3, dice.uniform(5, 2000, 900), 0).astype(np.float32)
    values = np.zeros((900, 1), COLUMN)
    values["power_w"][:, 0] = np.where(dice.random(900) < 0.4, dice.uniform(0, 2000, 900), 0)
    values["on"][:, 0] = values["power_w"][:, 0] > 20
    tally = Tally([OVEN])
    tally.add(np.arange(900) * 1000, values, true_w[:, None])
    (score,) = tally.scores()
    said, on = values["power_w"][:, 0].astype(np.float64), values["on"][:, 0]
    hours = [slice(first, first + 100) for first in range(0, 900, 100)]
    parts = [sums_of(said[hour], on[hour], true_w[hour].astype(np.float64), 30.0) for hour in hours]
    found = figures(together(Sums(**to_json(part)) for part in parts))
    assert found["f1"] == pytest.approx(score.f1, abs=1e-4)
    assert found["precision"] == pytest.approx(score.precision, abs=1e-4)
    assert found["recall"] == pytest.approx(score.recall, abs=1e-4)
    assert found["mae_w"] == pytest.approx(score.mae_w, abs=0.01)
    assert found["always_zero_mae_w"] == pytest.approx(score.always_zero_mae_w, abs=0.01)
    assert found["energy_kwh"] == pytest.approx(score.energy_wh / 1000, abs=1e-4)
    assert (found["seconds"], found["on_s"], found["predicted_on_s"]) == (900, score.on_s, score.predicted_on_s)


def test_of_nothing_there_is_no_figure_and_of_what_never_ran_no_f1() -> None:
    assert figures(Sums())["mae_w"] is figures(together([]))["f1"] is None
    zeros = np.zeros(10)
    noise_w = np.full(10, -3.0)  # a clamp's noise is no power
    found = figures(sums_of(zeros, np.zeros(10, np.bool_), noise_w, 10.0))
    assert (found["mae_w"], found["f1"], found["recall"], found["precision"]) == (0.0, None, None, None)


def test_a_day_is_the_running_hour_and_those_before_it() -> None:
    day = hours_of("day", 100 * HOUR_MS + 5)
    assert (day[0], day[-1], len(day)) == (77 * HOUR_MS, 100 * HOUR_MS, 24)
    assert len(hours_of("week", 1000 * HOUR_MS)) == 168
