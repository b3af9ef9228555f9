"""The metrics, gathered in parts, against their definitions in plain numpy."""

import math
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.core.metrics import Score, Tally, macro_f1, mean_coverage, rates
from edge.core.prediction import COLUMN
from edge.core.registry import Appliance

THRESHOLDS_W = (10.0, 0.0, 500.0)
APPLIANCES = [
    Appliance(f"A{n}", threshold_w, 100.0, 1.0, 0.0, 0.5, 0.4, 0, 0, 1.0, 0.05, 0.5, 0.0, 0.0)
    for n, threshold_w in enumerate(THRESHOLDS_W)
]
DAY_MS = 86_400_000


def _recording(seconds: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.void], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    shape = (seconds, len(APPLIANCES))
    at_ms = np.cumsum(random.choice([1000, 2000, 40_000_000], seconds, p=[0.8, 0.15, 0.05]))
    true_w = (random.choice([0, 10, 300, 500, 2000], shape) * random.choice([0, 1], shape)).astype(np.float32)
    true_w[random.random(shape) < 0.1] = np.nan
    values = np.zeros(shape, COLUMN)
    values["on"] = random.random(shape) < 0.5
    values["power_w"] = np.where(values["on"], random.choice([10, 290, 505, 1800], shape), 0)
    values["p_on"] = random.choice([0.0, 0.05, 0.1, 0.5, 0.99, 1.0], shape)
    values["low_w"], values["high_w"] = values["power_w"] * 0.9, values["power_w"] * 1.1
    return at_ms, values, true_w


def _tally(
    at_ms: NDArray[np.int64], values: NDArray[np.void], true_w: NDArray[np.float32], parts: list[int]
) -> list[Score]:
    tally = Tally(APPLIANCES)
    edges = [0, *sorted(min(p, len(at_ms)) for p in parts), len(at_ms)]
    for begin, end in pairwise(edges):
        tally.add(at_ms[begin:end], values[begin:end], true_w[begin:end])
    return tally.scores()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.integers(0, 1000), st.lists(st.integers(0, 200), max_size=4))
def test_the_sums_say_what_the_definitions_say(seconds: int, seed: int, parts: list[int]) -> None:
    at_ms, values, true_w = _recording(seconds, seed)
    for n, score in enumerate(_tally(at_ms, values, true_w, parts)):
        known = np.isfinite(true_w[:, n])
        if not known.any():
            continue
        y, said = true_w[known, n].astype(float), values[known, n]
        p, on, days = said["power_w"].astype(float), said["on"], at_ms[known] // DAY_MS
        true = y >= THRESHOLDS_W[n]
        low_w, high_w = said["low_w"].astype(float) - 0.5, said["high_w"].astype(float) + 0.5
        inside, either = (y >= low_w) & (y <= high_w), on | true
        hits, misses, false = (on & true).sum(), (~on & true).sum(), (on & ~true).sum()
        tenths = np.minimum(np.floor(said["p_on"] * np.float32(10)), 9)
        gaps = [
            abs(said["p_on"][tenths == b].mean(dtype=float) - true[tenths == b].mean()) * (tenths == b).mean()
            for b in np.unique(tenths)
        ]
        expected = {
            "mae_w": np.abs(p - y).mean(),
            "always_zero_mae_w": np.abs(0 - y).mean(),
            "f1": hits / (hits + (misses + false) / 2) if hits else 0,
            "precision": hits / (hits + false) if hits else 0,
            "recall": hits / (hits + misses) if hits else 0,
            "ece": sum(gaps),
            "interval_coverage_all": inside.mean(),
            "seconds": known.sum(),
            "on_s": true.sum(),
            "predicted_on_s": on.sum(),
            "energy_wh": y.sum() / 3600,
            "predicted_energy_wh": p.sum() / 3600,
        }
        if y.sum():
            by_day = [abs(p[days == d].sum() - y[days == d].sum()) for d in np.unique(days)]
            expected |= {
                "skill": 1 - np.abs(p - y).mean() / y.mean(),
                "sae": abs(p.sum() - y.sum()) / y.sum(),
                "sae_daily": sum(by_day) / y.sum(),
                "nde": ((p - y) ** 2).sum() / (y**2).sum(),
                "teca": 1 - np.abs(p - y).sum() / (2 * y.sum()),
                "match_ratio": np.minimum(p, y).sum() / np.maximum(p, y).sum(),
            }
        if either.any():
            expected["interval_coverage"] = inside[either].mean()
        found = asdict(score)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, abs=1e-6), name


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300), st.integers(0, 1000), st.lists(st.integers(0, 300), max_size=6))
def test_where_the_parts_end_makes_no_difference(seconds: int, seed: int, parts: list[int]) -> None:
    recording = _recording(seconds, seed)
    whole, pieces = _tally(*recording, []), _tally(*recording, parts)
    for one, other in zip(whole, pieces, strict=True):
        assert asdict(one) == {k: v if isinstance(v, str) else pytest.approx(v) for k, v in asdict(other).items()}


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300), st.integers(0, 1000))
def test_the_bounds_hold(seconds: int, seed: int) -> None:
    for score in _tally(*_recording(seconds, seed), []):
        for rate in (score.f1, score.precision, score.recall, score.ece, score.interval_coverage_all):
            assert 0 <= rate <= 1 + 1e-9
        assert score.match_ratio is None or 0 <= score.match_ratio <= 1
        if score.sae is not None and score.sae_daily is not None:
            assert score.sae <= score.sae_daily + 1e-9
        assert not any(isinstance(v, float) and not math.isfinite(v) for v in asdict(score).values())


def test_who_says_the_truth_is_right() -> None:
    at_ms, values, true_w = _recording(500, 3)
    true_w = np.nan_to_num(true_w)
    values["power_w"] = values["low_w"] = values["high_w"] = true_w
    values["on"] = true_w >= np.array(THRESHOLDS_W)
    values["p_on"] = values["on"]
    for score in _tally(at_ms, values, true_w, [250]):
        assert (score.f1, score.precision, score.recall, score.teca, score.match_ratio) == (1, 1, 1, 1, 1)
        assert (score.mae_w, score.sae, score.sae_daily, score.nde, score.ece) == (0, 0, 0, 0, 0)
        assert (score.interval_coverage, score.skill, score.runs) == (1, 1, score.predicted_runs)


def test_who_says_nothing_has_no_skill() -> None:
    at_ms, values, true_w = _recording(500, 4)
    values[:] = 0
    for score in _tally(at_ms, values, true_w, []):
        assert (score.skill, score.sae, score.sae_daily, score.nde, score.match_ratio) == (0, 1, 1, 1, 0)
        assert (score.teca, score.f1) == (0.5, 0)


def test_an_appliance_that_never_ran_has_no_ratios() -> None:
    at_ms, values, true_w = _recording(50, 5)
    values[:] = 0
    (score, _, _) = _tally(at_ms, values, np.zeros_like(true_w), [])
    assert (score.skill, score.sae, score.sae_daily, score.nde, score.teca, score.match_ratio) == (None,) * 6
    assert (score.f1, score.mae_w, score.interval_coverage, score.interval_coverage_all) == (0, 0, None, 1)


def test_a_run_goes_on_over_a_part_and_ends_with_a_stretch() -> None:
    values = np.zeros((4, 1), COLUMN)
    values["on"][1:] = True
    true_w, at_ms = np.array([[0], [20], [20], [20]], np.float32), 1000 * np.arange(4)
    tally = Tally(APPLIANCES[:1])
    tally.add(at_ms, values, true_w)
    tally.add(at_ms + 4000, values[1:2].repeat(4, axis=0), true_w[1:2].repeat(4, axis=0))
    assert [(s.runs, s.predicted_runs) for s in tally.scores()] == [(1, 1)]
    tally.start()
    tally.add(at_ms + 90_000, values, true_w)
    assert [(s.runs, s.predicted_runs, s.on_s) for s in tally.scores()] == [(2, 2, 10)]


def test_rates_of_nothing() -> None:
    assert rates(0, 0, 0) == (0, 0, 0)
    assert macro_f1([]) == 0
    assert mean_coverage([]) is None
