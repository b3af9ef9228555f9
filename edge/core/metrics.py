"""Metrics: how far predictions are from the truth, gathered part by part, so that months need no memory.

With y the true and p the predicted power of an appliance at each second, y_on where y >= its on-threshold, p_on the
predicted probability and "on" the predicted state:

    mae_w               mean |p - y|
    always_zero_mae_w   mean |y|: the error of whoever says 0 W always
    skill               1 - mae_w / always_zero_mae_w (Murphy 1988)
    f1                  2 hits / (seconds said on + seconds y_on), hits being seconds of both (van Rijsbergen 1979)
    sae                 |sum p - sum y| / sum y, signal aggregate error (Zhong et al. 2014)
    sae_daily           sum over days |day's p - day's y| / sum y: the same by UTC day, days weighing by their energy
    nde                 sum (p - y)^2 / sum y^2, normalised disaggregation error, no root (Zhong et al. 2014)
    teca                1 - sum |p - y| / (2 sum y), total energy correctly assigned (Kolter, Johnson 2011)
    match_ratio         sum min(p, y) / sum max(p, y) (Mayhorn et al. 2016)
    ece                 sum over ten bins of p_on: share * |mean p_on - share of y_on| (Naeini et al. 2015)
    interval_coverage   share of seconds with low - 0.5 W <= y <= high + 0.5 W, among those that are y_on or said on;
                        interval_coverage_all among all seconds

A ratio without a denominator (an appliance that never ran) is None; f1, precision and recall are then 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.registry import Appliance

BINS = 10
SLACK_W = 0.5
"""Truth is read in whole watts: an interval that misses it by less has not missed it."""
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Score:
    """One appliance on one recording; the module says what each figure is."""

    appliance: str
    f1: float
    precision: float
    recall: float
    mae_w: float
    always_zero_mae_w: float
    skill: float | None
    sae: float | None
    sae_daily: float | None
    nde: float | None
    teca: float | None
    match_ratio: float | None
    ece: float
    interval_coverage: float | None
    interval_coverage_all: float
    on_threshold_w: float
    seconds: int
    on_s: int
    predicted_on_s: int
    runs: int
    predicted_runs: int
    energy_wh: float
    predicted_energy_wh: float


class Tally:
    """Sums over the seconds of one recording, for appliances side by side; `scores` reads them at any time."""

    def __init__(self, appliances: Sequence[Appliance]) -> None:
        self._appliances = tuple(appliances)
        self._threshold_w = np.array([a.on_threshold_w for a in appliances])
        count = len(self._appliances)
        self._sums = {name: np.zeros(count) for name in _SUMS}
        self._bin_sums = np.zeros((2, count, BINS))
        self._days: dict[int, NDArray[np.float64]] = {}
        self._was_on = np.zeros((2, count), np.bool_)

    def start(self) -> None:
        """A new stretch begins: what is on at its first second counts as a run."""
        self._was_on[:] = False

    def add(self, at_ms: NDArray[np.int64], values: NDArray[np.void], true_w: NDArray[np.float32]) -> None:
        """Take consecutive seconds: COLUMN (t, appliance) and true watts (t, appliance), not finite where unknown."""
        known = np.isfinite(true_w)
        y = np.where(known, true_w, 0).astype(np.float64)
        p = np.where(known, values["power_w"], 0).astype(np.float64)
        error_w = np.abs(p - y)
        on, true = values["on"] & known, (y >= self._threshold_w) & known
        either = on | true
        inside = (y >= values["low_w"] - SLACK_W) & (y <= values["high_w"] + SLACK_W) & known
        found = {
            "seconds": known,
            "true_w": y,
            "said_w": p,
            "always_zero_w": np.abs(y),
            "error_w": error_w,
            "error_w2": error_w**2,
            "true_w2": y**2,
            "least_w": np.minimum(p, y),
            "most_w": np.maximum(p, y),
            "true_s": true,
            "said_s": on,
            "hits_s": on & true,
            "either_s": either,
            "inside_s": inside,
            "inside_either_s": inside & either,
        }
        for name, values_of in found.items():
            self._sums[name] += values_of.sum(axis=0)
        self._add_runs("runs", 0, true)
        self._add_runs("said_runs", 1, on)
        self._add_days(at_ms, p, y)
        self._add_bins(values["p_on"], true, known)

    def scores(self) -> list[Score]:
        """Every appliance's figures so far."""
        sums, days = self._sums, np.array([*self._days.values()]).reshape(-1, 2, len(self._appliances))
        day_error_w = np.abs(days[:, 0] - days[:, 1]).sum(axis=0)
        ece = np.abs(self._bin_sums[0] - self._bin_sums[1]).sum(axis=1)
        return [
            _score(a, {name: float(sums[name][n]) for name in _SUMS}, float(day_error_w[n]), float(ece[n]))
            for n, a in enumerate(self._appliances)
        ]

    def _add_runs(self, name: str, row: int, on: NDArray[np.bool_]) -> None:
        if len(on):
            before = np.concatenate([self._was_on[row][None], on[:-1]])
            self._sums[name] += (on & ~before).sum(axis=0)
            self._was_on[row] = on[-1]

    def _add_days(self, at_ms: NDArray[np.int64], p: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        days = at_ms // _DAY_MS
        for day in np.unique(days):
            part = days == day
            sums = np.stack([p[part].sum(axis=0), y[part].sum(axis=0)])
            self._days[int(day)] = self._days.get(int(day), 0) + sums

    def _add_bins(self, p_on: NDArray[np.float32], true: NDArray[np.bool_], known: NDArray[np.bool_]) -> None:
        bins = np.minimum((p_on * BINS).astype(np.intp), BINS - 1)
        for n in range(len(self._appliances)):
            at, part = bins[known[:, n], n], known[:, n]
            for row, weights in enumerate((p_on[part, n], true[part, n])):
                self._bin_sums[row, n] += np.bincount(at, weights.astype(np.float64), BINS)


def rates(hits_s: float, said_s: float, true_s: float) -> tuple[float, float, float]:
    """F1, precision and recall of `hits_s` right seconds among `said_s` and `true_s`; 0 where nothing is there."""
    return 2 * hits_s / max(said_s + true_s, 1), hits_s / max(said_s, 1), hits_s / max(true_s, 1)


def rates_of(on: NDArray[np.bool_], true: NDArray[np.bool_]) -> tuple[float, float, float]:
    """`rates` of two series of seconds."""
    return rates(float((on & true).sum()), float(on.sum()), float(true.sum()))


def macro_f1(scores: Sequence[Score]) -> float:
    """The mean F1 of the appliances that ran, each weighing the same: of one that never ran there is no F1."""
    ran = [s.f1 for s in scores if s.on_s]
    return sum(ran) / max(len(ran), 1)


def mean_coverage(scores: Sequence[Score]) -> float | None:
    """The mean interval_coverage of the appliances that ran or were said to, each weighing the same; None of none."""
    covered = [s.interval_coverage for s in scores if s.interval_coverage is not None]
    return _ratio(sum(covered), len(covered))


def teca(scores: Sequence[Score]) -> float | None:
    """Total energy correctly assigned, of all appliances together: their errors over twice their true energy."""
    wrong_wh = sum(s.mae_w * s.seconds / 3600 for s in scores)
    unassigned = _ratio(wrong_wh, 2 * sum(s.energy_wh for s in scores))
    return None if unassigned is None else 1 - unassigned


_SUMS = (
    *("seconds", "true_w", "said_w", "always_zero_w", "error_w", "error_w2", "true_w2", "least_w", "most_w"),
    *("true_s", "said_s", "hits_s", "either_s", "inside_s", "inside_either_s", "runs", "said_runs"),
)


def _score(appliance: Appliance, sums: dict[str, float], day_error_w: float, ece: float) -> Score:
    seconds = max(sums["seconds"], 1)
    f1, precision, recall = rates(sums["hits_s"], sums["said_s"], sums["true_s"])
    unassigned = _ratio(sums["error_w"], 2 * sums["true_w"])
    missed = _ratio(sums["error_w"], sums["always_zero_w"])
    return Score(
        appliance.name,
        f1,
        precision,
        recall,
        mae_w=sums["error_w"] / seconds,
        always_zero_mae_w=sums["always_zero_w"] / seconds,
        skill=None if missed is None else 1 - missed,
        sae=_ratio(abs(sums["said_w"] - sums["true_w"]), sums["true_w"]),
        sae_daily=_ratio(day_error_w, sums["true_w"]),
        nde=_ratio(sums["error_w2"], sums["true_w2"]),
        teca=None if unassigned is None else 1 - unassigned,
        match_ratio=_ratio(sums["least_w"], sums["most_w"]),
        ece=ece / seconds,
        interval_coverage=_ratio(sums["inside_either_s"], sums["either_s"]),
        interval_coverage_all=sums["inside_s"] / seconds,
        on_threshold_w=appliance.on_threshold_w,
        seconds=round(sums["seconds"]),
        on_s=round(sums["true_s"]),
        predicted_on_s=round(sums["said_s"]),
        runs=round(sums["runs"]),
        predicted_runs=round(sums["said_runs"]),
        energy_wh=sums["true_w"] / 3600,
        predicted_energy_wh=sums["said_w"] / 3600,
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
