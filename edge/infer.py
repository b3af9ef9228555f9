"""nilm-infer: each new sample gets one prediction per appliance, at its own second."""

import time
from pathlib import Path
from typing import Any

from edge.adapters.onnx_model import load_models
from edge.adapters.streams import Streams
from edge.core.disaggregator import Disaggregator
from edge.core.prediction import Tick
from edge.core.registry import ModelSpec
from edge.core.sample import Sample
from edge.errors import Unavailable
from edge.settings import Config
from edge.unit import Unit, now_ms

SHIPPED_MODELS = Path(__file__).parent.parent / "models"


def run(config: Config) -> None:
    """Serve until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    unit = Unit("infer", streams)
    models, disabled = load_models(Path(config.infer.models_dir or SHIPPED_MODELS))
    for model in disabled:
        unit.log.error("model %s %s is off: %s", model.id, model.version, model.reason)
    known = [_describe(model.spec) for model in models] + [
        {"id": model.id, "version": model.version, "state": "disabled", "reason": model.reason} for model in disabled
    ]
    predictor = Predictor(streams, Disaggregator(models))
    while not unit.stopping:
        try:
            predictor.turn()
            unit.worked()
        except Unavailable as error:
            unit.failed(error)
        unit.beat(predictor.status(), lag_ms=predictor.lag_ms, models=known)


class Predictor:
    """Follows every building's window and answers each new sample; resumes at the first one without a prediction."""

    def __init__(self, streams: Streams, disaggregator: Disaggregator) -> None:
        self._streams = streams
        self._disaggregator = disaggregator
        self._predicted_ms: dict[str, int] = {}
        self._unstored: list[Tick] = []
        self.lag_ms = 0

    def turn(self, timeout_s: float = 0.5) -> None:
        """Wait for new samples and predict them; Unavailable leaves the rest for the next turn."""
        self._store()
        for building in self._streams.buildings():
            if building not in self._predicted_ms:
                self._resume(building)
        if not self._predicted_ms:
            time.sleep(timeout_s)
            return
        fresh = self._streams.wait("window", self._predicted_ms, timeout_s)
        samples = {building: self._streams.samples_after(building, self._predicted_ms[building]) for building in fresh}
        while any(samples.values()):
            self._predict([waiting.pop(0) for waiting in samples.values() if waiting])

    def status(self) -> str:
        """How it goes, in words."""
        names = ", ".join(sorted(self._predicted_ms)) or "no building yet"
        return f"{len(self._disaggregator.columns)} appliances for {names}, lag {self.lag_ms} ms"

    def _resume(self, building: str) -> None:
        """Take up where the last process stopped: history up to the last prediction, then what has none."""
        predicted_ms = self._streams.newest_ms(building, "predictions") or 0
        history = [(s.at_ms, s.power_w) for s in self._streams.window(building) if s.at_ms <= predicted_ms]
        tables = self._streams.predictions(building)
        self._disaggregator.warm(building, history, tables[-1] if tables else None)
        self._predicted_ms[building] = predicted_ms

    def _predict(self, samples: list[Sample]) -> None:
        self._unstored = self._disaggregator.predict_many(
            [s.building for s in samples], [s.at_ms for s in samples], [s.power_w for s in samples]
        )
        self._store()

    def _store(self) -> None:
        """Store what is predicted: the models have moved on, and no second can be predicted twice."""
        self._streams.add_ticks(self._unstored)
        for tick in self._unstored:
            self._predicted_ms[tick.building] = tick.at_ms
            self.lag_ms = now_ms() - tick.at_ms
        self._unstored = []


def _describe(spec: ModelSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "version": spec.version,
        "state": "ok",
        "appliances": [appliance.name for appliance in spec.appliances],
        "sha256": spec.step.sha256,
        "metrics": spec.metrics,
    }
