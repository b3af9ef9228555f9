"""The recipe of the shipped model: what it sees, its shape, and the appliances it tells apart."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.registry import Feature, Preprocessing

CHANNELS = 64
HIDDEN = 64
KERNEL = 3
DILATIONS_S = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 16, 128)
MEMORY_S = 1200
HISTORY_S = (KERNEL - 1) * sum(DILATIONS_S) + MEMORY_S


@dataclass(frozen=True)
class Target:
    """An appliance: on above `on_threshold_w`, the unit of its power head, least times of a run and of a pause."""

    name: str
    on_threshold_w: float
    power_scale_w: float
    min_on_s: int
    min_off_s: int


TARGETS = (
    Target("HeatPump", 150, 1500, 10, 5),
    Target("Dishwasher", 10, 1500, 10, 5),
    Target("WashingMachine", 20, 1000, 5, 2),
    Target("Dryer", 50, 1500, 10, 5),
    Target("Oven", 200, 2000, 2, 2),
    Target("Stove", 100, 1500, 2, 2),
    Target("RangeHood", 15, 100, 5, 5),
    Target("EVCharger", 500, 5000, 10, 10),
    Target("EVSocket", 500, 2000, 10, 10),
    Target("RainwaterPump", 100, 800, 1, 1),
    Target("Fridge", 50, 120, 5, 5),
    Target("Microwave", 200, 1200, 2, 2),
    Target("Kettle", 1000, 2200, 2, 2),
)

REAL_TARGETS = tuple(t for t in TARGETS if t.name in ("Fridge", "Microwave", "Dishwasher"))
"""What is labelled in enough real homes to train on."""

SIZED = ("Microwave",)
"""Which of these have a least power: a beam is there or not, where fridges and dishwashers draw little, too."""


def preprocessing() -> Preprocessing:
    """Mains in six bands of falling resolution, export, changes over four lags both ways, the rise over the least."""
    bands = ((0, 1), (256, 2), (768, 4), (1792, 8), (3840, 16), (7936, 32))
    features = [Feature("level", 0, 1, float(offset_w), float(step_w)) for offset_w, step_w in bands]
    features.append(Feature("level", 0, -1, 0.0, 32.0))
    for lag_s, steps_w in ((1, (1, 8)), (4, (2, 24)), (20, (4, 24)), (120, (16,))):
        features += [Feature("change", lag_s, sign, 0.0, float(step_w)) for step_w in steps_w for sign in (1, -1)]
    features += [
        Feature("rise", 0, 1, float(offset_w), float(step_w)) for offset_w, step_w in ((0, 1), (256, 4), (1280, 32))
    ]
    return Preprocessing(max_fill_s=20, memory_s=MEMORY_S, features=tuple(features))


def bands() -> NDArray[np.float32]:
    """(feature, feature): 1 where the column's feature is the row's, or a finer band of the same signal."""
    signals = [(f.kind, f.lag_s, f.sign) for f in preprocessing().features]
    same = np.array([[one == other for other in signals] for one in signals], np.float32)
    return np.tril(same)


def as_entry() -> dict[str, object]:
    """The registry's preprocessing and network objects."""
    return {
        "history_s": HISTORY_S,
        "preprocessing": asdict(preprocessing()),
        "network": {"channels": CHANNELS, "kernel": KERNEL, "dilations_s": list(DILATIONS_S)},
    }
