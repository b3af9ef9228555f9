"""The stem's weights as whole numbers: what is rounded are the sums that a signal's full bands make."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from network.graphs import STEM_COPIES, WEIGHT_LIMIT, Layer, Plan, build, stem_levels
from network.recipe import bands, preprocessing

FEATURES = preprocessing().features
CHANNELS = 3
Weights = NDArray[np.float32]
weights = arrays(np.float32, (CHANNELS, len(FEATURES), 1), elements=st.floats(-2, 2, width=32))


@given(weights)
def test_what_full_bands_add_up_to_is_wrong_by_half_a_step_at_most(weight: Weights) -> None:
    levels, step = stem_levels(weight, bands())
    signals = [(f.kind, f.lag_s, f.sign) for f in FEATURES]
    for signal in set(signals):
        of_signal = [n for n, other in enumerate(signals) if other == signal]
        wanted = np.cumsum(weight[:, of_signal, 0].astype(float), axis=1)
        made = np.cumsum(levels[:, of_signal], axis=1) * step[:, None]
        assert (np.abs(made - wanted) <= 0.501 * step[:, None]).all()


@settings(max_examples=20, deadline=None)
@given(weights)
def test_a_graph_has_each_weight_in_four_parts_of_seven_bits(weight: Weights) -> None:
    levels, _ = stem_levels(weight, bands())
    for step in (True, False):
        model = onnx.load_from_string(build(_plan(weight), step=step, quantized=True))
        parts = next(onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.name.startswith("weight"))
        parts = parts.reshape(CHANNELS, STEM_COPIES, -1).astype(int)
        assert (parts.sum(axis=1) == levels).all()
        assert np.abs(parts).max() <= WEIGHT_LIMIT


@pytest.mark.parametrize(
    ("kind", "lag_s", "sign", "of_one"), [("level", 0, 1, 6), ("level", 0, -1, 1), ("change", 4, -1, 2)]
)
def test_bands_are_of_one_signal(kind: str, lag_s: int, sign: int, of_one: int) -> None:
    last = max(n for n, f in enumerate(FEATURES) if (f.kind, f.lag_s, f.sign) == (kind, lag_s, sign))
    assert bands()[last].sum() == of_one
    assert bands()[last, last] == 1


def _plan(stem: Weights) -> Plan:
    def layer(rows: int, columns: int, taps: int, *scales: float) -> Layer:
        return Layer(np.ones((rows, columns, taps), np.float32), np.zeros(rows, np.float32), 1, *(scales or (None,)))

    body = [layer(CHANNELS, CHANNELS, 3, 0.02, 0.02)]
    first = Layer(stem, np.zeros(CHANNELS, np.float32), 1, 0.01)
    return Plan(1 / 255, bands(), first, body, layer(CHANNELS, CHANNELS, 1, 0.02), layer(4, CHANNELS, 1))
