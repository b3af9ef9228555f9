"""Turn a checkpoint into INT8 artifacts and their registry entry, calibrate it, and measure it.

Calibration homes (seeds 800 and up on a slow meter, and days of the shipped home that are not in its file) and the test
file are never trained on. The fp32 twins of both graphs go to --fp32 with a registry of their own; they are for
comparison, and no box needs them.

examples:
  python scripts/quantize.py --checkpoint build/train/checkpoint.pt --out models
  python scripts/quantize.py --checkpoint build/train/checkpoint.pt --out models --test simulation_data.parquet
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from network import artifact, recipe
from network.data import CALIBRATION_DAYS, OWN_DAYS, HomePool, Recording, record, slowed, winters
from network.intervals import with_intervals
from network.measure import fit, score
from network.model import Network

from edge.core.metrics import Score, macro_f1
from edge.models_folder import twins_dir

CALIBRATION_SEEDS = range(800, 840)
SLOW_METER_S = 4.0
KEPT = ("appliance", "f1", "precision", "recall", "mae_w", "always_zero_mae_w", "ece", "interval_coverage")
"""What the registry says of each appliance; `nilm-edge evaluate` says the rest."""


def main() -> None:
    """Parse the command line, build, calibrate, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="written by scripts/train.py")
    parser.add_argument("--out", type=Path, default=Path("models"), help="the models folder (models)")
    parser.add_argument("--fp32", type=Path, help="folder of the fp32 twins (the models folder's name + -fp32)")
    parser.add_argument("--id", default="home13", help="the model's id (home13)")
    parser.add_argument("--version", default="8", help="the model's version (8)")
    parser.add_argument(
        "--winters", type=int, default=3, help="years whose winter intervals are fitted to (3: 19 GB of memory; 1: 11)"
    )
    parser.add_argument("--test", type=Path, help="a home with mains_w and <Appliance>_w at 1 s to measure on")
    arguments = parser.parse_args()
    saved = torch.load(arguments.checkpoint, weights_only=True)
    network = Network(len(recipe.TARGETS))
    network.load_state_dict(saved["network"])
    if not network.scales[0]:
        pool = HomePool(16, recipe.TARGETS)
        pool.refresh(16)
        network.calibrate(torch.from_numpy(pool.batch(12, 12288, 1)[0]) / 255)
    known = winters(max(arguments.winters, 1))
    unknown = [_other(seed) for seed in CALIBRATION_SEEDS]
    training = {
        "steps": saved["progress"]["step"],
        "minutes": round(saved["progress"]["elapsed_s"] / 60, 1),
        "home_days": saved["progress"]["next_seed"] - 1000,
        "seeds": f"1000..{saved['progress']['next_seed'] - 1}",
        "own_days": f"the shipped home on {OWN_DAYS} days after its file's",
        "calibration_days": f"the {CALIBRATION_DAYS} days of it after those",
        "interval_days": f"those days of {len(known)} years",
        "calibration_seeds": f"{CALIBRATION_SEEDS.start}..{CALIBRATION_SEEDS.stop - 1}",
        "data": "scripts/simulated_home",
        "licence": "Apache-2.0",
    }
    test = read(arguments.test) if arguments.test else None
    plan, measured, appliances = network.plan(), {}, None
    facts = {"id": arguments.id, "version": arguments.version, **recipe.as_entry(), "training": training}
    for folder, quantized in ((arguments.out, True), (arguments.fp32 or twins_dir(arguments.out), False)):
        model = artifact.write(folder, plan, facts, artifact.uncalibrated(recipe.TARGETS), {}, quantized=quantized)
        appliances = with_intervals(model, fit(model, known[:1], unknown, levels_of=appliances), known)
        model = artifact.write(folder, plan, facts, appliances, {}, quantized=quantized)
        if test is not None:
            measured[quantized] = score(model, test)
            metrics = _summary(measured[quantized], arguments.test.name)
            artifact.write(folder, plan, facts, appliances, metrics, quantized=quantized)
    if measured:
        show(measured[True], measured[False])


def read(path: Path) -> Recording:
    """A home from Parquet."""
    table = pyarrow.parquet.read_table(path)
    columns = [table[f"{t.name}_w"].to_numpy().astype(np.float32) for t in recipe.TARGETS]
    return Recording(table["mains_w"].to_numpy().astype(np.float32), np.stack(columns, axis=1))


def _other(seed: int) -> Recording:
    """A home of which nothing is known, on a meter that reports now and then."""
    home = record(seed, 1.0, all_appliances=False, vary_scale=True)
    return Recording(slowed(home.mains_w, SLOW_METER_S), home.appliances_w)


def show(scores: list[Score], twins: list[Score]) -> None:
    """Print the table of docs/models.md."""
    print("| appliance | F1 | precision | recall | MAE W | always zero W | ECE | coverage | F1 fp32 | MAE fp32 W |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for s, twin in zip(scores, twins, strict=True):
        watts = f"{s.mae_w:.2f} | {s.always_zero_mae_w:.2f}"
        rates = f"{s.f1:.3f} | {s.precision:.3f} | {s.recall:.3f}"
        print(
            f"| {s.appliance} | {rates} | {watts} | {s.ece:.4f} | {s.interval_coverage or 0:.3f} "
            f"| {twin.f1:.3f} | {twin.mae_w:.2f} |"
        )
    print(f"macro F1 {macro_f1(scores):.3f}, fp32 {macro_f1(twins):.3f}")


def _summary(scores: list[Score], data: str) -> dict[str, object]:
    rows = [{k: _rounded(getattr(s, k)) for k in KEPT} for s in scores]
    return {"data": data, "macro_f1": round(macro_f1(scores), 4), "appliances": rows}


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
