"""A model of which only some appliances count: those that the home has."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.core.disaggregator import Model
from edge.core.physics import HEADS
from edge.core.registry import ModelSpec


class Chosen:
    """The `model`, silent about every appliance that is not in `names`."""

    def __init__(self, model: Model, names: Collection[str]) -> None:
        known = model.spec.appliances
        self._model = model
        self._kept = np.flatnonzero(np.tile([appliance.name in names for appliance in known], HEADS))
        self.spec: ModelSpec = replace(model.spec, appliances=tuple(a for a in known if a.name in names))

    def step(self, x: NDArray[np.uint8], taps: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """As the model's."""
        y, activations = self._model.step(x, taps)
        return y[:, self._kept], activations

    def window(self, x: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As the model's."""
        return self._model.window(x)[:, self._kept]

    def replay(self, x: NDArray[np.uint8]) -> tuple[NDArray[np.float32], list[NDArray[np.uint8]]]:
        """As the model's."""
        y, layers = self._model.replay(x)
        return y[:, self._kept], layers
