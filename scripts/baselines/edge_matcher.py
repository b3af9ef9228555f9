"""The hand-written rival: pair up and down steps of the mains and name each pair by size and duration.

It is told the truth about every appliance's usual power and run length in the very file it is scored on, which a
real installer could not know; a learnt model must still leave it behind.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ON_W = {
    "HeatPump": 150.0,
    "Dishwasher": 10.0,
    "WashingMachine": 20.0,
    "Dryer": 50.0,
    "Oven": 200.0,
    "Stove": 100.0,
    "RangeHood": 15.0,
    "EVCharger": 500.0,
    "EVSocket": 500.0,
    "RainwaterPump": 100.0,
    "Fridge": 25.0,
    "Microwave": 200.0,
    "Kettle": 1000.0,
}


def edges(mains_w: Floats, least_w: float = 20.0) -> list[tuple[int, float]]:
    """Second and size of each step: medians of five seconds before and after differ by more than `least_w`."""
    windows = np.lib.stride_tricks.sliding_window_view(mains_w, 5)
    level_w = np.median(windows, axis=1)
    rise_w = level_w[7:] - level_w[:-7]
    found, at = [], np.flatnonzero(np.abs(rise_w) > least_w)
    groups = np.split(at, np.flatnonzero((np.diff(at) > 1) | (np.diff(np.sign(rise_w[at])) != 0)) + 1)
    for group in groups:
        if len(group):
            best = group[np.argmax(np.abs(rise_w[group]))]
            # The whole slope counts, so that a ramp of many seconds is one step.
            found.append((int(best) + 6, float(level_w[group[-1] + 7] - level_w[group[0]])))
    return found


def profile(power_w: Floats, on_w: float) -> tuple[float, float, float, float]:
    """What one appliance's switchings look like: median and tolerance of its power, 5th and 95th percentile of runs."""
    on = np.concatenate(([0], (power_w > on_w).astype(np.int8), [0]))
    starts, ends = np.flatnonzero(np.diff(on) == 1), np.flatnonzero(np.diff(on) == -1)
    if not len(starts):
        return 0.0, 0.0, 0.0, 0.0
    means_w = np.array([np.median(power_w[a:b]) for a, b in zip(starts, ends, strict=True)])
    centre_w = float(np.median(means_w))
    spread_w = float(np.median(np.abs(means_w - centre_w)))
    short_s, long_s = np.percentile(ends - starts, [5, 95])
    return centre_w, max(0.08 * centre_w, 1.5 * spread_w), float(short_s), float(long_s)


def match(mains_w: Floats, known: dict[str, tuple[float, float, float, float]]) -> dict[str, NDArray[np.bool_]]:
    """On-seconds by appliance: each falling step takes the nearest rising one of its size that some profile allows."""
    on = {name: np.zeros(len(mains_w), np.bool_) for name in known}
    waiting: list[tuple[int, float]] = []
    for second, step_w in edges(mains_w):
        if step_w > 0:
            waiting.append((second, step_w))
            waiting = waiting[-400:]
            continue
        for begun in reversed(waiting):
            size_w = 0.5 * (begun[1] - step_w)
            if abs(begun[1] + step_w) > 0.1 * size_w + 10.0:
                continue
            off = {
                name: abs(size_w - centre_w) / near_w
                for name, (centre_w, near_w, short_s, long_s) in known.items()
                if near_w and short_s * 0.8 <= second - begun[0] <= long_s * 1.2 and abs(size_w - centre_w) <= near_w
            }
            if off:
                on[min(off, key=lambda name: off[name])][begun[0] : second] = True
                waiting.remove(begun)
                break
    return on


def f1(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """2 TP / (2 TP + FP + FN) over seconds; 0 where nothing is on in either."""
    hits, wrong = int((said & true).sum()), int((said ^ true).sum())
    return 2.0 * hits / (2.0 * hits + wrong) if hits else 0.0


def main() -> int:
    """Score a file of simulate_home.py and print the F1 of each appliance and their mean as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: edge_matcher.py simulation_data.parquet")
    parser.add_argument("data", type=Path, help="Parquet with mains_w and <Appliance>_w at 1 s")
    table = pq.read_table(parser.parse_args().data)
    mains_w = table["mains_w"].to_numpy().astype(np.float64)
    truth_w = {name: table[f"{name}_w"].to_numpy().astype(np.float64) for name in ON_W}
    said = match(mains_w, {name: profile(power_w, ON_W[name]) for name, power_w in truth_w.items()})
    scores = {name: round(f1(said[name], power_w > ON_W[name]), 3) for name, power_w in truth_w.items()}
    print(json.dumps({"f1": scores, "macro_f1": round(sum(scores.values()) / len(scores), 3)}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
