"""`bench inference`: what one second costs, for one building and for many, and against running a whole hour again."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from edge.adapters.files import write_whole
from edge.adapters.onnx_model import load_models
from edge.adapters.processes import output_of
from edge.bench import machine
from edge.core.disaggregator import Disaggregator
from edge.core.sample import WINDOW_S
from edge.errors import ModelError
from edge.models import models_dir
from edge.settings import Config
from edge.simulate import Home

BATCHES = (1, 16, 256, 1024)
_START_S = 1_767_571_200
_WARM_UP = 100
_BATCH_TICKS, _ROUNDS = 60, 5
_REPEATS = 50
_PREDECESSOR = Path(__file__).parents[2] / "scripts" / "baselines" / "predecessor.py"


def run(config: Config, ticks: int, out: Path | None) -> dict[str, Any]:
    """Measure on one thread with the simulated home's mains, print and store the figures."""
    models, disabled = load_models(models_dir(config))
    if not models:
        raise ModelError(f"no model to measure: {'; '.join(model.reason for model in disabled)}")
    home = Home(config)
    mains_w = np.array([home.sample(_START_S + n).power_w for n in range(WINDOW_S + _WARM_UP + ticks)])
    took_ms = _ticks_ms(Disaggregator(models), mains_w[WINDOW_S:], 1)[_WARM_UP:]
    rss_mib = machine.own_rss_mib()
    p50_ms, p99_ms = (float(np.quantile(took_ms, rank)) for rank in (0.5, 0.99))
    window_ms = _window_ms(Disaggregator(models), mains_w[:WINDOW_S])
    predecessor_ms = _predecessor_ms()
    figures = {
        **machine.describe(),
        "models": [model.spec.name for model in models],
        "appliances": len(Disaggregator(models).columns),
        "ticks": len(took_ms),
        "p50_ms": round(p50_ms, 4),
        "p99_ms": round(p99_ms, 4),
        "building_ticks_per_s": {
            str(count): round(_building_ticks_per_s(Disaggregator(models), mains_w, count)) for count in BATCHES
        },
        "warm_start_ms": round(_warm_start_ms(Disaggregator(models), mains_w[:WINDOW_S]), 2),
        "window_ms": round(window_ms, 3),
        "ratio_window": round(window_ms / p50_ms, 1),
        "predecessor_ms": predecessor_ms,
        "ratio_predecessor": None if predecessor_ms is None else round(predecessor_ms / p50_ms),
        "rss_mib": rss_mib,
    }
    _print(figures)
    if out:
        write_whole(out, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures


def _ticks_ms(disaggregator: Disaggregator, mains_w: np.ndarray[Any, np.dtype[np.float64]], count: int) -> list[float]:
    """How long each second took, from samples in to post-processed ticks out, for `count` buildings in one call."""
    names = [f"building-{n}" for n in range(count)]
    took_ms = []
    for n, power_w in enumerate(mains_w.tolist()):
        at_ms, powers_w = [(_START_S + n) * 1000] * count, [power_w] * count
        began_s = time.perf_counter()
        disaggregator.predict_many(names, at_ms, powers_w)
        took_ms.append((time.perf_counter() - began_s) * 1000)
    return took_ms


def _building_ticks_per_s(
    disaggregator: Disaggregator, mains_w: np.ndarray[Any, np.dtype[np.float64]], count: int
) -> float:
    """The best of some rounds: what other work on the machine takes away is not the appliance's."""
    took_ms = np.array(_ticks_ms(disaggregator, mains_w[: _ROUNDS * _BATCH_TICKS], count))
    return 1000 * count / float(np.median(took_ms.reshape(_ROUNDS, -1), axis=1).min())


def _window_ms(disaggregator: Disaggregator, mains_w: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The common way: the whole last hour through the window graph, for its newest second."""
    at_ms = (_START_S + np.arange(len(mains_w))) * 1000
    return _median_ms(lambda: list(disaggregator.score(at_ms, mains_w)))


def _predecessor_ms() -> float | None:
    """Ten attention networks over 4096 samples each second, in PyTorch; None without it."""
    printed = output_of([sys.executable, str(_PREDECESSOR)], 120)
    return float(orjson.loads(printed)["tick_ms"]) if printed else None


def _warm_start_ms(disaggregator: Disaggregator, mains_w: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    hour = [((_START_S + n) * 1000, power_w) for n, power_w in enumerate(mains_w.tolist())]
    return _median_ms(lambda: disaggregator.warm("building", hour))


def _median_ms(work: Any) -> float:
    took_ms = []
    for _ in range(_REPEATS):
        began_s = time.perf_counter()
        work()
        took_ms.append((time.perf_counter() - began_s) * 1000)
    return float(np.median(took_ms))


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['machine']}: {figures['processor']}, one thread; {', '.join(figures['models'])}\n")
    print(f"one second of {figures['appliances']} appliances   p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms")
    print(f"the last hour each second       {figures['window_ms']} ms, {figures['ratio_window']} times as long")
    if figures["predecessor_ms"] is None:
        print("ten networks over 4096 samples  not measured: needs PyTorch (the extra `train`) and a checkout")
    else:
        times = f"{figures['ratio_predecessor']} times as long"
        print(f"ten networks over 4096 samples  {figures['predecessor_ms']} ms, {times}")
    print(f"warm start from an hour         {figures['warm_start_ms']} ms")
    print(f"resident memory                 {figures['rss_mib']} MiB\n")
    for count, rate in figures["building_ticks_per_s"].items():
        print(f"{count:>5} buildings at once{rate:>12,} building-ticks/s")
