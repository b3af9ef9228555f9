"""The learnt rival: sequence to point on REDD (Zhang et al. 2018), one network an appliance, our own implementation.

599 rows of mains as the file has them, about 3.4 s apart, say the appliance's power in the middle one; so it looks 17
minutes ahead, which a live system cannot. Trained on those of the three houses beside the tested one that label the
appliance. As ours, it is tuned on the house that it is scored on, and in its favour: the best of its checks, the
on-level of best F1, and 0 W below that level where this lowers its error. Figures as `nilm-edge evaluate` defines them,
on the 1 s grid.

The seed is fixed. The budget is CPU time, so that other work on the machine takes nothing from it; a faster machine
takes more steps. Checks do not count as training. The three appliances together have what ours has for them (train.py).

example:
  OMP_WAIT_POLICY=passive python scripts/baselines/seq2point.py --data DIR --json build/seq2point.json
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

try:
    import torch
except ImportError:
    sys.exit("PyTorch is not installed: pip install -e '.[train]'")

from homes import Floats, Home, Segment, kindest_level_w, read, registered, scores, tell
from torch import Tensor, nn

from edge.core.metrics import Score
from edge.core.registry import Appliance
from edge.errors import NilmError

WINDOW, BATCH, CHECKS = 599, 128, 3
LEARNING_RATE = 1e-3
HOUSES = tuple(f"redd_house{number}.parquet" for number in (1, 3, 4, 5))
APPLIANCES = ("Fridge", "Microwave", "Dishwasher")
SPECTRUM, UNITS = 4096, 64
"""Rows transformed at once, and dense units multiplied at once, when every window of a segment is asked."""


def standing_alone(segment: Segment, mean_w: float, spread_w: float) -> Floats:
    """Standardised mains of a segment's rows, its ends repeated so that each row has a window within the segment."""
    scaled = (segment.mains_w[segment.first_s] - mean_w) / spread_w
    padded: Floats = np.pad(scaled, WINDOW // 2, "edge").astype(np.float32)
    return padded


class Examples:
    """Windows around the rows in which the homes label the appliance; every second one drawn is of a row on."""

    def __init__(self, homes: Sequence[Home], appliance: Appliance, seed: int) -> None:
        mains_w = np.concatenate([s.mains_w[s.first_s] for home in homes for s in home.segments])
        self.mean_w, self.spread_w = float(mains_w.mean()), max(float(mains_w.std()), 1.0)
        series, starts, truth_w, length = [], [], [], 0
        for home in homes:
            column = home.appliances.index(appliance)
            for segment in home.segments:
                series.append(standing_alone(segment, self.mean_w, self.spread_w))
                starts.append(length + np.arange(len(segment.first_s)))
                truth_w.append(segment.true_w[segment.first_s, column])
                length += len(series[-1])
        self._series, all_truth_w = np.concatenate(series), np.concatenate(truth_w)
        known = np.isfinite(all_truth_w)
        self._starts, self._truth_w = np.concatenate(starts)[known], all_truth_w[known]
        self._on = np.flatnonzero(self._truth_w >= appliance.on_threshold_w)
        self._random = np.random.default_rng(seed)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Windows (BATCH, 1, WINDOW) and the power in the middle of each, W."""
        at = self._random.integers(len(self._starts), size=BATCH)
        if len(self._on):
            at[::2] = self._random.choice(self._on, size=len(at[::2]))
        windows = self._series[self._starts[at][:, None] + np.arange(WINDOW)]
        return torch.from_numpy(windows)[:, None], torch.from_numpy(self._truth_w[at])


class Rival:
    """One appliance's network: five convolutions without padding and a dense layer."""

    def __init__(self, appliance: Appliance, examples: Examples, seed: int) -> None:
        torch.manual_seed(seed)
        self._examples, self._scale_w = examples, appliance.power_scale_w
        layers: list[nn.Module] = []
        width, length = 1, WINDOW
        for channels, kernel in ((30, 10), (30, 8), (40, 6), (50, 5), (50, 5)):
            layers += [nn.Conv1d(width, channels, kernel), nn.ReLU()]
            width, length = channels, length - kernel + 1
        self.convolutions = nn.Sequential(*layers)
        self.dense, self.last = nn.Linear(width * length, 1024), nn.Linear(1024, 1)
        self._parts = nn.ModuleList([self.convolutions, self.dense, self.last])
        self._optimizer = torch.optim.Adam(self._parts.parameters(), lr=LEARNING_RATE, fused=True)
        self.steps = 0

    def train(self, budget_s: float) -> None:
        """Go on for so many seconds of CPU time."""
        until_s = time.process_time() + budget_s
        while time.process_time() < until_s:
            x, y_w = self._examples.batch()
            # As ours: twice the steps in the same time.
            with torch.autocast("cpu", dtype=torch.bfloat16):
                said = self.say(x)
            loss = (said.float() - y_w / self._scale_w).square().mean()
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self.steps += 1

    def say(self, windows: Tensor) -> Tensor:
        """(n, 1, WINDOW) -> (n,) in units of the power scale."""
        return self.last(self.dense(self.convolutions(windows).flatten(1)).relu())[:, 0]

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def rows_w(self, segment: Segment) -> Floats:
        """Power in each row of a segment, as `say` says it to each window, but a hundred times sooner.

        The windows overlap: the convolutions run once over the segment, and the dense layer, which is one more
        convolution of 570 taps, is a product of spectra.
        """
        series = torch.from_numpy(standing_alone(segment, self._examples.mean_w, self._examples.spread_w))
        seen = self.convolutions(series[None, None])[0]
        weights = self.dense.weight.view(len(self.dense.weight), len(seen), -1)
        rows, step = len(segment.first_s), SPECTRUM - weights.shape[2] + 1
        blocks = -(-rows // step)
        filled = nn.functional.pad(seen, (0, (blocks - 1) * step + SPECTRUM - seen.shape[1]))
        spectra = torch.fft.rfft(filled.unfold(1, SPECTRUM, step)).permute(2, 0, 1)
        said = torch.zeros(blocks, step)
        for unit in range(0, len(weights), UNITS):
            some = slice(unit, unit + UNITS)
            taps = torch.fft.rfft(weights[some], SPECTRUM).conj().resolve_conj().permute(2, 0, 1)
            heard = torch.fft.irfft(torch.bmm(taps, spectra).permute(1, 2, 0), SPECTRUM)[:, :, :step]
            said += torch.einsum(
                "u,ubt->bt", self.last.weight[0, some], (heard + self.dense.bias[some, None, None]).relu()
            )
        power_w: Floats = ((said.flatten()[:rows] + self.last.bias).relu() * self._scale_w).numpy()
        return power_w


def judged(home: Home, power_w: list[Floats]) -> tuple[Score, dict[str, float]]:
    """Figures of one appliance at the better on-level, with less error of all power and power above that level."""
    (appliance,) = home.appliances
    true_w = np.concatenate([s.true_w[:, 0] for s in home.segments])
    known = np.isfinite(true_w)
    level_w = kindest_level_w(np.concatenate(power_w)[known], true_w[known] >= appliance.on_threshold_w)

    def at(on_w: float, least_w: float) -> Score:
        shown_w = [np.where(p >= least_w, p, 0)[:, None] for p in power_w]
        return scores(home, shown_w, [p[:, None] >= on_w for p in power_w])[0]

    plain = at(appliance.on_threshold_w, 0)
    best = min(at(level_w, 0), at(level_w, level_w), key=lambda s: s.mae_w)
    more = {"on_level_w": level_w, "f1_at_threshold": plain.f1, "mae_w_ungated": plain.mae_w}
    return best, more


def trained(appliance: Appliance, homes: Sequence[Home], tested: Home, minutes: float, seed: int) -> dict[str, object]:
    """Train one network, judge it now and then, and return the figures of the best check."""
    rival, best, figures = Rival(appliance, Examples(homes, appliance, seed), seed), -np.inf, {}
    for _ in range(CHECKS):
        rival.train(minutes * 60 / CHECKS)
        score, more = judged(tested, [rival.rows_w(s)[s.row] for s in tested.segments])
        print(f"{appliance.name}: step {rival.steps}, MAE {score.mae_w:.2f} W, F1 {score.f1:.3f}", flush=True)
        worth = score.f1 + (score.skill or 0)
        if worth > best:
            kept = {k: getattr(score, k) for k in ("f1", "precision", "recall", "mae_w", "always_zero_mae_w")}
            best, figures = worth, {k: round(v, 4) for k, v in {**kept, **more}.items()} | {"steps": rival.steps}
    return {**figures, "trained_on": [home.name for home in homes]}


def run(data: Path, test: str, names: Sequence[str], minutes: float, seed: int) -> dict[str, object]:
    """Those of `names` that the tested house and a training house label; `minutes` is each one's CPU time."""
    served = {name: a for name, a in registered().items() if name in APPLIANCES}
    homes = [read(data / name, served) for name in HOUSES if name != test]
    tested = read(data / test, served)
    found: dict[str, object] = {}
    for name in names:
        metering = [home for home in homes if served[name] in home.appliances]
        if metering and served[name] in tested.appliances:
            alone = read(data / test, {name: served[name]})
            found[name] = trained(served[name], metering, alone, minutes, seed)
    return {
        "data": tested.name,
        "cpu_minutes_each": minutes,
        "threads": torch.get_num_threads(),
        "seed": seed,
        "appliances": found,
    }


def main() -> int:
    """Train, choose, print and store the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {', '.join(HOUSES)}")
    parser.add_argument(
        "--test", choices=HOUSES, default="redd_house3.parquet", help="file to tune and score on (%(default)s)"
    )
    parser.add_argument(
        "--appliances", nargs="+", choices=APPLIANCES, default=APPLIANCES, help="only these (all three)"
    )
    parser.add_argument("--minutes", type=float, default=11, help="CPU time for each appliance (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (%(default)s)")
    options = parser.parse_args()
    if options.minutes <= 0 or options.threads < 1:
        parser.error("--minutes and --threads must be above 0")
    torch.set_num_threads(options.threads)
    try:
        figures = run(options.data, options.test, options.appliances, options.minutes, options.seed)
        tell(figures, options.json)
    except (NilmError, OSError) as error:
        print(f"seq2point: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
