"""Print simulated homes beside real ones, as Markdown: power, durations, starts, on-share, the mains' steps.

PYTHONPATH=scripts python -m simulated_home.compare --data ../shared/data
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .home import FIRST_TRAINING_SEED, simulate

Numbers = NDArray[np.float64]
ALIKE = {
    "Fridge": ("fridge", 50.0, 30.0),
    "Microwave": ("microwave", 200.0, 30.0),
    "Dishwasher": ("dishwasher", 10.0, 1800.0),
    "WashingMachine": ("washer_dryer", 20.0, 1800.0),
    "Dryer": ("", 50.0, 1800.0),
    "Stove": ("stove", 100.0, 300.0),
    "Oven": ("", 200.0, 300.0),
    "RangeHood": ("", 15.0, 60.0),
    "Kettle": ("", 1000.0, 30.0),
    "RainwaterPump": ("", 100.0, 5.0),
    "HeatPump": ("", 150.0, 60.0),
    "EVCharger": ("", 500.0, 600.0),
    "EVSocket": ("", 500.0, 600.0),
}
"""Appliance: its column in the real files, on above W, pauses up to s are bridged."""

STEPS_W = (15, 30, 100, 500, 1500)
Row = tuple[float, float, float, float, float, float]


def runs(time_s: Numbers, power_w: Numbers, on_w: float, bridge_s: float) -> Row | None:
    """Starts a day, run length's 10th, 50th and 90th percentile in s, median W when on, on-share in %."""
    on = np.concatenate(([0], (power_w > on_w).astype(np.int8), [0]))
    starts, ends = np.flatnonzero(np.diff(on) == 1), np.flatnonzero(np.diff(on) == -1)
    if len(starts) < 2:
        return None
    at_s = np.append(time_s, time_s[-1])
    pause_s = at_s[starts[1:]] - at_s[ends[:-1]]
    apart = pause_s > bridge_s
    length_s = at_s[ends][np.append(apart, True)] - at_s[starts][np.concatenate(([True], apart))]
    # Blips under 10 s are stand-by crossing the threshold, not runs.
    length_s = length_s[length_s >= 10.0]
    if not len(length_s):
        return None
    days = float(np.minimum(np.diff(time_s), 20.0).sum()) / 86_400.0
    short, middle, long = np.percentile(length_s, [10, 50, 90])
    used = power_w > on_w
    return len(length_s) / days, short, middle, long, float(np.median(power_w[used])), 100.0 * float(used.mean())


def mains(time_s: Numbers, power_w: Numbers, stride: int) -> list[float]:
    """5th, 50th, 95th percentile and mean in W, and steps a day above each of STEPS_W between rows about 3 s apart."""
    days = float(np.minimum(np.diff(time_s), 20.0).sum()) / 86_400.0
    step_w = np.abs(np.diff(power_w[::stride]))
    levels = [float(level) for level in np.percentile(power_w, [5, 50, 95])]
    return [*levels, float(power_w.mean()), *(float((step_w > least).sum()) / days for least in STEPS_W)]


def real(folder: Path) -> tuple[dict[str, dict[str, Row]], dict[str, list[float]]]:
    """Rows of every real house, by appliance and by house. Raises OSError where a file is missing."""
    found: dict[str, dict[str, Row]] = {name: {} for name in ALIKE}
    whole: dict[str, list[float]] = {}
    for stem, stride in (
        ("redd_house1", 1),
        ("redd_house3", 1),
        ("redd_house4", 1),
        ("redd_house5", 1),
        ("gjw_house1_mains_1hz_2013", 3),
    ):
        table = pq.read_table(folder / f"{stem}.parquet")
        time_s = table["time"].cast("int64").to_numpy() / 1000.0
        mains_w = table["mains"].to_numpy().astype(np.float64)
        known = np.isfinite(mains_w)
        whole[stem] = mains(time_s[known], mains_w[known], stride)
        for name, (column, on_w, bridge_s) in ALIKE.items():
            if column in table.schema.names:
                row = runs(time_s, table[column].to_numpy().astype(np.float64), on_w, bridge_s)
                if row and row[5] > 0.1:
                    found[name][stem] = row
    return found, whole


def simulated(homes: int, days: int) -> tuple[dict[str, list[Row]], list[list[float]]]:
    """The same rows of many training homes, each in another month."""
    found: dict[str, list[Row]] = {name: [] for name in ALIKE}
    whole = []
    for number in range(homes):
        home = simulate(FIRST_TRAINING_SEED + number, days, date(2025, 1 + number % 12, 6))
        time_s = home.time / 1000.0
        whole.append(mains(time_s, home.mains_w.astype(np.float64), 3))
        for name in home.owned:
            _, on_w, bridge_s = ALIKE[name]
            row = runs(time_s, home.appliances[name].astype(np.float64), on_w, bridge_s)
            if row:
                found[name].append(row)
    return found, whole


def lines(folder: Path, homes: int, days: int) -> list[str]:
    """The two tables."""
    seen, seen_mains = real(folder)
    made, made_mains = simulated(homes, days)
    out = ["| appliance | home | starts/day | run s p10 / p50 / p90 | W when on | on % |", "|---|---|---|---|---|---|"]
    for name in ALIKE:
        rows = np.array(made[name])
        low, middle, high = np.percentile(rows, [10, 50, 90], axis=0)
        span = [f"{middle[n]:.3g} ({low[n]:.3g} to {high[n]:.3g})" for n in range(6)]
        out.append(
            f"| {name} | simulated, {len(rows)} homes | {span[0]} | {' / '.join(span[1:4])} | {span[4]} | {span[5]} |"
        )
        out.extend(_line(seen[name]))
    out += ["", "| mains | p5 | p50 | p95 | mean W | " + " | ".join(f"steps/day > {w} W" for w in STEPS_W) + " |"]
    out.append("|---" * (5 + len(STEPS_W)) + "|")
    for label, share in (("10th", 10), ("50th", 50), ("90th", 90)):
        values = np.percentile(np.array(made_mains), share, axis=0)
        out.append(f"| simulated, {label} percentile of homes | " + " | ".join(f"{v:.0f}" for v in values) + " |")
    out.extend(f"| {stem} | " + " | ".join(f"{v:.0f}" for v in row) + " |" for stem, row in seen_mains.items())
    return out


def _line(rows: Mapping[str, Row]) -> list[str]:
    return [
        f"| | {stem} | {r[0]:.2g} | {r[1]:.0f} / {r[2]:.0f} / {r[3]:.0f} | {r[4]:.0f} | {r[5]:.2g} |"
        for stem, r in rows.items()
    ]


def main() -> int:
    """Print the tables; exit 1 where the data is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of redd_house1.parquet and the others")
    parser.add_argument("--homes", type=int, default=100)
    parser.add_argument("--days", type=int, default=7)
    options = parser.parse_args()
    try:
        print("\n".join(lines(options.data, options.homes, options.days)))
    except OSError as error:
        print(f"cannot read the real homes: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
