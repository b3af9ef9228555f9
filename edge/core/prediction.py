"""Predictions: what each appliance draws at a second, as rows of one packed table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COLUMN = np.dtype(
    [("power_w", "<f4"), ("p_on", "<f4"), ("low_w", "<f4"), ("high_w", "<f4"), ("on", "?"), ("warmup", "?")]
)
"""One appliance at one second, 18 bytes; `low_w`..`high_w` is the interval around `power_w`."""


@dataclass(frozen=True, slots=True)
class Column:
    """Whose numbers stand in a column: the appliance and the model (id-version) that speaks for it."""

    appliance: str
    model: str


class Tick(NamedTuple):
    """All predictions of one building at one second: a COLUMN array (appliance,), and what no model explains.

    A tuple, as a thousand are made at a time.
    """

    building: str
    at_ms: int
    columns: tuple[Column, ...]
    values: NDArray[np.void]
    other_w: float


@dataclass(frozen=True, slots=True)
class PredictionTable:
    """Consecutive ticks of the same columns: `at_ms` int64 (t,), `values` COLUMN (t, appliance), `other_w` (t,)."""

    columns: tuple[Column, ...]
    at_ms: NDArray[np.int64]
    values: NDArray[np.void]
    other_w: NDArray[np.float64]


def pack(values: NDArray[np.void], other_w: float) -> bytes:
    """A tick's numbers as bytes: other_w as float64, then one COLUMN per appliance."""
    return np.float64(other_w).tobytes() + values.astype(COLUMN, copy=False).tobytes()


def unpack(columns: tuple[Column, ...], at_ms: Sequence[int], packed: Sequence[bytes]) -> PredictionTable:
    """The inverse of `pack` over many ticks of the same columns."""
    row = np.dtype([("other_w", "<f8"), ("values", COLUMN, (len(columns),))])
    rows = np.frombuffer(b"".join(packed), dtype=row)
    return PredictionTable(columns, np.asarray(at_ms, np.int64), rows["values"], rows["other_w"])
