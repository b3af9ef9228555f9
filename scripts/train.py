"""Train the network on simulated homes.

The last part of the time trains with quantization simulated, so that the INT8 artifact loses nothing. Rerun the same
command to go on from the checkpoint.

examples:
  python scripts/train.py --minutes 1 --out build/train      # a quick look
  python scripts/train.py --minutes 40 --out build/train     # what models/ ships, then scripts/quantize.py
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from network import recipe
from network.data import Pool
from network.model import Network, loss

CALIBRATION_CROPS = 12
SHORT_UNTIL, SHORTER = 0.75, 3
"""Until that share of the time, crops are so many times shorter: more steps, each richer in runs."""
EVEN_SHARE, IMPORTANCE = 0.05, (0.5, 4.0)
"""An appliance weighs sqrt(EVEN_SHARE / its share of seconds on), within these limits."""


@dataclass
class Progress:
    """What a checkpoint holds besides the weights."""

    step: int = 0
    elapsed_s: float = 0.0
    next_seed: int = 0


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40, help="time in all, checkpoints included (40)")
    parser.add_argument("--quantized", type=float, default=0.25, help="last share of it with quantization (0.25)")
    parser.add_argument("--out", type=Path, default=Path("build/train"), help="folder of the checkpoint (build/train)")
    parser.add_argument("--seed", type=int, default=1, help="of the weights (1)")
    parser.add_argument("--crops", type=int, default=4, help="crops a step (4)")
    parser.add_argument("--length-s", type=int, default=12288, help="seconds a crop (12288)")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate (0.002)")
    parser.add_argument("--pool", type=int, default=250, help="homes kept to crop from (250)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    train(arguments)


def train(arguments: argparse.Namespace) -> None:
    """Train until the minutes are used up; the checkpoint is written each minute."""
    path = arguments.out / "checkpoint.pt"
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=arguments.rate, weight_decay=0.01, betas=(0.9, 0.98))
    progress = Progress()
    if path.exists():
        saved = torch.load(path, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        progress = Progress(**saved["progress"])
        print(f"going on from step {progress.step}")
    pool = Pool(arguments.pool) if not progress.next_seed else Pool(arguments.pool, progress.next_seed)
    for _ in range(arguments.pool // 4):
        pool.refresh()
    importance = np.clip(np.sqrt(EVEN_SHARE / pool.on_share()), *IMPORTANCE)
    rows = [[t.on_threshold_w, t.power_scale_w, float(w)] for t, w in zip(recipe.TARGETS, importance, strict=True)]
    constants = torch.tensor(rows).T[:, :, None]
    weight = torch.ones(arguments.length_s)
    weight[: recipe.HISTORY_S] = 0.5
    weight[: recipe.HISTORY_S // 4] = 0.2
    budget_s, saved_s, shown_s, recent = arguments.minutes * 60, progress.elapsed_s, progress.elapsed_s, []
    began_s = time.monotonic() - progress.elapsed_s
    while progress.elapsed_s < budget_s:
        share = progress.elapsed_s / budget_s
        simulated = share >= 1 - arguments.quantized
        if simulated and not network.scales[0]:
            network.calibrate(torch.from_numpy(pool.batch(CALIBRATION_CROPS, arguments.length_s)[0]) / 255)
            print(f"step {progress.step}: quantization is simulated from here")
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * min(1, (progress.step + 1) / 200) * max(0.01, _decay(share))
        if progress.step % 3 == 0:
            pool.refresh()
        length_s = arguments.length_s // (SHORTER if share < SHORT_UNTIL else 1)
        x, power_w = (torch.from_numpy(part) for part in pool.batch(arguments.crops, length_s))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not simulated):
            y = network(x / 255)
        value = loss(y.float(), power_w, constants, weight[:length_s])
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        recent.append(float(value.detach()))
        progress.step += 1
        progress.elapsed_s, progress.next_seed = time.monotonic() - began_s, pool.next_seed
        if progress.elapsed_s - shown_s > 20:
            shown_s = progress.elapsed_s
            print(f"{shown_s / 60:5.1f} min  step {progress.step}  loss {np.mean(recent):.4f}", flush=True)
            recent.clear()
        if progress.elapsed_s - saved_s > 60 or progress.elapsed_s >= budget_s:
            saved_s = progress.elapsed_s
            _save(path, network, optimizer, progress)


def _decay(share: float) -> float:
    """Cosine from 1 to 0."""
    return float(0.5 + 0.5 * np.cos(np.pi * share))


def _save(path: Path, network: Network, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    part = path.with_suffix(".part")
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "progress": vars(progress)}
    torch.save(state, part)
    part.replace(path)


if __name__ == "__main__":
    main()
