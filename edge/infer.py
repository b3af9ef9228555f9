"""nilm-infer: each new sample gets one prediction per appliance, at its own second."""

import logging
import time
from dataclasses import dataclass, replace
from typing import Any

from edge.adapters.streams import Streams
from edge.circuits import circuits_of
from edge.core.disaggregator import Disaggregator, Model
from edge.core.prediction import Tick
from edge.core.sample import Sample
from edge.errors import Unavailable
from edge.models import describe_disabled, describe_loaded, load_chosen
from edge.settings import Config
from edge.unit import Unit, now_ms


def run(config: Config) -> None:
    """Serve until told to stop; SIGHUP, or a wish in Redis, loads the models anew."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h, circuits=circuits_of(config))
    unit = Unit("infer", streams)
    asked = _asked(streams)  # before the files are read: a wish in between asks once more
    loaded = _load(config, unit.log)
    predictor = Predictor(streams, Disaggregator(loaded.models))
    while not unit.stopping:
        try:
            if unit.reload_wanted or streams.reloads() != asked:
                unit.reload_wanted, asked = False, streams.reloads()  # before the files are read, too
                loaded = _reload(config, unit.log, loaded, predictor)
            predictor.turn()
            unit.worked()
        except Unavailable as error:
            predictor.start_over()
            unit.failed(error)
        unit.beat(predictor.status(), lag_ms=predictor.lag_ms, models=loaded.said, reload=loaded.reload, asked=asked)


def _asked(streams: Streams) -> int:
    try:
        return streams.reloads()
    except Unavailable:
        return 0


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The models that serve, what is said of all of them, and how the last reload went."""

    models: list[Model]
    said: list[dict[str, Any]]
    reload: str = ""


def _load(config: Config, log: logging.Logger) -> _Loaded:
    models, disabled = load_chosen(config)
    for model in disabled:
        log.error("model %s %s is off: %s", model.id, model.version, model.reason)
    return _Loaded(models, [describe_loaded(model) for model in models] + [describe_disabled(off) for off in disabled])


def _reload(config: Config, log: logging.Logger, old: _Loaded, predictor: "Predictor") -> _Loaded:
    """Serve with the models that are there now; with the old ones where one that served is broken."""
    new = _load(config, log)
    broken = [said["reason"] for said in new.said if said["state"] == "disabled"]
    if broken and {model.spec.id for model in old.models} - {model.spec.id for model in new.models}:
        log.error("the old models stay in service: %s", "; ".join(broken))
        return replace(old, reload=f"failed, the old models serve: {'; '.join(broken)}")
    predictor.use(Disaggregator(new.models))
    log.info("serving with %s", ", ".join(model.spec.name for model in new.models) or "no model")
    return replace(new, reload="done")


class Predictor:
    """Follows every building's window and answers each new sample; resumes at the first one without a prediction."""

    def __init__(self, streams: Streams, disaggregator: Disaggregator) -> None:
        self._streams = streams
        self._disaggregator = disaggregator
        self._next: Disaggregator | None = None
        self._predicted_ms: dict[str, int] = {}
        self._unstored: list[Tick] = []
        self.lag_ms = 0

    def turn(self, timeout_s: float = 0.5) -> None:
        """Wait for new samples and predict them; Unavailable leaves the rest for the next turn."""
        self._store()
        if self._next is not None:
            self._disaggregator, self._next = self._next, None
            self._predicted_ms.clear()
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

    def use(self, disaggregator: Disaggregator) -> None:
        """Go on with other models from the next turn, at the first second without predictions."""
        self._next = disaggregator

    def start_over(self) -> None:
        """After a fault: take up where Redis says, which may have lost its last second and what was said of it."""
        self._predicted_ms.clear()
        self._unstored = []

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
