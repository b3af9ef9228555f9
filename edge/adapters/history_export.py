"""Tables of history as they leave: by steps of a quarter of an hour or an hour, as one CSV or Parquet file."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq

from edge.adapters.history_tables import SCHEMAS, Table, floor, in_order
from edge.core.manifest import HOUR_MS

_TYPES = {"appliance": pa.string(), "on": pa.bool_(), "warmup": pa.bool_()}
_TYPES |= dict.fromkeys(("flags", "samples", "on_s"), pa.int64())
_STEPS_MS = {"15m": 900_000, "1h": HOUR_MS}


def coarser(kind: str, by_minute: Table, step: str) -> Table:
    """Minutes as quarters of an hour (`15m`) or hours (`1h`), by UTC."""
    samples = by_minute["samples"]
    weighted = {"power_w": pc.multiply(by_minute["power_w"], samples), "samples": samples}
    weighted |= {name: by_minute[name] for name in ("min_w", "max_w")} | {
        "time": floor(by_minute["time"], _STEPS_MS[step])
    }
    aggregates = [("samples", "sum"), ("power_w", "sum"), ("min_w", "min"), ("max_w", "max")]
    if kind == "mains_1m":
        weighted["export_w"] = pc.multiply(by_minute["export_w"], samples)
        aggregates.append(("export_w", "sum"))
    else:
        weighted |= {"appliance": by_minute["appliance"], "on_s": by_minute["on_s"]}
        aggregates.append(("on_s", "sum"))
    schema = SCHEMAS[kind]
    keys = [name for name in ("appliance", "time") if name in schema.names]
    grouped = pa.table(weighted).group_by(keys, use_threads=False).aggregate(aggregates)
    total = grouped["samples_sum"]
    columns = {name: grouped[f"{name}_{how}"] for name, how in aggregates}
    columns |= {name: pc.divide(columns[name], total) for name in ("power_w", "export_w") if name in columns}
    columns |= {key: grouped[key] for key in keys}
    return in_order(pa.table({name: columns[name].cast(schema.field(name).type) for name in schema.names}))


class _Drain(io.RawIOBase):
    """A file that is only written to, whose content is taken away piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, piece: Any) -> int:
        """Keep `piece` until it is taken."""
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        """What has been written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def as_csv(kind: str, tables: Iterable[Table]) -> Iterator[bytes]:
    """CSV with a header, sorted by time as the tables are; times like 2026-11-21T04:02:12Z."""
    yield ",".join(_exported(kind)).encode() + b"\r\n"
    for table in tables:
        drain = _Drain()
        pa.csv.write_csv(
            _by_time(kind, table, text=True),
            drain,
            pa.csv.WriteOptions(include_header=False, quoting_style="needed", eol="\r\n"),
        )
        yield drain.take()


def as_parquet(kind: str, tables: Iterable[Table]) -> Iterator[bytes]:
    """One Parquet file, a row group for each table."""
    drain = _Drain()
    writer = pq.ParquetWriter(drain, pa.schema([SCHEMAS[kind].field(n) for n in _exported(kind)]), compression="zstd")
    for table in tables:
        writer.write_table(_by_time(kind, table, text=False))
        yield drain.take()
    writer.close()
    yield drain.take()


def as_arrow(columns: Mapping[str, Sequence[Any]], zone_name: str) -> bytes:
    """Columns, `time` among them in ms since 1970, as an Arrow stream; the times carry the zone."""
    typed = {name: pa.array(columns[name], _TYPES.get(name, pa.float64())) for name in columns if name != "time"}
    time = pa.array(columns["time"], pa.int64()).cast(pa.timestamp("ms", zone_name))
    table = pa.table({"time": time, **typed})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _exported(kind: str) -> list[str]:
    names = SCHEMAS[kind].names
    return ["time", *[name for name in names if name != "time"]]


def _by_time(kind: str, table: Table, *, text: bool) -> Table:
    ordered = table.select(_exported(kind))
    if "appliance" in ordered.column_names:
        ordered = ordered.sort_by([("time", "ascending"), ("appliance", "ascending")])
    if text:
        ordered = ordered.set_column(
            0, "time", pc.strftime(ordered["time"].cast(pa.timestamp("s", "UTC")), "%Y-%m-%dT%H:%M:%SZ")
        )
    return ordered
