"""Seconds in InfluxDB that a snapshot must take over exactly, and what the snapshots hold, read another way."""

import random
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edge.adapters import history_tables as tables
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.core.manifest import RAW
from edge.settings import Config
from edge.snapshot import Snapshot
from edge.stored_seconds import StoredSeconds

DAY_S = 86_400
START_S = 1_767_571_200
"""2026-01-05, midnight UTC."""
HOUR_S = 3600
SOON_S = 200
"""After an hour's end, when it has settled."""
APPLIANCES = ("Oven", "Heat pump, cellar", "Café=x")
Row = tuple[Any, ...]


def fill(influx: Influx, building: str, seconds: Iterable[int], seed: int = 0) -> None:
    """Mains and appliances at these seconds, with floats of every size."""
    number = random.Random(seed)
    lines = []
    for at_s in seconds:
        voltage = f",voltage_v={230 + number.random()!r}" if number.random() < 0.5 else ""
        lines.append(f"mains,building={building} power_w={_float(number)!r},flags={at_s % 8}i{voltage} {at_s}")
        for name in APPLIANCES:
            tag = name.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")
            measured = ",".join(f"{field}={_float(number)!r}" for field in ("power_w", "p_on", "low_w", "high_w"))
            said = f'on={str(number.random() < 0.5).lower()},warmup=false,model="home ""{at_s % 2},-1"'.replace(
                '""', '\\"'
            )
            lines.append(f"appliance,appliance={tag},building={building} {measured},{said} {at_s}")
        lines.append(f"appliance,appliance=other,building={building} power_w={_float(number)!r} {at_s}")
    influx.write("nilm", "\n".join(lines))


def _float(number: random.Random) -> float:
    """Any finite float that InfluxDB takes, small and large, often with all its digits."""
    while True:
        value = (
            float(struct.unpack("<d", number.randbytes(8))[0]) if number.random() < 0.1 else number.uniform(-1e4, 1e4)
        )
        if abs(value) < 1e300:
            return value


def in_influx(influx: Influx, building: str) -> dict[str, set[Row]]:
    """Every row of a building by JSON, floats as bytes."""
    found: dict[str, set[Row]] = {}
    for kind in RAW:
        columns = ", ".join(f'"{name}"' for name in tables.fields(kind))
        group = "GROUP BY appliance" if kind == "appliance" else ""
        query = f"SELECT {columns} FROM {kind} WHERE building = $building {group}"
        found[kind] = {
            _row(series.tags.get("appliance", ""), row)
            for series in influx.query("nilm", query, {"building": building})
            for row in series.values
        }
    return found


def in_parquet(config: Config, building: str) -> dict[str, set[Row]]:
    """Every row of the files that the manifests name; AssertionError where one comes twice."""
    folder = SnapshotFolder(Path(config.data_dir))
    found: dict[str, set[Row]] = {}
    for kind in RAW:
        rows = []
        for day in folder.days(building):
            for part in day.of(kind):
                table = tables.from_parquet(kind, folder.read(day, part))
                assert table.num_rows == part.rows
                times = table["time"].cast("int64").to_pylist()
                names = table["appliance"].to_pylist() if kind == "appliance" else [""] * len(times)
                values = [table[name].to_pylist() for name in tables.fields(kind)]
                assert list(zip(names, times, strict=True)) == sorted(zip(names, times, strict=True))
                rows += [_row(name, row) for name, row in zip(names, zip(times, *values, strict=True), strict=True)]
        found[kind] = set(rows)
        assert len(found[kind]) == len(rows)
    return found


def _row(name: str, values: Iterable[Any]) -> Row:
    at_ms, *measured = values
    exact = (
        struct.pack("<d", value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for value in measured
    )
    return (name, at_ms, *exact)


def snapshot(config: Config, streams: Streams, at_s: int, *, verify: bool = False) -> dict[str, Any]:
    """One run at a time; what was done."""
    job = Snapshot(config, streams, StoredSeconds(config, Influx.connect(config.influx)))
    if verify:
        job.verify()
    job.turn(at_s * 1000)
    return job.done


def files(config: Config) -> list[str]:
    """The names in the snapshots folder."""
    root = Path(config.data_dir) / "snapshots"
    return sorted(
        file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file() and file.name != ".lock"
    )


def same(config: Config, influx: Influx, building: str = "home") -> bool:
    """Whether Parquet has just what InfluxDB has."""
    return in_parquet(config, building) == in_influx(influx, building)


def minute_of(hour: int) -> range:
    """A minute in the middle of an hour."""
    return range(START_S + hour * HOUR_S + 1770, START_S + hour * HOUR_S + 1830)
