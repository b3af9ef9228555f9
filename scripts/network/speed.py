"""How fast the models of a folder are, on one thread: python -m network.speed MODELS, with scripts/ on the path."""

import sys
import time
from pathlib import Path

import numpy as np

from edge.adapters.onnx_model import load_models
from edge.core.disaggregator import Disaggregator

START_MS = 1_800_000_000_000
BATCHES = (1, 16, 256, 1024)
TICKS, BATCH_TICKS = 20_000, 50


def main() -> None:
    """Print the time of a tick, of batches of buildings, and of a restart."""
    models, _ = load_models(Path(sys.argv[1]))
    took_ms = _ticks_ms(Disaggregator(models), 1, TICKS)[100:]
    p50_ms, p99_ms = np.quantile(took_ms, (0.5, 0.99))
    print(f"a tick of {len(Disaggregator(models).columns)} appliances: p50 {p50_ms:.3f} ms, p99 {p99_ms:.3f} ms")
    for count in BATCHES:
        took_ms = _ticks_ms(Disaggregator(models), count, BATCH_TICKS)[5:]
        print(f"{count} buildings at once: {1000 * count / np.median(took_ms):,.0f} building-ticks/s")
    hour = [(START_MS + 1000 * s, 300.0 + s % 60) for s in range(3600)]
    one = Disaggregator(models)
    restarts_ms = []
    for _ in range(20):
        began_s = time.perf_counter()
        one.warm("b", hour)
        restarts_ms.append(1000 * (time.perf_counter() - began_s))
    print(f"warm start from an hour: {np.median(restarts_ms):.1f} ms")


def _ticks_ms(disaggregator: Disaggregator, buildings: int, ticks: int) -> list[float]:
    """How long each of so many consecutive seconds took."""
    names = [f"b{n}" for n in range(buildings)]
    random, took_ms = np.random.default_rng(1), []
    for second in range(ticks):
        at_ms, power_w = [START_MS + 1000 * second] * buildings, random.uniform(0, 6000, buildings).tolist()
        began_s = time.perf_counter()
        disaggregator.predict_many(names, at_ms, power_w)
        took_ms.append(1000 * (time.perf_counter() - began_s))
    return took_ms


if __name__ == "__main__":
    main()
