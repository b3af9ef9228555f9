"""The learnt rival: sequence to point on REDD (Zhang et al. 2018), one network an appliance, our own implementation.

599 rows of mains, about 3.4 s apart, say the appliance's power in the middle one; so it looks 17 minutes ahead, which
a live system cannot. Trained on houses 1, 4 and 5 (those that meter the appliance) and tuned in its favour on the house
it is scored on: the best of its evaluations and of some on-levels. Figures as `nilm-edge evaluate` defines them.

example:
  python scripts/baselines/seq2point.py --data ../shared/data --minutes 15 --json build/seq2point.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from network.data import Recording
from network.real import read
from network.recipe import REAL_TARGETS, Target

WINDOW, BATCH, CHECKS = 599, 256, 2
ROW_S, ASKED_ROWS = 3.4, 3
"""A row's length; when scored, each third row is asked and stands for the next two."""
TRAINED, TESTED = ("redd_house1", "redd_house4", "redd_house5"), "redd_house3"
LEVELS = (0.5, 1.0, 2.0, 4.0)
"""On from that many on-thresholds up: the level of best F1 on the tested house is taken."""
Floats = NDArray[np.float32]


def rows(home: Recording) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Mains and watts each ROW_S, and of each second the row that tells it."""
    seconds = np.arange(len(home.mains_w))
    at = np.floor(np.arange(int(len(seconds) / ROW_S)) * ROW_S).astype(np.intp)
    return home.mains_w[at], home.appliances_w[at], np.clip((seconds / ROW_S).astype(np.intp), 0, len(at) - 1)


def network() -> nn.Sequential:
    """Five convolutions and a dense layer, as published."""
    layers: list[nn.Module] = []
    width = 1
    for channels, kernel in ((30, 10), (30, 8), (40, 6), (50, 5), (50, 5)):
        layers += [nn.Conv1d(width, channels, kernel, padding="same"), nn.ReLU()]
        width = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * WINDOW, 1024), nn.ReLU(), nn.Linear(1024, 1))


class Rival:
    """One appliance's network with its standardisation."""

    def __init__(self, target: Target, column: int, homes: list[Recording], seed: int) -> None:
        torch.manual_seed(seed)
        self.target, self._column = target, column
        parts = [rows(home)[:2] for home in homes if np.isfinite(home.appliances_w[:, column]).all()]
        parts = [part for part in parts if len(part[0]) > WINDOW]
        self._random = np.random.default_rng(seed)
        all_w = np.concatenate([part[0] for part in parts])
        self._mean_w, self._spread_w = float(all_w.mean()), float(all_w.std())
        self._mains = [self._scaled(part[0]) for part in parts]
        self._truth = [part[1][:, column] / target.power_scale_w for part in parts]
        self._lengths = np.array([len(part) for part in self._mains], np.float64)
        self.network = network()
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)

    def train(self, seconds: float) -> int:
        """Steps of BATCH windows, half of them around seconds on, until the time is used up."""
        until_s, steps = time.monotonic() + seconds, 0
        while time.monotonic() < until_s:
            x, y = self._batch()
            loss = (self.network(x)[:, 0] - y).square().mean()
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            steps += 1
        return steps

    def watts(self, home: Recording) -> Floats:
        """Power at each second of a home."""
        mains_w, _, row_of = rows(home)
        padded = torch.from_numpy(np.pad(self._scaled(mains_w), WINDOW // 2))
        windows = padded.unfold(0, WINDOW, 1)[::ASKED_ROWS]
        with torch.no_grad():
            said = torch.cat([self.network(part[:, None])[:, 0] for part in windows.split(1024)])
        power_w: Floats = np.maximum(said.numpy() * self.target.power_scale_w, 0)
        return power_w[row_of // ASKED_ROWS]

    def _scaled(self, mains_w: Floats) -> Floats:
        scaled: Floats = ((mains_w - self._mean_w) / self._spread_w).astype(np.float32)
        return scaled

    def _batch(self) -> tuple[Tensor, Tensor]:
        x, y = [], []
        for n in range(BATCH):
            part = int(self._random.choice(len(self._lengths), p=self._lengths / self._lengths.sum()))
            truth = self._truth[part]
            at = int(self._random.integers(len(truth) - WINDOW))
            on = np.flatnonzero(truth >= self.target.on_threshold_w / self.target.power_scale_w)
            if n % 2 and len(on):
                at = int(np.clip(self._random.choice(on) - WINDOW // 2, 0, len(truth) - WINDOW))
            x.append(self._mains[part][at : at + WINDOW])
            y.append(truth[at + WINDOW // 2])
        return torch.from_numpy(np.stack(x))[:, None], torch.from_numpy(np.array(y, np.float32))


def figures(target: Target, said_w: Floats, true_w: Floats) -> dict[str, float]:
    """MAE and F1 at the kinder on-level; the always-zero MAE beside."""
    best = {"f1": -1.0}
    true = true_w >= target.on_threshold_w
    for level in LEVELS:
        on = said_w >= level * target.on_threshold_w
        hits = float((on & true).sum())
        f1 = 2 * hits / max(float(on.sum() + true.sum()), 1.0)
        if f1 > best["f1"]:
            rates = {"precision": hits / max(float(on.sum()), 1.0), "recall": hits / max(float(true.sum()), 1.0)}
            best = {"f1": f1, **rates, "on_w": level * target.on_threshold_w}
    error_w = float(np.abs(said_w - true_w).mean())
    return {**best, "mae_w": error_w, "always_zero_mae_w": float(true_w.mean())}


def main() -> int:
    """Train, choose, print and store the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of redd_house1.parquet and the others")
    parser.add_argument("--minutes", type=float, default=15, help="training time of all three together (15)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    homes = [part for name in TRAINED for part in read(options.data / f"{name}.parquet", REAL_TARGETS)]
    tested = read(options.data / f"{TESTED}.parquet", REAL_TARGETS)
    scores = {}
    for column, target in enumerate(REAL_TARGETS):
        rival, best, steps = Rival(target, column, homes, options.seed), {"mae_w": np.inf}, 0
        true_w = np.concatenate([home.appliances_w[:, column] for home in tested])
        for _ in range(CHECKS):
            steps += rival.train(options.minutes * 60 / len(REAL_TARGETS) / CHECKS)
            found = figures(target, np.concatenate([rival.watts(home) for home in tested]), true_w)
            best = min(best, found, key=lambda f: f["mae_w"])
            print(f"{target.name}: step {steps}, MAE {found['mae_w']:.2f} W, F1 {found['f1']:.3f}", flush=True)
        scores[target.name] = {k: round(v, 4) for k, v in best.items()}
    text = json.dumps({"data": f"{TESTED}.parquet", "minutes": options.minutes, "appliances": scores}, indent=1)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
