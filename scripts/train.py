"""Train the network, on simulated homes or on metered ones.

The last part of the time trains with quantization simulated, so that the INT8 artifact loses nothing; after it the last
two layers alone go on for a little, on what the INT8 graph gives them. Rerun the same command to go on from the
checkpoint.

examples:
  python scripts/train.py --minutes 1 --out build/train      # a quick look
  python scripts/train.py --out build/train                  # a model like the shipped one, then scripts/quantize.py
  python scripts/train.py --protocol redd --data DIR --out build/redd
      # on REDD houses 1, 4, 5, tuned on 3 (--aside); build/redd is a models folder for `nilm-edge evaluate --models`
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from network import artifact, real, recipe
from network.data import OWN_DAYS, HomePool, own_days
from network.intervals import with_intervals
from network.measure import fit
from network.model import Network, loss
from simulated_home import FIRST_TRAINING_SEED

from edge.errors import NilmError

EVERY_S = 16
"""The loss looks at one second in so many: neighbours say the same, and the rest need not be reckoned (model.py)."""
REFRESH_STEPS, FILLED = 4, 4
"""A pool takes in a home in so many steps, and holds such a part of its homes at first."""
CALIBRATION_CROPS = 12
EVEN_SHARE, IMPORTANCE = 0.05, (0.5, 4.0)
"""An appliance weighs sqrt(EVEN_SHARE / its share of seconds on), within these limits."""
MINUTES = {"simulated": 47.0, "redd": 16.0}
SIMULATED_SHARE = 0.75
"""First share of the REDD protocol on simulated homes alone: of few metered ones all runs are soon known by heart."""
LAST_LAYERS, LAST_RATE = 0.04, 0.05
"""So much more time is for the last two layers alone, at so much of the rate, and in float32: until then numbers have
the 8 bits of bfloat16, and what is rounded twice is not what the INT8 graph rounds once."""
REDD_HOUSES = ("redd_house1", "redd_house3", "redd_house4", "redd_house5")


class Pool(Protocol):
    """Where crops come from."""

    @property
    def next_seed(self) -> int:
        """The simulated home to come."""

    def refresh(self) -> None:
        """Take in the next simulated home."""

    def on_share(self) -> NDArray[np.float64]:
        """Each appliance's share of seconds on, (appliance,)."""

    def batch(self, crops: int, length_s: int, every_s: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Inputs (crop, feature, t), watts (crop, appliance, t // every_s)."""


@dataclass
class Progress:
    """What a checkpoint holds besides the weights."""

    step: int = 0
    elapsed_s: float = 0.0
    next_seed: int = FIRST_TRAINING_SEED


def main() -> int:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=tuple(MINUTES), default="simulated", help="what to train on (simulated)")
    parser.add_argument("--data", type=Path, help="folder of redd_house1.parquet and so on, for --protocol redd")
    parser.add_argument(
        "--aside",
        choices=REDD_HOUSES,
        default="redd_house3",
        help="house that constants are fitted on alone (%(default)s)",
    )
    parser.add_argument("--minutes", type=float, help="CPU time a thread; the last layers take 4 %% more (47; redd 16)")
    parser.add_argument("--quantized", type=float, default=0.14, help="last share of it with quantization (0.14)")
    parser.add_argument("--out", type=Path, default=Path("build/train"), help="folder of the checkpoint (build/train)")
    parser.add_argument("--seed", type=int, default=1, help="of the weights (1)")
    parser.add_argument("--crops", type=int, default=6, help="crops a step (6)")
    parser.add_argument("--length-s", type=int, default=12288, help="seconds a crop (12288)")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate (0.002)")
    parser.add_argument("--pool", type=int, default=250, help="homes kept to crop from (250)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (2)")
    arguments = parser.parse_args()
    arguments.minutes = arguments.minutes or MINUTES[arguments.protocol]
    if arguments.protocol == "redd" and not arguments.data:
        parser.error("--protocol redd needs --data, the folder of the REDD files")
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)  # each of ours works on its own crops: quicker than several on one
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (redd if arguments.protocol == "redd" else simulated)(arguments)
    except (NilmError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    return 0


def simulated(arguments: argparse.Namespace) -> None:
    """Train what ships on random homes and, each second crop, on the shipped home's other days."""
    trainer = Trainer(arguments, recipe.TARGETS)
    seed = trainer.progress.next_seed
    homes = HomePool(arguments.pool, recipe.TARGETS, first_seed=seed, own=own_days(0, OWN_DAYS))
    homes.refresh(arguments.pool // FILLED)
    trainer.train(homes)


def redd(arguments: argparse.Namespace) -> None:
    """Train on simulated homes, then on REDD houses among them, fit on the house kept aside, write a models folder."""
    targets = recipe.REAL_TARGETS
    trained = [name for name in REDD_HOUSES if name != arguments.aside]
    homes = [part for name in trained for part in real.read(arguments.data / f"{name}.parquet", targets)]
    tuned = real.read(arguments.data / f"{arguments.aside}.parquet", targets)
    trainer = Trainer(arguments, targets)
    seed = trainer.progress.next_seed
    homes_at_hand = HomePool(
        min(arguments.pool, 120), targets, first_seed=seed, slow_meters=real.SLOW_METERS, passed_over=real.PASSED_OVER
    )
    homes_at_hand.refresh(arguments.pool // FILLED)
    trainer.train(homes_at_hand, until=SIMULATED_SHARE)
    trainer.train(real.RealPool(homes, homes_at_hand, arguments.seed))
    training = {"data": ", ".join(trained), "tuned_on": arguments.aside, "minutes": arguments.minutes}
    facts = {"id": "redd", "version": "1", **recipe.as_entry(), "training": training}
    plan = trainer.network.plan()
    model = artifact.write(arguments.out, plan, facts, artifact.uncalibrated(targets), {}, quantized=True)
    constants = fit(model, tuned, sized=recipe.SIZED)
    artifact.write(arguments.out, plan, facts, with_intervals(model, constants, tuned), {}, quantized=True)
    print(f"nilm-edge evaluate HOUSE.parquet --models {arguments.out}")


class Trainer:
    """A network on its way, and its checkpoint."""

    def __init__(self, arguments: argparse.Namespace, targets: tuple[recipe.Target, ...]) -> None:
        self._arguments, self._targets = arguments, targets
        self._path = arguments.out / "checkpoint.pt"
        self.network, self.progress = Network(len(targets)), Progress()
        self._workers = ThreadPoolExecutor(arguments.threads)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=arguments.rate, weight_decay=0.01, betas=(0.9, 0.98)
        )
        if self._path.exists():
            saved = torch.load(self._path, weights_only=True)
            self.network.load_state_dict(saved["network"])
            self._optimizer.load_state_dict(saved["optimizer"])
            self.progress = Progress(**saved["progress"])
            print(f"going on from step {self.progress.step}")

    def train(self, pool: Pool, *, until: float = 1 + LAST_LAYERS) -> None:
        """Train until this share of the minutes is used up; the checkpoint is written each minute."""
        arguments, network, progress = self._arguments, self.network, self.progress
        importance = np.clip(np.sqrt(EVEN_SHARE / np.maximum(pool.on_share(), 1e-6)), *IMPORTANCE)
        rows = [[t.on_threshold_w, t.power_scale_w, float(w)] for t, w in zip(self._targets, importance, strict=True)]
        constants = torch.tensor(rows).T[:, :, None]
        weight = _weights(arguments.length_s)
        budget_s, saved_s, shown_s, recent = arguments.minutes * 60, progress.elapsed_s, progress.elapsed_s, []
        began_s = _used_s(arguments.threads) - progress.elapsed_s
        while progress.elapsed_s < until * budget_s:
            share = progress.elapsed_s / budget_s
            quantized, last = share >= 1 - arguments.quantized, share >= 1
            if last:
                network.freeze_body()
            if quantized and not network.scales[0]:
                network.calibrate(torch.from_numpy(pool.batch(CALIBRATION_CROPS, arguments.length_s, EVERY_S)[0]) / 255)
                print(f"step {progress.step}: quantization is simulated from here")
            for group in self._optimizer.param_groups:
                group["lr"] = arguments.rate * min(1, (progress.step + 1) / 200) * _decay(share)
            if progress.step % REFRESH_STEPS == 0:
                pool.refresh()
            batch = (torch.from_numpy(part) for part in pool.batch(arguments.crops, arguments.length_s, EVERY_S))
            self._optimizer.zero_grad()
            learn = partial(self._learn, torch.float32 if last else torch.bfloat16, constants, weight)
            values = list(self._workers.map(learn, *(part.chunk(arguments.threads) for part in batch)))
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            self._optimizer.step()
            recent.append(sum(values))
            progress.step += 1
            progress.elapsed_s, progress.next_seed = _used_s(arguments.threads) - began_s, pool.next_seed
            if progress.elapsed_s - shown_s > 20:
                shown_s = progress.elapsed_s
                print(f"{shown_s / 60:5.1f} min  step {progress.step}  loss {np.mean(recent):.4f}", flush=True)
                recent.clear()
            if progress.elapsed_s - saved_s > 60 or progress.elapsed_s >= until * budget_s:
                saved_s = progress.elapsed_s
                self._save()

    def _learn(
        self,
        form: torch.dtype,
        constants: torch.Tensor,
        weight: torch.Tensor,
        x: torch.Tensor,
        power_w: torch.Tensor,
    ) -> float:
        """Add these crops' share of a step's gradients; every thread takes as many."""
        y = self.network(x / 255, every_s=EVERY_S, form=form)
        value = loss(y.float(), power_w, constants, weight) * (len(x) / self._arguments.crops)
        value.backward()
        return float(value.detach())

    def _save(self) -> None:
        part = self._path.with_suffix(".part")
        state = {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}
        torch.save({**state, "progress": vars(self.progress)}, part)
        part.replace(self._path)


def _used_s(threads: int) -> float:
    """CPU time a thread: a busy machine trains as long as an idle one, only later."""
    return time.process_time() / threads


def _weights(length_s: int) -> torch.Tensor:
    """How much each second of a crop counts: less while the network has not its whole history."""
    weight = torch.ones(length_s)
    weight[: recipe.HISTORY_S] = 0.5
    weight[: recipe.HISTORY_S // 4] = 0.2
    return weight[EVERY_S - 1 :: EVERY_S]


def _decay(share: float) -> float:
    """Cosine from 1 to 0.01; for the last layers then from LAST_RATE to 0."""
    if share >= 1:
        return LAST_RATE * max(0.0, 1 - (share - 1) / LAST_LAYERS)
    return max(0.01, float(0.5 + 0.5 * np.cos(np.pi * share)))


if __name__ == "__main__":
    sys.exit(main())
