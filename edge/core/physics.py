"""Physics: what the network says, made into watts that can be true."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.core.prediction import COLUMN
from edge.core.registry import Appliance

HEADS = 4
"""Outputs per appliance: logit of on, power, and how far the truth may lie below and above it."""
_LOGIT_LIMIT = 60.0
_LEAST_WIDTH_W = 1.0
_ROUNDING = 1e-12


class Decoder:
    """Turns a network's outputs into calibrated numbers; its constants come from the registry."""

    def __init__(self, appliances: Sequence[Appliance]) -> None:
        self._p_gain = np.array([a.p_gain for a in appliances])
        self._p_offset = np.array([a.p_offset for a in appliances])
        self._scale_w = np.array([a.power_scale_w for a in appliances])
        self._gain = np.array([a.interval_gain for a in appliances])
        self._tail = np.array([a.interval_tail for a in appliances])
        self._certain_p = np.array([a.certain_p for a in appliances])
        self._standby_w = np.array([a.standby_w for a in appliances])
        self._least_w = np.array([a.least_w for a in appliances])
        self._sized = bool(self._least_w.any())

    def p_on(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """The calibrated probability of on, (n, appliance), of outputs (n, HEADS * appliance); 0 below `least_w`."""
        logit = self._p_gain * y[:, : len(self._scale_w)] + self._p_offset
        p_on: NDArray[np.float32] = (1 / (1 + np.exp(-np.clip(logit, -_LOGIT_LIMIT, _LOGIT_LIMIT)))).astype(np.float32)
        if self._sized:
            p_on[self._power_w(y) < self._least_w] = 0
        return p_on

    def values(self, y: NDArray[np.float32], p_on: NDArray[np.float32], on: NDArray[np.bool_]) -> NDArray[np.void]:
        """COLUMN (n, appliance) before the sum is looked at: stand-by power while off, `warmup` left False.

        While on with a probability under `certain_p`, power is as much less.
        The interval is that of a mixture: 0 W with probability 1 - p_on, else the power head's own.
        """
        heads = y.astype(np.float64).reshape(len(y), HEADS, -1)
        power_w = self._power_w(y)
        low_w = power_w - np.maximum(heads[:, 2], 0) * self._scale_w * self._gain
        high_w = power_w + np.maximum(heads[:, 3], 0) * self._scale_w * self._gain
        values = np.zeros(p_on.shape, COLUMN)
        values["on"], values["p_on"] = on, p_on
        values["power_w"] = np.where(on, power_w * np.minimum(p_on / self._certain_p, 1.0), self._standby_w)
        values["low_w"] = np.where(on & (p_on > 1 - self._tail), np.maximum(low_w, 0), 0)
        values["high_w"] = np.where(on | (p_on > self._tail), high_w, 0)
        return values

    def _power_w(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the power head says, (n, appliance), whether on or off."""
        count = len(self._scale_w)
        power_w: NDArray[np.float64] = np.maximum(y[:, count : 2 * count], 0) * self._scale_w
        return power_w


def constrain(values: NDArray[np.void], mains_w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring COLUMN (n, appliance) into line with mains (n,), in place; returns the rest, other_w (n,).

    After it 0 <= low <= power <= high, no power is above mains, and the sum does not exceed max(mains, 0): the excess
    is taken off by the weighted projection onto {p >= 0, sum p = mains}, weights the interval widths, so that what is
    known least gives most. Nothing is ever raised.
    """
    limit_w = np.maximum(mains_w, 0.0)
    power_w = np.clip(values["power_w"].astype(np.float64), 0, limit_w[:, None])
    over = power_w.sum(axis=1) > limit_w
    if over.any():
        width_w = values["high_w"][over].astype(np.float64) - values["low_w"][over] + _LEAST_WIDTH_W
        power_w[over] = _project(power_w[over], width_w, limit_w[over])
    values["power_w"] = _float32_below(power_w)
    values["low_w"] = np.clip(values["low_w"], 0, values["power_w"])
    values["high_w"] = np.maximum(np.minimum(values["high_w"], _float32_below(limit_w)[:, None]), values["power_w"])
    other_w: NDArray[np.float64] = mains_w - values["power_w"].astype(np.float64).sum(axis=1)
    return other_w


def _project(
    power_w: NDArray[np.float64], width_w: NDArray[np.float64], limit_w: NDArray[np.float64]
) -> NDArray[np.float64]:
    """max(0, power - k * width) with the k for which a row sums to its limit (Held, Wolfe, Crowder 1974, weighted)."""
    ratio = power_w / width_w
    order = np.argsort(-ratio, axis=1, kind="stable")
    power_sum_w = np.cumsum(np.take_along_axis(power_w, order, 1), axis=1)
    width_sum_w = np.cumsum(np.take_along_axis(width_w, order, 1), axis=1)
    k = (power_sum_w - limit_w[:, None]) / width_sum_w
    kept = np.take_along_axis(ratio, order, 1) > k
    last = kept.shape[1] - 1 - np.argmax(kept[:, ::-1], axis=1)
    taken = np.maximum(power_w - np.take_along_axis(k, last[:, None], 1) * width_w, 0)
    excess = np.maximum(taken.sum(axis=1) / limit_w, 1) * (1 + _ROUNDING)
    fitted: NDArray[np.float64] = taken / excess[:, None]
    return fitted


def _float32_below(power_w: NDArray[np.float64]) -> NDArray[np.float32]:
    """The nearest float32 that is not above, so that a sum which fitted still fits."""
    rounded = power_w.astype(np.float32)
    return np.where(rounded > power_w, np.nextafter(rounded, np.float32(0)), rounded)
