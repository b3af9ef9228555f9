"""The models for questions about a window of one's own: loaded at the first, anew once the registry is another."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.errors import Unavailable
from edge.settings import Config

if TYPE_CHECKING:
    from edge.adapters.onnx_model import OnnxModel
    from edge.core.prediction import Column

_PATIENCE_S = 5.0


class WindowModels:
    """The configured models. One question at a time: each takes a core for some 40 ms."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._models: list[OnnxModel] = []
        self._seen: tuple[int, int] | None = None

    def predict(self, appliance: str, at_ms: int, power_w: Sequence[float]) -> "tuple[Column, Any] | None":
        """What is said of the last second of mains that end at `at_ms`; None where no model knows the appliance.

        Unavailable while no model serves, or too many ask.
        """
        from edge.core.disaggregator import Disaggregator  # noqa: PLC0415 - onnxruntime, 40 MiB, for whoever asks

        with self._ready():
            at = at_ms + 1000 * np.arange(1 - len(power_w), 1, dtype=np.int64)
            *_, table = Disaggregator(self._models).score(at, np.array(power_w, np.float64))
        for n, column in enumerate(table.columns):
            if column.appliance == appliance:
                return column, table.values[-1, n]
        return None

    def preprocess(self, power_w: Sequence[float]) -> list[dict[str, Any]]:
        """Each model's inputs at the last second of mains."""
        from edge.core.features import Encoder  # noqa: PLC0415

        found = []
        with self._ready():
            for spec in (model.spec for model in self._models):
                vector = Encoder(spec.preprocessing).encode_series(np.array(power_w, np.float32))[-1].tolist()
                about = [{"kind": feature.kind, "lag_s": feature.lag_s} for feature in spec.preprocessing.features]
                found.append({"model": spec.name, "features": about, "vector": vector})
        return found

    @contextmanager
    def _ready(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise Unavailable("others are asking already")
        try:
            self._load()
            if not self._models:
                raise Unavailable("no model serves: see /models")
            yield
        finally:
            self._lock.release()

    def forget(self) -> int:
        """Load anew at the next question; how many models were loaded."""
        with self._lock:
            number, self._models, self._seen = len(self._models), [], None
        return number

    @property
    def loaded(self) -> list[str]:
        """The models that are in memory."""
        return [model.spec.name for model in self._models]

    def _load(self) -> None:
        """What is there now; the old ones where one of them is broken or gone wrong."""
        from edge.adapters.onnx_model import load_models  # noqa: PLC0415
        from edge.models import models_dir  # noqa: PLC0415

        folder = models_dir(self._config)
        try:
            about = (folder / "registry.json").stat()
            seen: tuple[int, int] | None = (about.st_mtime_ns, about.st_size)
        except OSError:
            seen = None
        if self._models and seen == self._seen:
            return
        models, disabled = load_models(folder)
        if disabled and {model.id for model in self._models} - {model.id for model in models}:
            return
        self._models, self._seen = models, seen
