"""Measuring: the shipped models on recordings of homes, and the constants that are fitted to such measurements."""

from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from edge.adapters.onnx_model import OnnxModel
from edge.core.disaggregator import Disaggregator
from edge.core.features import Encoder
from edge.core.hysteresis import Rule, State, sweep
from edge.core.metrics import Score, Tally, rates_of
from edge.core.physics import Decoder
from edge.core.registry import Appliance
from network.data import Recording

ON_LOGITS, COARSE = tuple(n / 4 for n in range(-14, 21)), 3
OFF_STEPS = (2.0, 0.25, 0.5, 1.0, 1.5, 3.0, 4.0, 5.0, 6.5)
"""The off level lies one of these below the on level, both as logits: a low one bridges a moment's doubt."""
POWER_SHARES = tuple(n / 100 for n in range(84, 107))
"""Shares of the recipe's unit of the power head: where runs are often mistaken, less is nearer the truth."""
CERTAIN_P = (0.5, 0.67, 0.8, 1.0)
"""From which probability on a run is said to draw all that it would."""
LEAST_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What of its unit an appliance draws at least while on: in quarters, for the next home's differs."""
STANDBY_SHARE = 0.1
PART_S = 1 << 15
NEWTON_STEPS, CONVERGED = 25, 1e-7


def score(model: OnnxModel, home: Recording) -> list[Score]:
    """Score all appliances of the model, post-processing and physics included."""
    at_ms = np.arange(len(home.mains_w), dtype=np.int64) * 1000
    tally, at = Tally(model.spec.appliances), 0
    for table in Disaggregator([model]).score(at_ms, home.mains_w.astype(np.float64)):
        tally.add(table.at_ms, table.values, home.appliances_w[at : at + len(table.at_ms)])
        at += len(table.at_ms)
    return tally.scores()


def fit(
    model: OnnxModel,
    known: Sequence[Recording],
    unknown: Sequence[Recording] = (),
    levels_of: Sequence[Appliance] | None = None,
    sized: Collection[str] = (),
) -> tuple[Appliance, ...]:
    """The appliances with their constants fitted to homes that the network knows and to homes that it does not.

    p_on is calibrated in known homes (Platt), and the unit of power is theirs. The on and off levels are those of the
    best mean F1 of known and unknown homes, or those of other appliances, as a twin's are: what differs is then its
    rounding, not which levels were found. The names in `sized` get their least power with the levels. Stand-by serves
    both kinds of homes. Intervals are fitted after this (intervals.py).
    """
    count = len(model.spec.appliances)
    kinds = [homes for homes in (known, unknown) if homes]
    outputs = [np.concatenate([outputs_of(model, home.mains_w) for home in homes]) for homes in kinds]
    watts = [np.concatenate([h.appliances_w for h in homes]) for homes in kinds]
    heads = ([y[:, n::count] for y in outputs] for n in range(count))
    true_w = ([w[:, n] for w in watts] for n in range(count))
    resting = (
        replace(appliance, standby_w=_standby_w(appliance, [[h.appliances_w[:, n] for h in homes] for homes in kinds]))
        for n, appliance in enumerate(model.spec.appliances)
    )
    shares = (LEAST_SHARES if appliance.name in sized else (0.0,) for appliance in model.spec.appliances)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
        return tuple(workers.map(_fit, resting, heads, true_w, levels_of or [None] * count, shares))


def outputs_of(model: OnnxModel, mains_w: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the window graph says of a home, in parts that each begin with the history that the model wants."""
    x, history_s = Encoder(model.spec.preprocessing).encode_series(mains_w), model.spec.history_s
    parts = []
    for at in range(0, len(x), PART_S):
        begin = max(at - history_s, 0)
        parts.append(model.window(x[begin : at + PART_S])[at - begin :])
    return np.concatenate(parts)


def _fit(
    appliance: Appliance,
    heads: list[NDArray[np.float32]],
    true_w: list[NDArray[np.float32]],
    levels_of: Appliance | None,
    least_shares: Sequence[float],
) -> Appliance:
    """Heads (t, HEADS) and truth (t,) of known homes, then of unknown ones where there are any."""
    true = [w >= appliance.on_threshold_w for w in true_w]
    gain, offset = _platt(heads[0][:, 0].astype(np.float64), true[0])
    calibrated = replace(appliance, p_gain=gain, p_offset=offset)
    if levels_of is None:
        tried = [replace(calibrated, least_w=share * appliance.power_scale_w) for share in least_shares]
        _, best = max((_switched(one, heads, true) for one in tried), key=lambda found: found[0])
    else:
        least_w = levels_of.least_w / levels_of.power_scale_w * appliance.power_scale_w
        best = replace(calibrated, on_level=levels_of.on_level, off_level=levels_of.off_level, least_w=least_w)
    p_on = p_on_of(best, heads[0])
    on = on_of(best, p_on)
    return _scaled(best, heads[0][on], p_on[on], true_w[0][on]) if on.any() else best


def _standby_w(appliance: Appliance, kinds: Sequence[Sequence[NDArray[np.float32]]]) -> float:
    """The median while off where that is much of what it draws in known homes in all, else 0: few watts say little.

    Half way between that of known homes and that of the unknown ones that have any: no home's is missed by far.
    """
    off_w = [[w[w < appliance.on_threshold_w] for w in homes] for homes in kinds]
    medians_w = [np.array([np.median(w) for w in homes if len(w)]) for homes in off_w]
    some_w = [float(np.median(of_homes[of_homes > 0])) for of_homes in medians_w if (of_homes > 0).any()]
    if not some_w or np.median(medians_w[0]) <= STANDBY_SHARE * np.nanmean(np.concatenate(kinds[0])):
        return 0.0
    return round(float(np.mean(some_w)), 1)


def _switched(
    appliance: Appliance, heads: list[NDArray[np.float32]], true: list[NDArray[np.bool_]]
) -> tuple[float, Appliance]:
    """The best mean F1, and the appliance with the on and off levels that have it, searched as pairs."""
    p_on = [p_on_of(appliance, y) for y in heads]

    def mean_f1(choice: Appliance) -> float:
        f1 = [rates_of(on_of(choice, p), truth)[0] for p, truth in zip(p_on, true, strict=True) if truth.any()]
        return float(np.mean(f1)) if f1 else 0.0

    def at(on: float, step: float) -> Appliance:
        return replace(appliance, on_level=_probability(on), off_level=_probability(on - step))

    pairs = [(on, step) for on in ON_LOGITS[::COARSE] for step in OFF_STEPS]
    best_on, step = max(pairs, key=lambda pair: mean_f1(at(*pair)))
    near = [on for on in ON_LOGITS if abs(on - best_on) < COARSE * (ON_LOGITS[1] - ON_LOGITS[0])]
    return max(((mean_f1(one), one) for one in (at(on, step) for on in near)), key=lambda found: found[0])


def _probability(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _scaled(
    appliance: Appliance, heads: NDArray[np.float32], p_on: NDArray[np.float32], true_w: NDArray[np.float32]
) -> Appliance:
    """The appliance with the unit of its power head, and how sure it must be to draw all of that, of the least error in
    seconds in which it is said to be on."""
    every, errors_w = np.ones(p_on.shape, np.bool_), {}
    for certain_p in CERTAIN_P:
        power_w = Decoder([replace(appliance, certain_p=certain_p)]).values(heads, p_on, every)["power_w"][:, 0]
        for share in POWER_SHARES:
            errors_w[certain_p, share] = float(np.nansum(np.abs(share * power_w - true_w)))
    certain_p, share = min(errors_w, key=errors_w.__getitem__)
    unit_w, least_w = share * appliance.power_scale_w, share * appliance.least_w
    return replace(appliance, power_scale_w=unit_w, certain_p=certain_p, least_w=least_w)


def p_on_of(appliance: Appliance, heads: NDArray[np.float32]) -> NDArray[np.float32]:
    """The calibrated probability of on (t, 1) of heads (t, HEADS)."""
    return Decoder([appliance]).p_on(heads)


def on_of(appliance: Appliance, p_on: NDArray[np.float32]) -> NDArray[np.bool_]:
    """When it is said to be on (t,), of p_on (t, 1)."""
    at_ms = np.arange(len(p_on), dtype=np.int64) * 1000
    on, _ = sweep(Rule.of([appliance]), State.fresh(1, 1), p_on, at_ms)
    return on[:, 0]


def _platt(logit: NDArray[np.float64], true: NDArray[np.bool_]) -> tuple[float, float]:
    """Gain and offset of the sigmoid that makes `logit` a probability (Platt 1999), by Newton's method."""
    features = np.stack([logit, np.ones_like(logit)], axis=1)
    solution = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(features @ solution, -60, 60)))
        gradient = features.T @ (p - true)
        curvature = (features * (p * (1 - p))[:, None]).T @ features + 1e-3 * np.eye(2)
        step = np.clip(np.linalg.solve(curvature, gradient), -1, 1)
        solution = solution - step
        if np.abs(step).max() < CONVERGED:
            break
    return float(np.clip(solution[0], 0.05, 10)), float(solution[1])
