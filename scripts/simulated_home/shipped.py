"""The one home that is shipped, and its file: whole watts in row groups of an hour, as small as Parquet makes them."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .home import Home, simulate
from .household import DAY_S

SHIPPED_SEED = 441
SHIPPED_START = date(2025, 1, 6)
SHIPPED_DAYS = 31
ROW_GROUP_ROWS = 3600
"""An hour a row group: a player holds one at a time."""


def shipped(days: float = SHIPPED_DAYS) -> Home:
    """The home of simulation_data.parquet; it is never trained on, other days of the home are."""
    return simulate(SHIPPED_SEED, days, SHIPPED_START, all_appliances=True)


def later_days(first: int, days: int) -> Home:
    """The shipped home on `days` days, the `first` after those of its file: same machines and people, other seconds."""
    home = simulate(SHIPPED_SEED, SHIPPED_DAYS + first + days, SHIPPED_START, all_appliances=True)
    after = slice((SHIPPED_DAYS + first) * DAY_S, None)
    appliances = {name: power_w[after] for name, power_w in home.appliances.items()}
    return replace(
        home, time=home.time[after], mains_w=home.mains_w[after], voltage_v=home.voltage_v[after], appliances=appliances
    )


def table(home: Home, *, step_w: float = 1.0) -> pa.Table:
    """Columns time, mains_w, voltage_v and one `<Appliance>_w` each, appliances in steps of `step_w`."""
    columns = {
        "time": pa.array(home.time, pa.timestamp("ms", "UTC")),
        "mains_w": pa.array(home.mains_w),
        "voltage_v": pa.array(home.voltage_v),
    }
    for name, power_w in home.appliances.items():
        columns[f"{name}_w"] = pa.array(np.round(power_w / np.float32(step_w)) * np.float32(step_w))
    return pa.table(columns)


def write(home: Home, path: Path) -> int:
    """Write the home's file, whole or not at all; returns its bytes. Raises OSError where it cannot be written."""
    watts = table(home)
    # Split bytes compress a third better than a dictionary for watts; voltage repeats few values.
    split = {name: "BYTE_STREAM_SPLIT" for name in watts.schema.names if name.endswith("_w")}
    partial = path.with_name(path.name + ".part")
    pq.write_table(
        watts,
        partial,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=19,
        use_dictionary=["voltage_v"],
        column_encoding={"time": "DELTA_BINARY_PACKED", **split},
        write_statistics=["time"],
    )
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(path)
    return path.stat().st_size
