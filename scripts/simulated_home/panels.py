"""A page of plots: simulated homes beside measured ones. Needs matplotlib (the extra `train`).

PYTHONPATH=scripts python -m simulated_home.panels --data ../shared/data --out docs/simulated-home.png
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from .compare import ALIKE, Numbers
from .home import FIRST_TRAINING_SEED, simulate

MEASURED = {
    "redd_house1": 3,
    "redd_house3": 3,
    "redd_house4": 3,
    "redd_house5": 3,
    "gjw_house1_mains_1hz_2013": 1,
}
"""File, and about how many seconds a row."""
SHOWN = ("Fridge", "Microwave", "Dishwasher")
CHUNK = 1024
"""Rows of one spectrum."""
Home = tuple[Numbers, dict[str, Numbers], int]


def measured(folder: Path) -> dict[str, Home]:
    """Mains, appliances and seconds a row of each file. OSError where one is missing."""
    homes = {}
    for stem, row_s in MEASURED.items():
        table = pq.read_table(folder / f"{stem}.parquet")
        columns = {name: ALIKE[name][0] for name in SHOWN}
        found = {n: _numbers(table, c) for n, c in columns.items() if c in table.schema.names}
        homes[stem] = (_numbers(table, "mains"), found, row_s)
    return homes


def simulated(count: int, days: int) -> list[Home]:
    """Training homes, a month of the year each in turn, each third second as REDD's rows are apart."""
    homes = []
    for n in range(count):
        home = simulate(FIRST_TRAINING_SEED + n, days, date(2025, 1 + n % 12, 6))
        owned = {name: home.appliances[name][::3].astype(np.float64) for name in SHOWN if name in home.owned}
        homes.append((home.mains_w[::3].astype(np.float64), owned, 3))
    return homes


def steps_a_day(home: Home, sizes_w: Numbers) -> Numbers:
    """How many steps of the mains, over about three seconds, exceed each size, a day."""
    mains_w, _, row_s = home
    step_w = np.sort(np.abs(np.diff(mains_w[:: 3 // row_s])))
    days = len(mains_w) * row_s / 86_400
    return (len(step_w) - np.searchsorted(step_w, sizes_w)) / days


def base_spectrum(home: Home) -> tuple[Numbers, Numbers]:
    """Frequencies in Hz and the median power spectrum (W²/Hz) of the quietest fifth of all stretches of mains."""
    mains_w, _, row_s = home
    parts = mains_w[: len(mains_w) // CHUNK * CHUNK].reshape(-1, CHUNK)
    quiet = parts[np.argsort(parts.std(axis=1))[: max(len(parts) // 5, 1)]]
    shaped = (quiet - quiet.mean(axis=1, keepdims=True)) * np.hanning(CHUNK)
    power = np.abs(np.fft.rfft(shaped, axis=1)) ** 2 * row_s / np.square(np.hanning(CHUNK)).sum()
    spectrum: Numbers = np.median(power, axis=0)[1:].astype(np.float64)
    return np.fft.rfftfreq(CHUNK, row_s)[1:].astype(np.float64), spectrum


def draw(real: dict[str, Home], made: list[Home], out: Path) -> None:
    """Write the page: powers while on of three appliances, mains' levels, steps and base-load spectrum."""
    import matplotlib.figure  # noqa: PLC0415 - only here

    figure = matplotlib.figure.Figure(figsize=(13, 8), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    shares, colours = np.linspace(0.01, 0.99, 99), {stem: f"C{n}" for n, stem in enumerate(real)}
    for panel, name in zip(panels, SHOWN, strict=False):
        on_w = ALIKE[name][1]
        spread = [
            np.quantile(w[w > on_w], shares) for _, found, _ in made if (w := found.get(name, _NONE))[w > on_w].size
        ]
        _band(panel, shares, spread)
        for stem, (_, found, _) in real.items():
            used = found.get(name, _NONE)
            if (used > on_w).sum() > CHUNK // 4:
                panel.plot(shares, np.quantile(used[used > on_w], shares), colours[stem])
        panel.set(title=f"{name}: power while on", xlabel="share of seconds on", ylabel="W", yscale="log")
    levels, steps, spectrum = panels[3:]
    _band(levels, shares, [np.quantile(m, shares) for m, _, _ in made])
    sizes_w = np.geomspace(10, 6000, 60)
    _band(steps, sizes_w, [steps_a_day(home, sizes_w) for home in made])
    _band(spectrum, base_spectrum(made[0])[0], [base_spectrum(home)[1] for home in made])
    for stem, home in real.items():
        levels.plot(shares, np.quantile(home[0][np.isfinite(home[0])], shares), colours[stem], label=stem)
        steps.plot(sizes_w, steps_a_day(home, sizes_w), colours[stem])
        spectrum.plot(*base_spectrum(home), colours[stem])
    levels.set(title="Mains: levels", xlabel="share of seconds", ylabel="W", yscale="log")
    steps.set(title="Mains: steps above a size", xlabel="W", ylabel="a day", xscale="log", yscale="log")
    spectrum.set(title="Mains: spectrum of quiet stretches", xlabel="Hz", ylabel="W²/Hz", xscale="log", yscale="log")
    levels.legend(frameon=False, fontsize=8)
    figure.suptitle(f"Grey: {len(made)} simulated homes, 10th to 90th percentile and median; colours: measured homes")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80)


_NONE = np.zeros(0)


def _numbers(table: object, column: str) -> Numbers:
    values: Numbers = table[column].to_numpy().astype(np.float64)  # type: ignore[index]
    return values


def _band(panel: object, x: Numbers, curves: list[Numbers]) -> None:
    low, middle, high = np.quantile(np.array(curves), (0.1, 0.5, 0.9), axis=0)
    panel.fill_between(x, low, high, color="#dddddd")  # type: ignore[attr-defined]
    panel.plot(x, middle, color="#888888")  # type: ignore[attr-defined]


def main() -> int:
    """Draw the page; exit 1 where the data is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of redd_house1.parquet and the others")
    parser.add_argument("--out", type=Path, default=Path("docs/simulated-home.png"), help="the page")
    parser.add_argument("--homes", type=int, default=60)
    parser.add_argument("--days", type=int, default=4)
    options = parser.parse_args()
    try:
        draw(measured(options.data), simulated(options.homes, options.days), options.out)
    except OSError as error:
        print(f"cannot read the real homes or write the page: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
