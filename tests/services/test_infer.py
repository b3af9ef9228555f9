"""nilm-infer with the shipped models on a real Redis."""

from pathlib import Path

import numpy as np
import pytest

from edge.adapters.onnx_model import load_models
from edge.adapters.streams import Streams
from edge.core.disaggregator import Disaggregator
from edge.core.prediction import PredictionTable
from edge.core.sample import Sample
from edge.errors import Unavailable
from edge.infer import Predictor
from edge.models import SHIPPED_DIR

START_S = 1_700_000_000


def _predictor(streams: Streams) -> Predictor:
    models, disabled = load_models(SHIPPED_DIR)
    assert models
    assert not disabled
    return Predictor(streams, Disaggregator(models))


def _samples(first: int, last: int, building: str = "home") -> list[Sample]:
    rng = np.random.default_rng(7)
    steps_w = 300 + 2000 * (np.sin(np.arange(8000) / 90) > 0.5) + rng.normal(0, 10, 8000)
    return [Sample(building, (START_S + n) * 1000, float(steps_w[n])) for n in range(first, last)]


def _all(streams: Streams, building: str = "home") -> PredictionTable:
    (table,) = streams.predictions(building)
    return table


def test_every_sample_has_one_prediction_of_each_appliance_at_its_second(streams: Streams) -> None:
    streams.add_samples(_samples(0, 100))
    predictor = _predictor(streams)
    predictor.turn()
    streams.add_samples([*_samples(100, 103), *_samples(110, 115)])  # a gap stays a gap
    predictor.turn()
    table = _all(streams)
    assert table.at_ms.tolist() == [sample.at_ms for sample in streams.window("home")]
    assert len(table.columns) >= 10
    assert table.values["warmup"].all()


def test_physics_holds_at_every_second(streams: Streams) -> None:
    samples = _samples(0, 300)
    samples += [Sample("home", s.at_ms, -s.power_w) for s in _samples(300, 400)]
    streams.add_samples(samples)
    _predictor(streams).turn()
    table = _all(streams)
    powers_w = table.values["power_w"].astype(np.float64)
    mains_w = np.array([sample.power_w for sample in samples])
    assert (powers_w >= 0).all()
    assert (powers_w.sum(axis=1) <= np.maximum(mains_w, 0) + 1e-9).all()
    assert np.allclose(powers_w.sum(axis=1) + table.other_w, mains_w, atol=1e-6)
    assert (table.values["low_w"] <= table.values["power_w"]).all()
    assert (table.values["power_w"] <= table.values["high_w"]).all()


def test_a_restart_at_any_second_changes_nothing(streams: Streams) -> None:
    streams.add_samples(_samples(0, 700))
    predictor = _predictor(streams)
    predictor.turn()
    for restart_at in (700, 733, 801, 950):
        streams.add_samples(_samples(restart_at, restart_at + 30))
        predictor = _predictor(streams)  # as after kill -9: all it knows is in Redis
        predictor.turn()
        streams.add_samples(_samples(restart_at + 30, restart_at + 33))
        predictor.turn()
    restarted = _all(streams)

    streams._redis.flushall()
    streams.add_samples([s for s in _samples(0, 1000) if (s.at_ms // 1000 - START_S) in _present()])
    straight = Streams(streams._redis, 26)
    _predictor(straight).turn()
    same = _all(straight)
    assert np.array_equal(restarted.at_ms, same.at_ms)
    assert np.array_equal(restarted.values, same.values)


def test_models_that_take_over_go_on_where_the_old_ones_stood(streams: Streams) -> None:
    streams.add_samples([*_samples(0, 700), *_samples(700, 900, "later")])
    predictor = _predictor(streams)
    predictor.turn()
    for first in (700, 733, 801):
        predictor.use(Disaggregator(load_models(SHIPPED_DIR)[0]))
        streams.add_samples(_samples(first, first + 30))
        predictor.turn()
    reloaded, other = _all(streams), _all(streams, "later")

    streams._redis.flushall()
    present = {*range(730), *range(733, 763), *range(801, 831)}
    streams.add_samples([s for s in _samples(0, 900) if s.at_ms // 1000 - START_S in present])
    straight = Streams(streams._redis, 26)
    _predictor(straight).turn()
    assert np.array_equal(reloaded.at_ms, _all(straight).at_ms)
    assert np.array_equal(reloaded.values, _all(straight).values)
    assert len(other.at_ms) == 200


def _present() -> set[int]:
    starts = (700, 733, 801, 950)
    return set(range(700)).union(*(range(start, start + 33) for start in starts))


def test_a_second_that_redis_refused_is_stored_when_it_takes_data_again(streams: Streams) -> None:
    streams.add_samples(_samples(0, 50))
    predictor = _predictor(streams)
    predictor.turn()
    streams.add_samples(_samples(50, 55))
    streams._redis.config_set("maxmemory", "1")
    try:
        for _ in range(3):
            with pytest.raises(Unavailable, match="takes no data"):
                predictor.turn()
    finally:
        streams._redis.config_set("maxmemory", "0")
    predictor.turn()
    assert _all(streams).at_ms.tolist() == [sample.at_ms for sample in streams.window("home")]


def test_what_redis_lost_with_the_end_of_its_log_is_predicted_again(streams: Streams) -> None:
    streams.add_samples(_samples(0, 700))
    predictor = _predictor(streams)
    predictor.turn()
    whole = _all(streams)
    kept = streams._redis.xrange("nilm:home:predictions")[:-3]
    streams._redis.delete("nilm:home:predictions")
    for entry_id, fields in kept:
        streams._redis.xadd("nilm:home:predictions", fields, entry_id)
    predictor.start_over()
    predictor.turn()
    again = _all(streams)
    assert np.array_equal(again.at_ms, whole.at_ms)
    assert np.array_equal(again.values, whole.values)


def test_several_buildings_do_not_disturb_each_other(streams: Streams) -> None:
    alone = _samples(0, 200, "alone")
    streams.add_samples(alone)
    predictor = _predictor(streams)
    predictor.turn()
    streams.add_samples(_samples(0, 200, "home"))
    predictor.turn()
    streams.add_samples([*_samples(200, 260, "alone"), *_samples(200, 230, "home")])
    predictor.turn()
    home, other = _all(streams, "home"), _all(streams, "alone")
    assert len(other.at_ms) == 260
    assert np.array_equal(home.values, other.values[:230])


def test_without_any_model_everything_is_other(streams: Streams, tmp_path: Path) -> None:
    (tmp_path / "registry.json").write_text('{"models": []}')
    models, _ = load_models(tmp_path)
    streams.add_samples(_samples(0, 5))
    Predictor(streams, Disaggregator(models)).turn()
    table = _all(streams)
    assert table.columns == ()
    assert table.other_w.tolist() == [sample.power_w for sample in _samples(0, 5)]
