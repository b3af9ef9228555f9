"""`evaluate`: how good the models are on a recording whose appliances were metered one by one."""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from edge import __version__
from edge.adapters import plots
from edge.adapters.files import write_whole
from edge.adapters.onnx_model import OnnxModel, load_models
from edge.core.busiest import Busiest
from edge.core.disaggregator import Disaggregator
from edge.core.metrics import Score, Tally, macro_f1, mean_coverage, teca
from edge.core.registry import Appliance
from edge.errors import ModelError
from edge.evaluation_text import as_text
from edge.recording import Recording

_TOLERANCE_W = 1e-6


def run(data: Path, models_dir: Path, fp32_dir: Path, out: Path | None, plots_dir: Path | None) -> dict[str, Any]:
    """Score every appliance that the models serve and the file labels; print a table, store figures and plots."""
    began_s = time.process_time()
    models, disabled = load_models(models_dir)
    for off in disabled:
        print(f"model {off.id} {off.version} is off: {off.reason}", file=sys.stderr)
    if not models:
        raise ModelError(f"{models_dir} has no model that serves")
    if plots_dir and not plots.available():
        print("no plots: matplotlib is not installed (pip install 'nilm-edge[train]')", file=sys.stderr)
        plots_dir = None
    recording = Recording(data, [a.name for model in models for a in model.spec.appliances])
    measured = Measured(recording, models, keep_days=plots_dir is not None, what=data.name)
    twins = fp32_twins(models, fp32_dir)
    exact = {s.appliance: s for s in Measured(recording, twins, what="fp32").scores} if twins else {}
    figures = {
        "version": __version__,
        "data": data.name,
        "models": [model.spec.name for model in models],
        "interval_s": recording.interval_s,
        "seconds": len(recording.at_ms),
        "segments": len(list(recording.segments())),
        "warmup_s": measured.warmup_s,
        **_appliances(recording, measured.scores, exact),
        "violations": {"sum_over_mains_s": measured.sum_over_mains_s, "negative_s": measured.negative_s},
        "not_measured": [c.appliance for c in Disaggregator(models).columns if c.appliance not in recording.columns],
        "columns_not_used": recording.unused,
        "cpu_s": round(time.process_time() - began_s, 1),
    }
    print(as_text(figures))
    if out:
        write_whole(out, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    if plots_dir and measured.busiest:
        print(f"\n{len(plots.draw(measured.busiest.days(), plots_dir))} plots are in {plots_dir}")
    return figures


class Measured:
    """What models say to a recording, second by second as when it would have been live, against its labels."""

    def __init__(
        self, recording: Recording, models: Sequence[OnnxModel], *, what: str, keep_days: bool = False
    ) -> None:
        self.warmup_s = self.sum_over_mains_s = self.negative_s = 0
        appliances, columns = _labelled(recording, models)
        tally, labels, progress = Tally(appliances), recording.labels(), _Progress(what, len(recording.at_ms))
        self.busiest = Busiest(appliances) if keep_days else None
        for segment in recording.segments():
            tally.start()
            at = segment.start
            for table in Disaggregator(models).score(recording.at_ms[segment], recording.mains_w[segment]):
                part = slice(at, at + len(table.at_ms))
                mains_w, true_w = recording.mains_w[part], labels.watts(part)
                tally.add(table.at_ms, table.values[:, columns], true_w)
                if self.busiest:
                    self.busiest.add(table, columns, mains_w, true_w)
                power_w = table.values["power_w"].astype(np.float64)
                self.warmup_s += int(table.values["warmup"].any(axis=1).sum())
                self.negative_s += int((power_w < 0).any(axis=1).sum())
                self.sum_over_mains_s += int((power_w.sum(axis=1) > np.maximum(mains_w, 0) + _TOLERANCE_W).sum())
                at = part.stop
                progress.at(at)
        self.scores = tally.scores()


def fp32_twins(models: Sequence[OnnxModel], folder: Path) -> list[OnnxModel]:
    """The same models before quantization, from the same training; none where one is missing."""
    twins = {twin.spec.name: twin for twin in load_models(folder)[0]}
    found = [twins[model.spec.name] for model in models if model.spec.name in twins]
    same = [twin for twin, model in zip(found, models, strict=False) if twin.spec.training == model.spec.training]
    return same if len(same) == len(models) else []


def _labelled(recording: Recording, models: Sequence[OnnxModel]) -> tuple[list[Appliance], list[int]]:
    """The appliances in the order of the recording's labels, and the columns that speak for them."""
    served = [a for model in models for a in model.spec.appliances]
    place = {a.name: n for n, a in enumerate(served)}
    columns = [place[name] for name in recording.columns]
    return [served[n] for n in columns], columns


def _appliances(recording: Recording, scores: Sequence[Score], exact: dict[str, Score]) -> dict[str, Any]:
    twins = [exact[s.appliance] for s in scores if s.appliance in exact]
    return {
        "appliances": [
            {**asdict(s), "column": recording.columns[s.appliance], "fp32": _exact(exact.get(s.appliance))}
            for s in scores
        ],
        "macro_f1": macro_f1(scores),
        "fp32_macro_f1": macro_f1(twins) if twins else None,
        "teca": teca(scores),
        "interval_coverage": mean_coverage(scores),
    }


def _exact(score: Score | None) -> dict[str, Any] | None:
    return None if score is None else {name: v for name, v in asdict(score).items() if name != "appliance"}


class _Progress:
    """Says on standard error how far it is: in place on a terminal, a line every quarter elsewhere."""

    def __init__(self, what: str, seconds: int) -> None:
        self._what, self._seconds, self._next_percent = what, seconds, 0
        self._terminal = sys.stderr.isatty()

    def at(self, second: int) -> None:
        percent = 100 * second // self._seconds
        if percent < self._next_percent:
            return
        self._next_percent = percent + 1 if self._terminal else 25 * (percent // 25 + 1)
        begin, end = ("\r", "\n" if percent == 100 else "") if self._terminal else ("", "\n")
        print(f"{begin}{self._what}: {percent} %", end=end, file=sys.stderr, flush=True)
