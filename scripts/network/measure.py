"""Measuring: the shipped models on recordings of homes, and the constants that are fitted to such measurements."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.adapters.onnx_model import OnnxModel
from edge.core.disaggregator import Disaggregator
from edge.core.features import Encoder
from edge.core.hysteresis import Rule, State, sweep
from edge.core.metrics import SLACK_W, Score, Tally, rates_of
from edge.core.physics import Decoder
from edge.core.registry import Appliance
from network.data import Recording

LEVELS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
OFF_SHARE = 0.75
"""The off level is that share of the on level."""
COVERAGE = 0.9
TAILS = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""The first of these interval tails with which some width covers enough is taken."""
WIDEST, HALVINGS = 100.0, 14
NEWTON_STEPS = 25


def score(model: OnnxModel, home: Recording) -> list[Score]:
    """Score all appliances of the model, post-processing and physics included."""
    at_ms = np.arange(len(home.mains_w), dtype=np.int64) * 1000
    tally, at = Tally(model.spec.appliances), 0
    for table in Disaggregator([model]).score(at_ms, home.mains_w.astype(np.float64)):
        tally.add(table.at_ms, table.values, home.appliances_w[at : at + len(table.at_ms)])
        at += len(table.at_ms)
    return tally.scores()


def fit(model: OnnxModel, homes: Sequence[Recording]) -> tuple[Appliance, ...]:
    """The appliances with p_on calibrated (Platt), on levels of best F1, and intervals that cover (split conformal)."""
    encoder = Encoder(model.spec.preprocessing)
    outputs = [model.window(encoder.encode_series(home.mains_w)) for home in homes]
    fitted = []
    for n, appliance in enumerate(model.spec.appliances):
        truth_w = [home.appliances_w[:, n] for home in homes]
        heads = [y[:, n :: len(model.spec.appliances)] for y in outputs]
        fitted.append(_fit(appliance, heads, truth_w))
    return tuple(fitted)


def _fit(appliance: Appliance, heads: list[NDArray[np.float32]], truth_w: list[NDArray[np.float32]]) -> Appliance:
    logit = np.concatenate([y[:, 0] for y in heads]).astype(np.float64)
    all_w = np.concatenate(truth_w)
    true = all_w >= appliance.on_threshold_w
    gain, offset = _platt(logit, true)
    calibrated = replace(appliance, p_gain=gain, p_offset=offset)
    choices = []
    for level in LEVELS:
        choice = replace(calibrated, on_level=level, off_level=round(level * OFF_SHARE, 3))
        on = np.concatenate([_on(choice, y) for y in heads])
        choices.append((rates_of(on, true)[0], choice, on))
    _, best, on = max(choices, key=lambda c: c[0])
    either = on | true
    return _widened(best, np.concatenate(heads)[either], on[either], all_w[either])


def _widened(
    appliance: Appliance, heads: NDArray[np.float32], on: NDArray[np.bool_], true_w: NDArray[np.float32]
) -> Appliance:
    """The appliance with intervals that hold the truth of COVERAGE of these seconds, by bisection over their width."""
    for tail in TAILS:
        low, high = 0.0, WIDEST
        appliance = replace(appliance, interval_tail=tail, interval_gain=high)
        if _covered(appliance, heads, on, true_w) >= COVERAGE:
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                enough = _covered(replace(appliance, interval_gain=middle), heads, on, true_w) >= COVERAGE
                low, high = (low, middle) if enough else (middle, high)
            return replace(appliance, interval_gain=high)
    return replace(appliance, interval_gain=1.0)


def _covered(
    appliance: Appliance, heads: NDArray[np.float32], on: NDArray[np.bool_], true_w: NDArray[np.float32]
) -> float:
    decoder = Decoder([appliance])
    values = decoder.values(heads, decoder.p_on(heads), on[:, None])[:, 0]
    inside = (true_w >= values["low_w"] - SLACK_W) & (true_w <= values["high_w"] + SLACK_W)
    return float(inside.mean()) if len(inside) else 1.0


def _on(appliance: Appliance, heads: NDArray[np.float32]) -> NDArray[np.bool_]:
    y = np.zeros((len(heads), 4), np.float32)
    y[:] = heads
    p_on = Decoder([appliance]).p_on(y)
    at_ms = np.arange(len(heads), dtype=np.int64) * 1000
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
        solution = solution - np.clip(np.linalg.solve(curvature, gradient), -1, 1)
    return float(np.clip(solution[0], 0.05, 10)), float(solution[1])
