"""Turn a checkpoint into INT8 artifacts and their registry entry, calibrate it, and measure it.

Calibration homes (seeds 800 and up) and the test file are never trained on. The fp32 twins of both graphs go to --fp32
with a registry of their own; they are for comparison and are not shipped.

examples:
  python scripts/quantize.py --checkpoint build/train/checkpoint.pt --out models
  python scripts/quantize.py --checkpoint build/train/checkpoint.pt --out models --test simulation_data.parquet
"""

import argparse
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from network import recipe
from network.data import Pool, Recording, record
from network.graphs import Plan, build
from network.measure import fit, score
from network.model import Network

from edge.adapters.onnx_model import OnnxModel, load_models
from edge.core.metrics import Score, macro_f1
from edge.core.registry import Appliance
from edge.errors import ModelError

CALIBRATION_SEEDS = range(800, 824)
KEPT = ("appliance", "f1", "precision", "recall", "mae_w", "always_zero_mae_w", "ece", "interval_coverage")
"""What the registry says of each appliance; `nilm-edge evaluate` says the rest."""


def main() -> None:
    """Parse the command line, build, calibrate, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="written by scripts/train.py")
    parser.add_argument("--out", type=Path, default=Path("models"), help="the models folder (models)")
    parser.add_argument("--fp32", type=Path, default=Path("build/fp32"), help="folder of the fp32 twins (build/fp32)")
    parser.add_argument("--id", default="home13", help="the model's id (home13)")
    parser.add_argument("--version", default="1", help="the model's version (1)")
    parser.add_argument("--test", type=Path, help="a home with mains_w and <Appliance>_w at 1 s to measure on")
    arguments = parser.parse_args()
    saved = torch.load(arguments.checkpoint, weights_only=True)
    network = Network()
    network.load_state_dict(saved["network"])
    if not network.scales[0]:
        pool = Pool(16)
        for _ in range(16):
            pool.refresh()
        network.calibrate(torch.from_numpy(pool.batch(12, 12288)[0]) / 255)
    homes = [record(s, 1.0, all_appliances=True, vary_scale=False) for s in CALIBRATION_SEEDS]
    training = {
        "steps": saved["progress"]["step"],
        "minutes": round(saved["progress"]["elapsed_s"] / 60, 1),
        "home_days": saved["progress"]["next_seed"] - 1000,
        "seeds": f"1000..{saved['progress']['next_seed'] - 1}",
        "calibration_seeds": f"{CALIBRATION_SEEDS.start}..{CALIBRATION_SEEDS.stop - 1}",
        "data": "scripts/simulated_home",
        "licence": "Apache-2.0",
    }
    test = read(arguments.test) if arguments.test else None
    plan, measured = network.plan(), {}
    facts = {"id": arguments.id, "version": arguments.version, **recipe.as_entry(), "training": training}
    for folder, quantized in ((arguments.fp32, False), (arguments.out, True)):
        appliances = tuple(_uncalibrated(t) for t in recipe.TARGETS)
        _write(folder, plan, {**facts, **_entry(appliances, {})}, quantized=quantized)
        appliances = fit(_load(folder), homes)
        _write(folder, plan, {**facts, **_entry(appliances, {})}, quantized=quantized)
        if test is not None:
            measured[quantized] = score(_load(folder), test)
            metrics = _summary(measured[quantized], arguments.test.name)
            _write(folder, plan, {**facts, **_entry(appliances, metrics)}, quantized=quantized)
    if measured:
        show(measured[True], measured[False])


def read(path: Path) -> Recording:
    """A home from Parquet."""
    table = pyarrow.parquet.read_table(path)
    columns = [table[f"{t.name}_w"].to_numpy().astype(np.float32) for t in recipe.TARGETS]
    return Recording(table["mains_w"].to_numpy().astype(np.float32), np.stack(columns, axis=1))


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


def _uncalibrated(target: recipe.Target) -> Appliance:
    return Appliance(
        **asdict(target), p_gain=1.0, p_offset=0.0, on_level=0.5, off_level=0.4, interval_gain=1.0, interval_tail=0.05
    )


def _summary(scores: list[Score], data: str) -> dict[str, object]:
    rows = [{k: _rounded(getattr(s, k)) for k in KEPT} for s in scores]
    return {"data": data, "macro_f1": round(macro_f1(scores), 4), "appliances": rows}


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


def _entry(appliances: tuple[Appliance, ...], metrics: dict[str, object]) -> dict[str, object]:
    rows = [{k: v if isinstance(v, str) else round(v, 5) for k, v in asdict(a).items()} for a in appliances]
    return {"appliances": rows, "metrics": metrics}


def _write(folder: Path, plan: Plan, facts: dict[str, object], *, quantized: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    artifacts = {}
    for kind in ("step", "window"):
        content = build(plan, step=kind == "step", quantized=quantized)
        name = f"{facts['id']}-{facts['version']}-{kind}.onnx"
        (folder / name).write_bytes(content)
        artifacts[kind] = {"path": name, "sha256": hashlib.sha256(content).hexdigest()}
    registry = {"models": [{**facts, "artifacts": artifacts}]}
    (folder / "registry.json").write_text(json.dumps(registry, indent=1) + "\n", encoding="utf-8")


def _load(folder: Path) -> OnnxModel:
    models, disabled = load_models(folder)
    if disabled:
        raise ModelError(disabled[0].reason)
    return models[0]


if __name__ == "__main__":
    main()
