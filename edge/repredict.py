"""Predictions for hours whose mains changed or that have none: by the window graph, over what InfluxDB has."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.adapters.changed_hours import PREDICT, ChangedHours
from edge.adapters.influx import Influx
from edge.core.backfill import HOUR_MS, hours_between, runs
from edge.core.disaggregator import Disaggregator, Model
from edge.core.line_protocol import tick_lines
from edge.core.prediction import Tick
from edge.core.registry import DisabledModel
from edge.models import load_chosen
from edge.settings import Config
from edge.stored_mains import StoredMains

log = logging.getLogger("nilm.backfill")

DOING = "predict-doing"
"""Where notes stand while they are worked off: a kill loses none."""
_AT_ONCE_H = 4
_BEFORE_S = 3600
"""What was on is known an hour after history begins, as good as ever."""
_BATCH_S = 600


class Repredictor:
    """Works off the notes of `PREDICT`; then snapshot and sync look at those hours again."""

    def __init__(self, config: Config, influx: Influx, say: Callable[[str], None]) -> None:
        self._bucket = config.influx.bucket_pred
        self._influx = influx
        self._stored = StoredMains(config, influx)
        self._changed = ChangedHours(Path(config.data_dir))
        self._config = config
        self._say = say
        self.seconds = 0
        self.waits = ""
        self._loaded: tuple[list[Model], list[DisabledModel]] | None = None

    def turn(self, building: str, settled_ms: int) -> None:
        """All noted hours of a building, up to `settled_ms`; an hour that is not settled stays noted."""
        noted = {at for reader in (PREDICT, DOING) for at in self._changed.waiting(reader).get(building, [])}
        due = [hour_ms for hour_ms in noted if hour_ms < settled_ms]
        if not due:
            return
        models, disabled = self._loaded = self._loaded or load_chosen(self._config)
        if disabled or not models:
            off = ", ".join(f"{model.id} {model.version} is off: {model.reason}" for model in disabled) or "no model"
            self.waits = f"predictions wait until each model serves: {off}"
            self._changed.note(building, due)
            return
        for start_ms, end_ms in runs(due, _AT_ONCE_H):
            self._run(Disaggregator(models), building, start_ms, end_ms, settled_ms)

    def _run(self, models: Disaggregator, building: str, start_ms: int, end_ms: int, settled_ms: int) -> None:
        hours_ms = hours_between(start_ms, end_ms)
        self._changed.note(building, hours_ms, (DOING,))
        for hour_ms in hours_ms:
            self._changed.clear(PREDICT, building, hour_ms)
        reaches_ms = end_ms + models.history_s * 1000  # so far a sample matters
        self._predict(models, building, start_ms, min(reaches_ms, settled_ms))
        if reaches_ms > settled_ms:
            self._changed.note(building, hours_ms, (PREDICT,))  # predictions to come do not know of it
        self._changed.note(building, hours_between(start_ms, min(reaches_ms, settled_ms)))
        for hour_ms in hours_ms:
            self._changed.clear(DOING, building, hour_ms)

    def _predict(self, models: Disaggregator, building: str, start_ms: int, end_ms: int) -> None:
        known = self._stored.read(building, start_ms - (models.history_s + _BEFORE_S) * 1000, end_ms)
        if not len(known.at_s) or known.at_s[-1] * 1000 < start_ms:
            return
        self._say(f"{building}: predicting {(end_ms - start_ms) / HOUR_MS:.1f} h again")
        for table in models.score(known.at_s * 1000, known.power_w):
            wanted = np.flatnonzero(table.at_ms >= start_ms)
            for first in range(0, len(wanted), _BATCH_S):
                lines: list[str] = []
                for n in wanted[first : first + _BATCH_S]:
                    at_ms, other_w = int(table.at_ms[n]), float(table.other_w[n])
                    lines += tick_lines(Tick(building, at_ms, table.columns, table.values[n], other_w))
                self._influx.write(self._bucket, "\n".join(lines))
            self.seconds += len(wanted)
