"""The hand-written rival: pair up and down steps of the mains and name each pair by size and duration.

By default it is told the truth about every appliance's usual power and run length in the very file it is scored on,
which a real installer could not know; with --learn it gets them from other homes, as a network does. Figures as
`nilm-edge evaluate` defines them, on the 1 s grid.

examples:
  python scripts/baselines/edge_matcher.py simulation_data.parquet
  python scripts/baselines/edge_matcher.py redd_house3.parquet --appliances Fridge Microwave Dishwasher \\
      --learn redd_house1.parquet redd_house4.parquet redd_house5.parquet --json build/matcher.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from homes import Home, read, registered, scores, tell
from numpy.typing import NDArray

from edge.core.metrics import macro_f1
from edge.errors import NilmError

Floats = NDArray[np.float64]
Profile = tuple[float, float, float, float]


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


def profile(powers_w: Sequence[NDArray[np.floating]], on_w: float) -> Profile:
    """What an appliance's switchings look like: median and tolerance of its power, 5th and 95th percentile of runs.

    Of all stretches (t,) together; NaN, not metered, is off. Zeros where it never ran.
    """
    means_w, lasted_s = [], []
    for power_w in powers_w:
        on = np.concatenate(([0], (power_w >= on_w).astype(np.int8), [0]))
        starts, ends = np.flatnonzero(np.diff(on) == 1), np.flatnonzero(np.diff(on) == -1)
        means_w += [float(np.median(power_w[a:b])) for a, b in zip(starts, ends, strict=True)]
        lasted_s += (ends - starts).tolist()
    if not means_w:
        return 0.0, 0.0, 0.0, 0.0
    centre_w = float(np.median(means_w))
    spread_w = float(np.median(np.abs(np.array(means_w) - centre_w)))
    short_s, long_s = np.percentile(lasted_s, [5, 95])
    return centre_w, max(0.08 * centre_w, 1.5 * spread_w), float(short_s), float(long_s)


def learnt(homes: Sequence[Home]) -> dict[str, Profile]:
    """The profile of each appliance that a home labels."""
    names = {a.name: a.on_threshold_w for home in homes for a in home.appliances}
    powers_w: dict[str, list[NDArray[np.floating]]] = {name: [] for name in names}
    for home in homes:
        for n, appliance in enumerate(home.appliances):
            powers_w[appliance.name] += [s.true_w[:, n] for s in home.segments]
    return {name: profile(powers_w[name], on_w) for name, on_w in names.items()}


def match(mains_w: Floats, known: dict[str, Profile]) -> dict[str, NDArray[np.bool_]]:
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


def judge(home: Home, known: dict[str, Profile]) -> dict[str, object]:
    """Figures of each appliance of the home; while on, one draws its profile's power."""
    told_w = np.array([known.get(a.name, (0.0,))[0] for a in home.appliances], np.float32)
    on, power_w = [], []
    for segment in home.segments:
        said = match(segment.mains_w, known)
        off = np.zeros(len(segment.mains_w), np.bool_)
        on.append(np.stack([said.get(a.name, off) for a in home.appliances], axis=1))
        power_w.append(on[-1] * told_w)
    found = scores(home, power_w, on)
    keys = ("f1", "precision", "recall", "mae_w", "always_zero_mae_w")
    appliances = {score.appliance: {k: round(getattr(score, k), 4) for k in keys} for score in found}
    return {"data": home.name, "appliances": appliances, "macro_f1": round(macro_f1(found), 4)}


def main() -> int:
    """Score a recording, print the figures as JSON and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="recording as for `nilm-edge evaluate`")
    parser.add_argument("--learn", type=Path, nargs="+", metavar="FILE", help="learn sizes and durations there")
    parser.add_argument(
        "--appliances", nargs="+", choices=sorted(registered()), help="only these (all that are labelled)"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    served = {name: a for name, a in registered().items() if name in (options.appliances or registered())}
    try:
        home = read(options.data, served)
        told_by = [read(file, served) for file in options.learn] if options.learn else [home]
        figures = {**judge(home, learnt(told_by)), "told_by": [h.name for h in told_by]}
        tell(figures, options.json)
    except (NilmError, OSError) as error:
        print(f"edge_matcher: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
