"""The disaggregator against a small network in whole numbers, whose step and window are written independently."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.core.disaggregator import Disaggregator, Model
from edge.core.prediction import PredictionTable, Tick
from edge.core.registry import Appliance, Artifact, Feature, ModelSpec, Network, Preprocessing

START_MS = 1_800_000_000_000
DILATIONS_S = (1, 2, 5)
MEMORY_S = 6
HISTORY_S = 2 * sum(DILATIONS_S) + MEMORY_S
MAX_FILL_S = 3
FEATURES = tuple(Feature("change", lag, sign, 0.0, 8.0) for lag in (1, 4) for sign in (1, -1))
FEATURES += (Feature("level", 0, 1, 0.0, 16.0), Feature("rise", 0, 1, 0.0, 16.0))


def _spec(model_id: str, names: Sequence[str]) -> ModelSpec:
    appliances = tuple(
        Appliance(name, 10.0, 10.0 * n + 5, 0.1, -1.0, 0.5, 0.4, 4, 3, 1.0, 0.05, 0.5, 0.0, 0.0)
        for n, name in enumerate(names)
    )
    return ModelSpec(
        model_id,
        "1",
        Artifact("s", "0" * 64),
        Artifact("w", "0" * 64),
        HISTORY_S,
        Preprocessing(MAX_FILL_S, MEMORY_S, FEATURES),
        Network(len(FEATURES), 3, DILATIONS_S),
        appliances,
        {},
        {},
    )


class WholeNumbers:
    """Layers h' = h + 3 h(t-d) + 5 h(t-2d) modulo 256; output n is a mixture of the last layer's channels."""

    def __init__(self, model_id: str = "whole", names: Sequence[str] = ("Kettle", "Oven")) -> None:
        self.spec = _spec(model_id, names)
        outputs = 4 * len(names)
        self._mix = np.random.default_rng(len(names)).normal(size=(len(FEATURES), outputs)).astype(np.float32) / 8

    def step(self, x: NDArray[np.uint8], taps: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        past = taps.reshape(len(x), len(DILATIONS_S), 2, len(FEATURES))
        inputs = []
        for layer in range(len(DILATIONS_S)):
            inputs.append(x)
            x = x + 3 * past[:, layer, 1] + 5 * past[:, layer, 0]
        return self._out(x), np.concatenate(inputs, axis=1)

    def window(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.replay(x)[0]

    def replay(self, x: NDArray[np.uint8]) -> tuple[NDArray[np.float32], list[NDArray[np.uint8]]]:
        layers = []
        for dilation in DILATIONS_S:
            layers.append(x.T)
            padded = np.concatenate([np.zeros((2 * dilation, x.shape[1]), np.uint8), x])
            x = x + 3 * padded[dilation : dilation + len(x)] + 5 * padded[: len(x)]
        return self._out(x), layers

    def _out(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        y: NDArray[np.float32] = (x[:, :, None].astype(np.float32) * self._mix).sum(axis=1, dtype=np.float32)
        return y


MODELS: list[Model] = [WholeNumbers("one", ("Kettle", "Oven")), WholeNumbers("two", ("Fridge",))]


def _series(seconds: int, seed: int = 1) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    gaps = random.choice([1, 2, MAX_FILL_S + 1, MAX_FILL_S + 2, 40], seconds, p=[0.9, 0.06, 0.02, 0.01, 0.01])
    return START_MS + 1000 * np.cumsum(gaps), random.uniform(-500, 4000, seconds).round(1)


def _ticks(disaggregator: Disaggregator, at_ms: NDArray[np.int64], power_w: NDArray[np.float64]) -> list[Tick]:
    return [disaggregator.predict("home", int(a), float(p)) for a, p in zip(at_ms, power_w, strict=True)]


def _table(ticks: list[Tick]) -> PredictionTable:
    return PredictionTable(
        ticks[0].columns,
        np.array([t.at_ms for t in ticks]),
        np.stack([t.values for t in ticks]),
        np.array([t.other_w for t in ticks]),
    )


def _same(first: PredictionTable, second: PredictionTable) -> bool:
    return bool((first.values == second.values).all() and (first.other_w == second.other_w).all())


def test_there_is_one_column_an_appliance_and_one_tick_a_sample() -> None:
    disaggregator = Disaggregator(MODELS)
    assert [(c.appliance, c.model) for c in disaggregator.columns] == [
        ("Kettle", "one-1"),
        ("Oven", "one-1"),
        ("Fridge", "two-1"),
    ]
    assert disaggregator.history_s == HISTORY_S
    tick = disaggregator.predict("home", START_MS, 500.0)
    assert (tick.building, tick.at_ms, tick.values.shape) == ("home", START_MS, (3,))
    assert tick.other_w == 500.0 - tick.values["power_w"].astype(float).sum()


def test_warmup_lasts_until_the_history_is_full_and_comes_again_after_a_long_gap() -> None:
    disaggregator = Disaggregator(MODELS[:1])
    at_ms = START_MS + 1000 * np.arange(HISTORY_S + 5)
    flags = [bool(t.values["warmup"].all()) for t in _ticks(disaggregator, at_ms, np.full(len(at_ms), 9.0))]
    assert flags == [True] * (HISTORY_S - 1) + [False] * 6
    assert not disaggregator.predict("home", int(at_ms[-1]) + 1000 * (MAX_FILL_S + 1), 9.0).values["warmup"].any()
    assert disaggregator.predict("home", int(at_ms[-1]) + 1000 * 100, 9.0).values["warmup"].all()


def test_a_short_gap_is_the_same_as_the_held_value() -> None:
    gappy, held = Disaggregator(MODELS), Disaggregator(MODELS)
    for disaggregator in (gappy, held):
        disaggregator.predict("home", START_MS, 100.0)
    held.predict("home", START_MS + 1000, 100.0)
    for second in range(2, 30):
        ticks = [d.predict("home", START_MS + 1000 * second, 70.0 * second) for d in (gappy, held)]
        assert (ticks[0].values["p_on"] == ticks[1].values["p_on"]).all()


def test_after_a_long_gap_it_is_as_new() -> None:
    old, new = Disaggregator(MODELS), Disaggregator(MODELS)
    _ticks(old, *_series(50))
    later_ms = START_MS + 10_000_000 + 1000 * np.arange(40)
    power_w = np.linspace(0, 3000, 40)
    assert _same(_table(_ticks(old, later_ms, power_w)), _table(_ticks(new, later_ms, power_w)))


def test_the_window_says_what_the_steps_say(monkeypatch: pytest.MonkeyPatch) -> None:
    at_ms, power_w = _series(700)
    stepped = _table(_ticks(Disaggregator(MODELS), at_ms, power_w))
    for chunk_s in (1 << 16, 64, 1):
        monkeypatch.setattr("edge.core.disaggregator._CHUNK_S", chunk_s)
        tables = list(Disaggregator(MODELS).score(at_ms, power_w))
        scored = PredictionTable(
            stepped.columns,
            np.concatenate([t.at_ms for t in tables]),
            np.concatenate([t.values for t in tables]),
            np.concatenate([t.other_w for t in tables]),
        )
        assert (scored.at_ms == at_ms).all()
        assert _same(scored, stepped)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 250), st.integers(0, 5))
def test_a_restart_changes_nothing(cut: int, seed: int) -> None:
    at_ms, power_w = _series(300, seed)
    ticks = _ticks(Disaggregator(MODELS), at_ms, power_w)
    first = max(0, cut - 2 * HISTORY_S)
    restarted = Disaggregator(MODELS)
    samples = list(zip(at_ms[first:cut].tolist(), power_w[first:cut].tolist(), strict=True))
    restarted.warm("home", samples, _table(ticks[first:cut]))
    assert _same(_table(_ticks(restarted, at_ms[cut:], power_w[cut:])), _table(ticks[cut:]))


def test_a_restart_without_predictions_works_out_what_was_on() -> None:
    at_ms, power_w = _series(60)
    ticks = _ticks(Disaggregator(MODELS), at_ms, power_w)
    restarted = Disaggregator(MODELS)
    restarted.warm("home", list(zip(at_ms[:50].tolist(), power_w[:50].tolist(), strict=True)))
    assert _same(_table(_ticks(restarted, at_ms[50:], power_w[50:])), _table(ticks[50:]))


def test_nothing_to_warm_from_is_a_fresh_start() -> None:
    disaggregator = Disaggregator(MODELS)
    disaggregator.warm("home", [])
    assert disaggregator.predict("home", START_MS, 1.0).values["warmup"].all()


def test_buildings_do_not_touch_each_other() -> None:
    names = [f"b{n}" for n in range(9)]
    power_w = np.random.default_rng(5).uniform(0, 3000, (80, 9))
    together = Disaggregator(MODELS)
    many = [together.predict_many(names, [START_MS + 1000 * s] * 9, power_w[s].tolist()) for s in range(80)]
    for n, name in enumerate(names):
        alone = _ticks(Disaggregator(MODELS), START_MS + 1000 * np.arange(80), power_w[:, n])
        assert many[7][n].building == name
        assert _same(_table(alone), _table([row[n] for row in many]))


def test_a_forgotten_building_starts_anew_and_its_place_is_used_again() -> None:
    disaggregator = Disaggregator(MODELS)
    at_ms, power_w = _series(30)
    fresh = _table(_ticks(Disaggregator(MODELS), at_ms, power_w))
    for _ in range(3):
        assert _same(_table(_ticks(disaggregator, at_ms, power_w)), fresh)
        disaggregator.forget("home")
    disaggregator.forget("never seen")


@pytest.mark.parametrize("later_ms", [0, -1000, 500, 1500])
def test_time_goes_up_by_whole_seconds(later_ms: int) -> None:
    disaggregator = Disaggregator(MODELS)
    disaggregator.predict("home", START_MS, 1.0)
    with pytest.raises(ValueError, match="whole seconds"):
        disaggregator.predict("home", START_MS + later_ms, 1.0)


def test_no_mains_makes_nan() -> None:
    disaggregator = Disaggregator(MODELS)
    odd_w = [float("nan"), float("inf"), float("-inf"), 1e30, -1e30, -5.0, 0.0, 1e6, -1e6] * 5
    for second, power_w in enumerate(odd_w):
        tick = disaggregator.predict("home", START_MS + 1000 * second, power_w)
        assert np.isfinite(tick.other_w)
        for name in ("power_w", "p_on", "low_w", "high_w"):
            assert np.isfinite(tick.values[name]).all()
        if not power_w > 0:
            assert not tick.values["power_w"].any()


def test_without_models_everything_is_other() -> None:
    disaggregator = Disaggregator([])
    disaggregator.warm("home", [(START_MS, 4.0)])
    tick = disaggregator.predict("home", START_MS + 1000, -7.5)
    assert (tick.columns, tick.values.shape, tick.other_w) == ((), (0,), -7.5)
    assert disaggregator.history_s == 0
    tables = list(disaggregator.score(np.array([START_MS]), np.array([3.0])))
    assert tables[0].other_w.tolist() == [3.0]
