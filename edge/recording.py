"""A recording to measure on: mains and labelled appliances in a Parquet file, brought to the 1 s grid."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.adapters.parquet import Table
from edge.core.labels import MAINS, match
from edge.core.seconds import interval_ms, on_grid
from edge.errors import NilmError

INTERVAL_LIMITS_S = (1, 60)
_TOLERANCE = 0.05
"""Meters that are to send each second send a little faster or slower."""


class Recording:
    """Mains in memory, labels read as they are needed; NilmError, in one sentence, where the file cannot be used."""

    def __init__(self, file: Path, appliances: Sequence[str]) -> None:
        self._table = Table(file)
        self.name = file.name
        mains = self._mains_column()
        self.columns = self._label_columns(appliances)
        used = {"time", "segment", "voltage_v", mains, *self.columns.values()}
        self.unused = [c for c in self._table.columns if c not in used]
        self._place(mains)

    def segments(self) -> Iterator[slice]:
        """The parts of `at_ms` and `mains_w` that belong together, in the file's order."""
        return (slice(int(begin), int(end)) for begin, end in pairwise(self._bounds))

    def labels(self) -> "Labels":
        """True power of the appliances in `columns`, from the first second on."""
        return Labels(self.row, self._table.blocks(list(self.columns.values())))

    def _mains_column(self) -> str:
        if "time" not in self._table.columns:
            raise NilmError(f"{self.name}: no column time")
        found = [name for name in MAINS if name in self._table.columns]
        if not found:
            raise NilmError(f"{self.name}: no column {' or '.join(MAINS)}")
        return found[0]

    def _label_columns(self, appliances: Sequence[str]) -> dict[str, str]:
        columns, unclear = match([c for c in self._table.columns if c not in MAINS], appliances)
        for appliance, candidates in unclear.items():
            raise NilmError(f"{self.name}: {' and '.join(candidates)} could each be {appliance}; keep one")
        if not columns:
            raise NilmError(
                f"{self.name}: no column of an appliance that the models serve; columns: "
                f"{', '.join(self._table.columns)}; served: {', '.join(appliances)}"
            )
        known = np.zeros(len(columns), np.bool_)
        for block in self._table.blocks(list(columns.values())):
            known |= np.isfinite(block).any(axis=0)
        for column, has_numbers in zip(columns.values(), known, strict=True):
            if not has_numbers:
                raise NilmError(f"{self.name}: the column {column} has no number in any row")
        return columns

    def _place(self, mains: str) -> None:
        time_ms = self._table.time_ms("time")
        whole = np.zeros(len(time_ms), np.int64)
        segment = self._table.groups("segment") if "segment" in self._table.columns else whole
        backwards = np.flatnonzero((np.diff(time_ms) < 0) & (np.diff(segment) == 0))
        if len(backwards):
            raise NilmError(f"{self.name}: not sorted: time goes backwards at row {backwards[0] + 2}")
        mains_w = self._table.numbers(mains)
        rows = np.flatnonzero(np.isfinite(mains_w))
        if not len(rows):
            raise NilmError(f"{self.name}: the column {mains} has no number in any row")
        every_ms = interval_ms(time_ms, segment)
        if every_ms is None:
            raise NilmError(f"{self.name}: too short: no segment has two rows")
        least_s, most_s = INTERVAL_LIMITS_S
        if not least_s * (1 - _TOLERANCE) <= every_ms / 1000 <= most_s * (1 + _TOLERANCE):
            raise NilmError(f"{self.name}: a row every {every_ms / 1000:g} s; {least_s} to {most_s} s can be used")
        seconds = on_grid(time_ms, segment, rows, every_ms)
        self.interval_s = every_ms / 1000
        self.at_ms, self.row, self._bounds = seconds.at_ms, seconds.row, seconds.bounds
        self.mains_w = mains_w[seconds.row]


class Labels:
    """Reads rows in sequence, each part of the file once."""

    def __init__(self, row: NDArray[np.intp], blocks: Iterator[NDArray[np.float32]]) -> None:
        self._row, self._blocks = row, blocks
        self._held = next(blocks)
        self._first = 0

    def watts(self, part: slice) -> NDArray[np.float32]:
        """True power (t, appliance) of the next seconds, which must follow the ones before; NaN where unknown."""
        rows = self._row[part]
        while self._first + len(self._held) <= rows[-1]:
            keep = max(0, int(rows[0]) - self._first)
            rest = self._held[keep:]
            self._first += len(self._held) - len(rest)
            self._held = np.concatenate([rest, next(self._blocks)])
        return self._held[rows - self._first]
