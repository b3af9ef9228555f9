"""Features: mains power as the 8-bit inputs of the network, the same in the step and in the window."""

import numpy as np
from numpy.typing import NDArray

from edge.core.registry import Preprocessing

FloatArray = NDArray[np.float32]


class Encoder:
    """Turns mains and their recent past into uint8 inputs; pure, its constants come from the registry."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        features = preprocessing.features
        self.memory_s = preprocessing.memory_s
        kind = np.array([f.kind for f in features])
        self._change = np.flatnonzero(kind == "change")
        self._rise = np.flatnonzero(kind == "rise")
        self.lags_s = np.array([f.lag_s for f in features], np.int64)[self._change]
        self._sign = np.array([f.sign for f in features], np.float32)
        self._offset_w = np.array([f.offset_w for f in features], np.float32)
        self._step_w = np.array([f.step_w for f in features], np.float32)

    def encode(self, power_w: FloatArray, lagged_w: FloatArray, least_w: FloatArray) -> NDArray[np.uint8]:
        """Inputs uint8 (n, feature) of mains (n,), mains `lags_s` ago (n, lag), and least mains of the memory (n,)."""
        signal_w = np.repeat(power_w[:, None], len(self._sign), axis=1)
        signal_w[:, self._change] -= lagged_w
        signal_w[:, self._rise] -= least_w[:, None]
        level = np.rint((self._sign * signal_w - self._offset_w) / self._step_w)
        inputs: NDArray[np.uint8] = np.clip(level, 0, 255).astype(np.uint8)
        return inputs

    def encode_series(self, power_w: FloatArray) -> NDArray[np.uint8]:
        """Inputs uint8 (t, feature) of consecutive seconds (t,); what came before the first is taken to equal it."""
        padded = np.concatenate([np.repeat(power_w[:1], self.memory_s - 1), power_w])
        first, length = self.memory_s - 1, len(power_w)
        inputs = np.empty((len(self._sign), length), np.uint8)
        signals_w: dict[int, FloatArray] = {}
        for n, lag_s in zip(self._change.tolist(), self.lags_s.tolist(), strict=True):
            signals_w[n] = power_w - padded[first - lag_s : first - lag_s + length]
        if len(self._rise):
            rise_w = power_w - _sliding_least(padded, self.memory_s)
            signals_w.update(dict.fromkeys(self._rise.tolist(), rise_w))
        for n in range(len(inputs)):  # a column at a time stays in the cache
            level = self._sign[n] * signals_w.get(n, power_w) - self._offset_w[n]
            level /= self._step_w[n]
            inputs[n] = np.clip(np.rint(level, out=level), 0, 255, out=level)
        return inputs.T


def _sliding_least(values: FloatArray, length: int) -> FloatArray:
    """The least of each `length` consecutive values, by doubling: log2(length) passes."""
    have = 1
    while have < length:
        more = min(have, length - have)
        values = np.minimum(values[more:], values[:-more])
        have += more
    return values
