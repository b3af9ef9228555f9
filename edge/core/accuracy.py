"""How right predictions are where an appliance has a meter of its own: sums of an hour, and what they come to."""

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.metrics import rates

HOUR_MS = 3_600_000
SPANS_H = {"day": 24, "week": 7 * 24}
"""What is told of: the running hour and those before it, so many together."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Over seconds that were both predicted and measured; the names are those of edge.core.metrics."""

    seconds: int = 0
    error_w: float = 0.0
    true_w: float = 0.0
    said_w: float = 0.0
    true_s: int = 0
    said_s: int = 0
    hits_s: int = 0


def sums_of(
    power_w: NDArray[np.float64], on: NDArray[np.bool_], measured_w: NDArray[np.float64], on_threshold_w: float
) -> Sums:
    """The sums of seconds (t,): predicted power and state, and what was measured; its noise below 0 W is 0 W."""
    true_w = np.maximum(measured_w, 0)
    true = true_w >= on_threshold_w
    return Sums(
        len(power_w),
        float(np.abs(power_w - true_w).sum()),
        float(true_w.sum()),
        float(power_w.sum()),
        int(true.sum()),
        int(on.sum()),
        int((on & true).sum()),
    )


def together(parts: Iterable[Sums]) -> Sums:
    """The sums of all parts."""
    columns = list(zip(*(astuple(part) for part in parts), strict=True))
    return Sums(*(sum(column) for column in columns)) if columns else Sums()


def figures(sums: Sums) -> dict[str, Any]:
    """What the sums come to, as JSON; a figure that cannot be told is None: of what never ran there is no F1."""
    f1, precision, recall = rates(sums.hits_s, sums.said_s, sums.true_s)
    ran = sums.true_s > 0
    return {
        "seconds": sums.seconds,
        "mae_w": _mean(sums.error_w, sums.seconds),
        "always_zero_mae_w": _mean(sums.true_w, sums.seconds),
        "f1": round(f1, 4) if ran else None,
        "precision": round(precision, 4) if ran and sums.said_s else None,
        "recall": round(recall, 4) if ran else None,
        "on_s": sums.true_s,
        "predicted_on_s": sums.said_s,
        "energy_kwh": round(sums.true_w / 3.6e6, 4),
        "predicted_energy_kwh": round(sums.said_w / 3.6e6, 4),
    }


def to_json(sums: Sums) -> dict[str, Any]:
    """What `Sums(**...)` takes back."""
    return asdict(sums)


def hours_of(span: str, now_ms: int) -> range:
    """The first milliseconds of the hours of a span, oldest first."""
    newest_ms = now_ms // HOUR_MS * HOUR_MS
    return range(newest_ms - (SPANS_H[span] - 1) * HOUR_MS, newest_ms + 1, HOUR_MS)


def _mean(total: float, count: int) -> float | None:
    return round(total / count, 2) if count else None
