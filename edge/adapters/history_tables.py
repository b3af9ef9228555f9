"""Seconds and minutes as Arrow tables: from InfluxDB's CSV, to and from Parquet, joined, rolled up, exported."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from edge.core.manifest import HOUR_MS
from edge.errors import Rejected, Unavailable

_TIME = ("time", pa.timestamp("ms", "UTC"))
_ROLLED = [("samples", pa.int32()), ("power_w", pa.float64()), ("min_w", pa.float64()), ("max_w", pa.float64())]
SCHEMAS = {
    "mains": pa.schema(
        [
            _TIME,
            ("power_w", pa.float64()),
            ("voltage_v", pa.float64()),
            ("current_a", pa.float64()),
            ("flags", pa.int64()),
        ]
    ),
    "appliance": pa.schema(
        [
            ("appliance", pa.string()),
            _TIME,
            ("power_w", pa.float64()),
            ("p_on", pa.float64()),
            ("low_w", pa.float64()),
            ("high_w", pa.float64()),
            ("on", pa.bool_()),
            ("warmup", pa.bool_()),
            ("model", pa.string()),
        ]
    ),
    "mains_1m": pa.schema([_TIME, *_ROLLED, ("export_w", pa.float64())]),
    "appliance_1m": pa.schema([("appliance", pa.string()), _TIME, *_ROLLED, ("on_s", pa.int32())]),
}
"""Each kind's columns. Power is in W; of a minute it is the mean over its `samples` seconds, and `export_w` the mean of
what flowed out; rows are sorted by appliance, then time."""
Table = Any
"""A pyarrow.Table by one of SCHEMAS."""
_STEPS_MS = {"15m": 900_000, "1h": HOUR_MS}


def fields(kind: str) -> list[str]:
    """The columns of a kind that are fields in InfluxDB."""
    return [name for name in SCHEMAS[kind].names if name not in {"time", "appliance"}]


def empty(kind: str) -> Table:
    """No rows."""
    return SCHEMAS[kind].empty_table()


def from_csv(kind: str, body: bytes) -> Table:
    """The rows of InfluxDB's CSV answer, floats bit for bit; Unavailable where the answer is cut or no such rows."""
    schema = SCHEMAS[kind]
    if not body:
        return empty(kind)
    types = {name: schema.field(name).type for name in fields(kind)} | {"time": pa.int64(), "tags": pa.string()}
    try:
        read = pa.csv.read_csv(
            io.BytesIO(body),
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=max(len(body), 1 << 16)),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""],
                strings_can_be_null=True,
                true_values=["true"],
                false_values=["false"],
            ),
        )
        columns = {name: read[name] for name in fields(kind)} | {"time": read["time"].cast(_TIME[1])}
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise Unavailable(f"InfluxDB's answer cannot be read: {' '.join(str(error).split())[:200]}") from error
    if "appliance" in schema.names:
        columns["appliance"] = _appliances(read["tags"])
    return _sorted(pa.table({name: columns[name] for name in schema.names}, schema=schema))


def merged(kind: str, old: Table, new: Table) -> Table:
    """`old` and `new` together; where both have a second, `new` is right."""
    if not old.num_rows or not new.num_rows:
        return new if new.num_rows else old
    keys = [name for name in ("appliance", "time") if name in SCHEMAS[kind].names]
    kept = old.join(new.select(keys), keys=keys, join_type="left anti")
    if not kept.num_rows:
        return new
    return _sorted(pa.concat_tables([kept.select(SCHEMAS[kind].names), new]))


def joined(kind: str, tables: Sequence[Table]) -> Table:
    """Tables that have no second in common, as one."""
    whole = pa.concat_tables([empty(kind), *tables])
    if "appliance" not in SCHEMAS[kind].names:
        return _sorted(whole)
    names = sorted(set(pc.unique(whole["appliance"]).to_pylist()))
    parts = (table.filter(pc.equal(table["appliance"], name)) for name in names for table in tables)
    return _sorted(pa.concat_tables([empty(kind), *parts]))


def between(table: Table, start_ms: int, end_ms: int) -> Table:
    """The rows from `start_ms` until before `end_ms`."""
    at_ms = table["time"].cast(pa.int64())
    return table.filter(pc.and_(pc.greater_equal(at_ms, start_ms), pc.less(at_ms, end_ms)))


def without_hours(table: Table, hours_ms: Iterable[int]) -> Table:
    """The rows outside of these hours."""
    hour = _floor(table["time"], HOUR_MS)
    return table.filter(pc.invert(pc.is_in(hour, value_set=pa.array(sorted(hours_ms), pa.int64()))))


def rows_by_hour(table: Table) -> dict[int, int]:
    """How many rows each hour (by its first millisecond) has, where it has any."""
    counted = pc.value_counts(pc.cast(_floor(table["time"], HOUR_MS), pa.int64())).to_pylist()
    return {int(entry["values"]): int(entry["counts"]) for entry in sorted(counted, key=lambda entry: entry["values"])}


def minutes(kind: str, seconds: Table) -> Table:
    """`mains` as `mains_1m`, `appliance` as `appliance_1m`."""
    power_w = seconds["power_w"]
    columns = {"time": _floor(seconds["time"], 60_000), "power_w": power_w}
    aggregates = [("power_w", "count"), ("power_w", "mean"), ("power_w", "min"), ("power_w", "max")]
    if kind == "mains":
        columns["export_w"] = pc.max_element_wise(pc.negate(power_w), pa.scalar(0.0))
        aggregates.append(("export_w", "mean"))
    else:
        columns |= {"appliance": seconds["appliance"], "on_s": seconds["on"].cast(pa.int32())}
        aggregates.append(("on_s", "sum"))
    schema = SCHEMAS[f"{kind}_1m"]
    keys = [name for name in ("appliance", "time") if name in schema.names]
    grouped = pa.table(columns).group_by(keys, use_threads=False).aggregate(aggregates)
    found = {"samples": "power_w_count", "power_w": "power_w_mean", "min_w": "power_w_min", "max_w": "power_w_max"}
    found |= {"export_w": "export_w_mean", "on_s": "on_s_sum"}
    return _sorted(
        pa.table({name: grouped[found.get(name, name)].cast(schema.field(name).type) for name in schema.names})
    )


def coarser(kind: str, by_minute: Table, step: str) -> Table:
    """Minutes as quarters of an hour (`15m`) or hours (`1h`), by UTC."""
    samples = by_minute["samples"]
    weighted = {"power_w": pc.multiply(by_minute["power_w"], samples), "samples": samples}
    weighted |= {name: by_minute[name] for name in ("min_w", "max_w")} | {
        "time": _floor(by_minute["time"], _STEPS_MS[step])
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
    return _sorted(pa.table({name: columns[name].cast(schema.field(name).type) for name in schema.names}))


def to_parquet(kind: str, table: Table) -> bytes:
    """A Parquet file: zstd, sorted, one row group an appliance and day."""
    sink = io.BytesIO()
    with _writer(kind, sink) as writer:
        for group in _groups(kind, table):
            writer.write_table(group, row_group_size=1 << 20)
    return sink.getvalue()


def from_parquet(kind: str, content: bytes) -> Table:
    """The rows of a Parquet file; Rejected where it is torn or holds something else."""
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Rejected(f"no readable Parquet: {' '.join(str(error).split())[:200]}") from error
    if not table.schema.equals(SCHEMAS[kind]):
        raise Rejected(f"its columns are not those of {kind}")
    return table


class Drain(io.RawIOBase):
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
        drain = Drain()
        pa.csv.write_csv(
            _by_time(kind, table, text=True),
            drain,
            pa.csv.WriteOptions(include_header=False, quoting_style="needed", eol="\r\n"),
        )
        yield drain.take()


def as_parquet(kind: str, tables: Iterable[Table]) -> Iterator[bytes]:
    """One Parquet file, a row group for each table."""
    drain = Drain()
    writer = pq.ParquetWriter(drain, pa.schema([SCHEMAS[kind].field(n) for n in _exported(kind)]), compression="zstd")
    for table in tables:
        writer.write_table(_by_time(kind, table, text=False))
        yield drain.take()
    writer.close()
    yield drain.take()


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


def _writer(kind: str, sink: io.BytesIO) -> Any:
    """Time as differences, what repeats by a dictionary: 40 % smaller than plain, and DuckDB reads both."""
    repeated = [name for name in SCHEMAS[kind].names if name not in {"time", "on", "warmup"}]
    return pq.ParquetWriter(
        sink,
        SCHEMAS[kind],
        compression="zstd",
        use_dictionary=repeated,
        column_encoding={"time": "DELTA_BINARY_PACKED"},
    )


def _groups(kind: str, table: Table) -> Iterator[Table]:
    if kind != "appliance" or not table.num_rows:
        yield table
        return
    for name in sorted(set(pc.unique(table["appliance"]).to_pylist())):
        yield table.filter(pc.equal(table["appliance"], name))


def _sorted(table: Table) -> Table:
    """Sorted by appliance and time; what is sorted already, as InfluxDB's answers are, costs a look."""
    table = table.combine_chunks()
    at_ms = table["time"].cast(pa.int64())
    later = pc.greater(at_ms.slice(1), at_ms.slice(0, max(len(at_ms) - 1, 0)))
    if "appliance" in table.column_names:
        name = table["appliance"]
        one, other = name.slice(0, max(len(name) - 1, 0)), name.slice(1)
        later = pc.or_(pc.less(one, other), pc.and_(pc.equal(one, other), later))
    if pc.all(later, min_count=0).as_py():
        return table
    keys = [(name, "ascending") for name in ("appliance", "time") if name in table.column_names]
    return table.sort_by(keys)


def _floor(times: Any, step_ms: int) -> Any:
    at_ms = times.cast(pa.int64())
    return pc.multiply(pc.divide(at_ms, step_ms), step_ms).cast(pa.int64())


def _appliances(tags: Any) -> Any:
    """The tag's value from `appliance=value`, where a backslash stands before a comma, a space or an equals sign."""
    coded = tags.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    names = [_unescaped(text.partition("=")[2]) for text in coded.dictionary.to_pylist()]
    plain = pa.array(names or [""], pa.string())
    return plain.take(coded.indices).fill_null("")


def _unescaped(text: str) -> str:
    for character in ", =":
        text = text.replace(f"\\{character}", character)
    return text
