import numpy as np
import pytest

from edge.core.registry import Network
from edge.core.rings import Mains, Taps

NETWORK = Network(channels=2, kernel=3, dilations_s=(1, 3, 4))


def _stream(seconds: int) -> np.ndarray:
    return np.random.default_rng(3).integers(1, 256, (seconds, 3, 2), dtype=np.uint8)


def _expected(stream: np.ndarray, second: int) -> np.ndarray:
    taps = np.zeros((3, 2, 2), np.uint8)
    for layer, dilation in enumerate(NETWORK.dilations_s):
        for n, back in enumerate((2 * dilation, dilation)):
            if second >= back:
                taps[layer, n] = stream[second - back, layer]
    return taps.reshape(-1)


def test_taps_are_each_layers_inputs_one_and_two_dilations_ago() -> None:
    taps, stream = Taps(NETWORK), _stream(40)
    taps.grow(3)
    row = np.array([1])
    for second in range(40):
        assert (taps.gather(row)[0] == _expected(stream, second)).all()
        taps.push(row, stream[second].reshape(1, -1))


def test_buildings_go_at_their_own_pace() -> None:
    taps, stream = Taps(NETWORK), _stream(20)
    taps.grow(2)
    for second in range(7):
        taps.push(np.array([0]), stream[second].reshape(1, -1))
    for second in range(7):
        both = np.array([1, 0])
        got = taps.gather(both)
        assert (got[0] == _expected(stream, second)).all()
        assert (got[1] == _expected(stream, second + 7)).all()
        taps.push(both, np.stack([stream[second].ravel(), stream[second + 7].ravel()]))


def test_a_loaded_past_is_the_same_as_a_lived_one() -> None:
    stream = _stream(30)
    for length in (1, 5, 13, 30):
        lived, loaded = Taps(NETWORK), Taps(NETWORK)
        row = np.array([1])
        for taps in (lived, loaded):
            taps.grow(2)
        for second in range(length):
            lived.push(row, stream[second].reshape(1, -1))
        loaded.load(1, [stream[:length, layer].T for layer in range(3)])
        for second in range(9):
            assert (lived.gather(row) == loaded.gather(row)).all()
            for taps in (lived, loaded):
                taps.push(row, stream[second].reshape(1, -1))


def test_cleared_taps_are_zero_and_others_stay() -> None:
    taps, stream = Taps(NETWORK), _stream(10)
    taps.grow(2)
    for second in range(10):
        taps.push(np.array([0, 1]), np.repeat(stream[second].reshape(1, -1), 2, axis=0))
    before = taps.gather(np.array([1]))
    taps.clear(0)
    taps.grow(5)
    assert not taps.gather(np.array([0])).any()
    assert (taps.gather(np.array([1])) == before).all()


def test_mains_before_the_first_second_equal_it() -> None:
    mains = Mains(5)
    mains.grow(2)
    row, lags_s = np.array([1]), np.array([0, 1, 4])
    for power_w, lagged, least in ((9, [9, 9, 9], 9), (4, [4, 9, 9], 4), (7, [7, 4, 9], 4)):
        mains.push(row, np.array([power_w], np.float32))
        assert mains.lagged(row, lags_s).tolist() == [lagged]
        assert mains.least(row).tolist() == [least]
    assert mains.seconds(np.array([0, 1])).tolist() == [0, 3]


def test_loaded_mains_go_on_like_lived_ones() -> None:
    power_w = np.arange(20, dtype=np.float32)[::-1].copy()
    for length in (1, 3, 5, 20):
        lived, loaded, row = Mains(5), Mains(5), np.array([0])
        lived.grow(1)
        loaded.grow(1)
        for value in power_w[:length]:
            lived.push(row, np.array([value]))
        loaded.load(0, power_w[:length])
        for value in (3.0, 8.0, 1.0):
            assert (lived.lagged(row, np.arange(5)) == loaded.lagged(row, np.arange(5))).all()
            assert lived.least(row) == loaded.least(row)
            for mains in (lived, loaded):
                mains.push(row, np.array([value], np.float32))


@pytest.mark.parametrize("memory_s", [1, 7, 12, 30])
def test_the_least_is_that_of_the_memory(memory_s: int) -> None:
    mains, number = Mains(memory_s), np.random.default_rng(memory_s)
    mains.grow(3)
    rows = np.array([2, 0])
    past = np.repeat(power_w := number.normal(size=(2, 1)).astype(np.float32), memory_s, axis=1)
    mains.push(rows, power_w[:, 0])
    for second in range(3 * memory_s + 5):
        assert (mains.least(rows) == past[:, -memory_s:].min(axis=1)).all()
        if second == memory_s:
            mains.clear(0)
            past[1] = 9.0
            mains.push(np.array([0]), np.array([9.0], np.float32))
            continue
        power_w = number.normal(size=(2, 1)).astype(np.float32)
        mains.push(rows, power_w[:, 0])
        past = np.concatenate([past, power_w], axis=1)
    mains.load(1, past[0])
    assert mains.least(np.array([1, 2])).tolist() == [past[0, -memory_s:].min()] * 2
