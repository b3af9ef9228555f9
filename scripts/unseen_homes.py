"""Measure the models on simulated homes that they have never seen: F1 and MAE of each appliance, by home.

The shipped file is a home whose later days are trained on; these are not.

example:
  python scripts/unseen_homes.py --models models --homes 10 --days 6
"""

import argparse
import sys
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from network.data import Recording
from network.measure import score
from simulated_home import simulate

from edge.adapters.onnx_model import load_models
from edge.core.metrics import macro_f1

FIRST_SEED = 600
"""Below FIRST_TRAINING_SEED, apart from the calibration homes."""


def main() -> int:
    """Print a line a home, then each appliance's mean and its worst and best home."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("models"), help="the models folder (models)")
    parser.add_argument("--homes", type=int, default=10, help="how many homes (10)")
    parser.add_argument("--days", type=int, default=6, help="days of each (6)")
    options = parser.parse_args()
    models, disabled = load_models(options.models)
    if not models:
        print(f"{options.models}: no model serves; {disabled[0].reason if disabled else 'none there'}", file=sys.stderr)
        return 1
    names = [a.name for a in models[0].spec.appliances]
    found = []
    for seed in range(FIRST_SEED, FIRST_SEED + options.homes):
        home = simulate(seed, options.days, date(2025, 1 + seed % 12, 6), all_appliances=True)
        watts = np.stack([home.appliances[name] for name in names], axis=1)
        scores = score(models[0], Recording(home.mains_w, watts))
        found.append([(s.f1 if s.on_s else np.nan, s.mae_w, s.always_zero_mae_w) for s in scores])
        print(f"home {seed}: macro F1 {macro_f1(scores):.3f}", flush=True)
    f1, mae_w, zero_w = np.moveaxis(np.array(found), 2, 0)
    print("\n| appliance | mean F1 | worst home | best home | MAE W | always zero W |\n|---|---|---|---|---|---|")
    for n, name in enumerate(names):
        span = f"{np.nanmean(f1[:, n]):.2f} | {np.nanmin(f1[:, n]):.2f} | {np.nanmax(f1[:, n]):.2f}"
        print(f"| {name} | {span} | {mae_w[:, n].mean():.1f} | {zero_w[:, n].mean():.1f} |")
    print(f"\nmacro F1 over all homes {np.nanmean(np.nanmean(f1, axis=0)):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
