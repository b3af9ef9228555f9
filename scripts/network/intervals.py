"""Intervals: those that hold the truth of nine seconds in ten, in one month as nearly as in the next."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from edge.adapters.onnx_model import OnnxModel
from edge.core.metrics import SLACK_W
from edge.core.physics import Decoder, constrain
from edge.core.registry import Appliance
from network.data import DAY_S, Recording
from network.measure import on_of, outputs_of, p_on_of

COVERAGE = 0.9
TAILS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Interval tails tried: below such a probability of on an interval is 0 W, above 1 less it, 0 W is not in it."""
SPARE_WIDTH = 1.25
"""Among intervals up to so much wider than the narrowest, the steadiest are taken."""
MONTH_DAYS = 31
WIDEST, HALVINGS = 100.0, 16


@dataclass(frozen=True)
class Seconds:
    """The seconds (t,) in which one appliance is on or said to be: heads (t, HEADS), p_on (t, 1), W, and the day each
    is of, counted through all recordings."""

    heads: NDArray[np.float32]
    p_on: NDArray[np.float32]
    on: NDArray[np.bool_]
    mains_w: NDArray[np.float64]
    true_w: NDArray[np.float32]
    day: NDArray[np.intp]


@dataclass(frozen=True)
class _Tried:
    """An appliance with intervals that cover enough, their mean width, and how far a month is from COVERAGE (rms)."""

    appliance: Appliance
    width_w: float
    month_off: float


def with_intervals(
    model: OnnxModel, appliances: Sequence[Appliance], homes: Sequence[Recording]
) -> tuple[Appliance, ...]:
    """The appliances, fitted in all else, with intervals for homes that the network knows (split conformal)."""
    parts: list[list[Seconds]] = [[] for _ in appliances]
    passed_s = 0
    for home in homes:
        found = _seconds(appliances, outputs_of(model, home.mains_w), home, passed_s)
        for of_appliance, part in zip(parts, found, strict=True):
            of_appliance.append(part)
        passed_s += len(home.mains_w)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
        return tuple(workers.map(widened, appliances, map(_joined, parts)))


def _seconds(
    appliances: Sequence[Appliance], y: NDArray[np.float32], home: Recording, passed_s: int
) -> Iterator[Seconds]:
    day = (passed_s + np.arange(len(y))) // DAY_S
    for n, appliance in enumerate(appliances):
        heads, true_w = y[:, n :: len(appliances)], home.appliances_w[:, n]
        p_on = p_on_of(appliance, heads)
        on = on_of(appliance, p_on)
        either = on | (true_w >= appliance.on_threshold_w)
        mains_w = home.mains_w[either].astype(np.float64)
        yield Seconds(heads[either], p_on[either], on[either], mains_w, true_w[either], day[either])


def _joined(parts: Sequence[Seconds]) -> Seconds:
    return Seconds(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Seconds)))


def widened(appliance: Appliance, seconds: Seconds) -> Appliance:
    """The appliance with intervals that hold the truth of COVERAGE of these seconds: each tail's gain by bisection,
    then the tail whose months differ least, to a tenth of a point, among those that are hardly wider than need be."""
    found = [tried for tail in TAILS if (tried := _narrowest(appliance, tail, seconds))] if len(seconds.on) else []
    if not found:
        return replace(appliance, interval_gain=1.0)
    least_w = min(tried.width_w for tried in found)
    fair = [tried for tried in found if tried.width_w <= SPARE_WIDTH * least_w]
    return min(fair, key=lambda tried: (round(tried.month_off, 3), tried.width_w)).appliance


def _narrowest(appliance: Appliance, tail: float, seconds: Seconds) -> _Tried | None:
    """With this tail; None where no gain covers enough."""

    def at(gain: float) -> Appliance:
        return replace(appliance, interval_tail=tail, interval_gain=gain)

    low, high = 0.0, WIDEST
    inside, width_w = _inside(at(high), seconds)
    if inside.mean() < COVERAGE:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        tried = _inside(at(middle), seconds)
        if tried[0].mean() >= COVERAGE:
            high, (inside, width_w) = middle, tried
        else:
            low = middle
    return _Tried(at(high), width_w, _month_off(inside, seconds.day))


def _inside(appliance: Appliance, seconds: Seconds) -> tuple[NDArray[np.bool_], float]:
    """Whether the interval holds each second's truth, and its mean width, W."""
    values = Decoder([appliance]).values(seconds.heads, seconds.p_on, seconds.on[:, None])
    constrain(values, seconds.mains_w)
    low_w, high_w = values["low_w"][:, 0], values["high_w"][:, 0]
    inside = (seconds.true_w >= low_w - SLACK_W) & (seconds.true_w <= high_w + SLACK_W)
    return inside, float(np.mean(high_w - low_w))


def _month_off(inside: NDArray[np.bool_], day: NDArray[np.intp]) -> float:
    """How far the share inside is from COVERAGE in every MONTH_DAYS in a row, rms; 0 where there are no more days."""
    seconds, held = np.bincount(day), np.bincount(day, inside)
    if len(seconds) <= MONTH_DAYS:
        return 0.0
    of_month = np.ones(MONTH_DAYS)
    month_s = np.convolve(seconds, of_month, "valid")
    share = np.convolve(held, of_month, "valid")[month_s > 0] / month_s[month_s > 0]
    return float(np.sqrt(np.mean((share - COVERAGE) ** 2)))
