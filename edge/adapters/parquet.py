"""Parquet files: a recorded home that is played, and tables of numbers that are measured on; read part by part."""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edge.errors import ConfigError, NilmError

_BLOCK_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive rows: mains in W and voltage in V, both float64."""

    first_row: int
    power_w: NDArray[np.float64]
    voltage_v: NDArray[np.float64]


class Recording:
    """`simulation_data.parquet` or a file like it: columns time, mains_w and voltage_v, one row a second."""

    def __init__(self, file: Path) -> None:
        try:
            self._file: Any = pq.ParquetFile(file, memory_map=False)
            lengths = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
            self._ends = list(itertools.accumulate(lengths))
            self.rows: int = self._ends[-1]
            first = self._file.read_row_group(0, columns=["time", "mains_w", "voltage_v"])
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise ConfigError(f"simulator.data_file: {file} is no recording that can be played: {error}") from error
        self.start_ms = int(first["time"].cast(pa.timestamp("ms", "UTC"))[0].value)
        self._stretch = self._read(0)

    def at(self, row: int) -> tuple[float, float]:
        """Mains in W and voltage in V at `row`, which wraps around at the end."""
        row %= self.rows
        stretch = self._stretch
        if not 0 <= row - stretch.first_row < len(stretch.power_w):
            stretch = self._stretch = self._read(bisect.bisect_right(self._ends, row))
        return float(stretch.power_w[row - stretch.first_row]), float(stretch.voltage_v[row - stretch.first_row])

    def _read(self, group: int) -> Stretch:
        table = self._file.read_row_group(group, columns=["mains_w", "voltage_v"])
        first_row = self._ends[group] - table.num_rows
        power_w, voltage_v = (table[name].to_numpy().astype(np.float64) for name in ("mains_w", "voltage_v"))
        return Stretch(first_row, power_w, voltage_v)


class Table:
    """Any Parquet file, by columns; NilmError, in one sentence, where it is not what is asked for."""

    def __init__(self, file: Path) -> None:
        self.name = file.name
        try:
            self._file: Any = pq.ParquetFile(file, memory_map=False)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            raise NilmError(f"{file} cannot be read as Parquet: {why}") from error
        self.rows: int = self._file.metadata.num_rows
        names = [field.name for field in self._file.schema_arrow]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise NilmError(f"{self.name}: there are two columns {twice[0]}")
        self._types = {field.name: field.type for field in self._file.schema_arrow}
        self.columns: tuple[str, ...] = tuple(self._types)

    def time_ms(self, column: str) -> NDArray[np.int64]:
        """A column of timestamps, or of whole milliseconds since 1970, as UTC milliseconds."""
        kind = self._types[column]
        if not (pa.types.is_timestamp(kind) or pa.types.is_integer(kind)):
            raise NilmError(f"{self.name}: the column {column} is {kind}, not a timestamp or whole milliseconds")
        values = self._read(column)
        if values.null_count:
            raise NilmError(f"{self.name}: the column {column} has {values.null_count} rows without a time")
        if pa.types.is_timestamp(kind):
            values = pc.cast(values, pa.timestamp("ms", kind.tz), safe=False)
        time_ms: NDArray[np.int64] = values.cast(pa.int64()).to_numpy()
        return time_ms

    def names_no_zone(self, column: str) -> bool:
        """Whether a column is of timestamps that may be of any time zone."""
        kind = self._types[column]
        return bool(pa.types.is_timestamp(kind)) and kind.tz is None

    def groups(self, column: str) -> NDArray[np.int64]:
        """A column of anything as numbers: the same value, the same number."""
        if pa.types.is_nested(self._types[column]):
            raise NilmError(f"{self.name}: the column {column} is {self._types[column]}, which tells no segments apart")
        coded = self._read(column).combine_chunks().dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        numbers: NDArray[np.int64] = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return numbers

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column of numbers; what is missing is NaN."""
        self.check_numbers([column])
        numbers: NDArray[np.float64] = self._read(column).cast(pa.float64()).to_numpy()
        return numbers

    def blocks(self, columns: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        """Columns of numbers, (row, column), part after part; what is missing is NaN."""
        self.check_numbers(columns)
        try:
            for batch in self._file.iter_batches(batch_size=_BLOCK_ROWS, columns=list(columns)):
                parts = [batch[c].cast(pa.float64()).to_numpy(zero_copy_only=False) for c in columns]
                yield np.stack(parts, axis=1).astype(np.float32)
        except (OSError, ValueError) as error:
            raise self._broken(error) from error

    def check_numbers(self, columns: Sequence[str]) -> None:
        """Refuse columns that hold anything but numbers."""
        for column in columns:
            kind = self._types[column]
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
                raise NilmError(f"{self.name}: the column {column} is {kind}, not numbers")

    def _read(self, column: str) -> Any:
        try:
            return self._file.read(columns=[column])[column]
        except (OSError, ValueError) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> NilmError:
        return NilmError(f"{self.name} is damaged: {' '.join(str(error).split())[:200]}")
