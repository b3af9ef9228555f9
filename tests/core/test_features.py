import numpy as np

from edge.core.features import Encoder
from edge.core.registry import Feature, Preprocessing

PREPROCESSING = Preprocessing(
    max_fill_s=5,
    memory_s=10,
    features=(
        Feature("level", 0, 1, 100.0, 2.0),
        Feature("level", 0, -1, 0.0, 10.0),
        Feature("change", 3, 1, 0.0, 1.0),
        Feature("change", 3, -1, 0.0, 1.0),
        Feature("rise", 0, 1, 0.0, 1.0),
    ),
)


def test_features_are_levels_changes_and_the_rise_over_the_least() -> None:
    power_w = np.array([200, 200, 150, 150, 300, 100], np.float32)
    inputs = Encoder(PREPROCESSING).encode_series(power_w)
    assert inputs[:, 0].tolist() == [50, 50, 25, 25, 100, 0]
    assert inputs[:, 2].tolist() == [0, 0, 0, 0, 100, 0]
    assert inputs[:, 3].tolist() == [0, 0, 50, 50, 0, 50]
    assert inputs[:, 4].tolist() == [0, 0, 0, 0, 150, 0]


def test_inputs_are_clipped_to_a_byte_whatever_the_mains() -> None:
    power_w = np.array([-1e6, 1e6, -1e6], np.float32)
    inputs = Encoder(PREPROCESSING).encode_series(power_w)
    assert inputs[:, 1].tolist() == [255, 0, 255]
    assert inputs.dtype == np.uint8


def test_the_least_forgets_after_the_memory() -> None:
    power_w = np.array([0] + [50] * 12, np.float32)
    inputs = Encoder(PREPROCESSING).encode_series(power_w)
    assert inputs[:, 4].tolist() == [0] + [50] * 9 + [0] * 3
