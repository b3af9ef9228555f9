"""A recorded home in a Parquet file, read one row group at a time."""

import bisect
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from edge.errors import ConfigError


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
