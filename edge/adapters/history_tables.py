"""Seconds and minutes as Arrow tables: to and from Parquet, joined, rolled up."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edge.core.manifest import HOUR_MS, RAW
from edge.errors import Rejected

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
            ("measured_w", pa.float64()),
        ]
    ),
    "mains_1m": pa.schema([_TIME, *_ROLLED, ("export_w", pa.float64())]),
    "appliance_1m": pa.schema([("appliance", pa.string()), _TIME, *_ROLLED, ("on_s", pa.int32())]),
}
"""Each kind's columns. Power is in W; of a minute it is the mean over its `samples` seconds, and `export_w` the mean of
what flowed out; rows are sorted by appliance, then time."""
MEASURED = "measured_w"
_UNMEASURED = SCHEMAS["appliance"].remove(SCHEMAS["appliance"].get_field_index(MEASURED))
"""The columns of a file of appliances none of which has a meter of its own; older files have no other."""
Table = Any
"""A pyarrow.Table by one of SCHEMAS."""


def fields(kind: str) -> list[str]:
    """The columns of a kind that are fields in InfluxDB."""
    return [name for name in SCHEMAS[kind].names if name not in {"time", "appliance"}]


def has_measured(table: Table) -> bool:
    """Whether an appliance's own meter said anything in these rows."""
    return MEASURED in table.column_names and table[MEASURED].null_count < table.num_rows


def values(table: Table) -> int:
    """How many powers are in a table of seconds: predicted or of mains, and measured."""
    names = [name for name in ("power_w", MEASURED) if name in table.column_names]
    return sum(table.num_rows - table[name].null_count for name in names)


def is_of(kind: str, schema: Any) -> bool:
    """Whether a Parquet file's schema is that of a kind."""
    return bool(schema.equals(SCHEMAS[kind]) or (kind == "appliance" and schema.equals(_UNMEASURED)))


def whole(kind: str, table: Table) -> Table:
    """A table read from a file, with each column of its kind."""
    if kind != "appliance" or MEASURED in table.column_names:
        return table
    return table.append_column(SCHEMAS[kind].field(MEASURED), pa.nulls(table.num_rows, pa.float64()))


def empty(kind: str) -> Table:
    """No rows."""
    return SCHEMAS[kind].empty_table()


def merged(kind: str, old: Table, new: Table) -> Table:
    """`old` and `new` together; where both have a second, `new` is right.

    What was predicted stays where `new` has only what was measured, and the other way round.
    """
    if has_measured(old) or has_measured(new):
        new = _completed(kind, old, new)
    if not old.num_rows or not new.num_rows:
        return new if new.num_rows else old
    keys = [name for name in ("appliance", "time") if name in SCHEMAS[kind].names]
    kept = old.join(new.select(keys), keys=keys, join_type="left anti")
    if not kept.num_rows:
        return new
    return in_order(pa.concat_tables([kept.select(SCHEMAS[kind].names), new]))


def _completed(kind: str, old: Table, new: Table) -> Table:
    """`new`, with what `old` has of its seconds where it has nothing."""
    keys = ["appliance", "time"]
    names = fields(kind)
    found = new.join(old, keys=keys, join_type="left outer", right_suffix="_old")
    columns = {key: found[key] for key in keys}
    columns |= {name: pc.coalesce(found[name], found[f"{name}_old"]) for name in names}
    return in_order(pa.table({name: columns[name] for name in SCHEMAS[kind].names}, schema=SCHEMAS[kind]))


def together(kind: str, pieces: Sequence[Table]) -> Table:
    """Tables as one, in their order."""
    return pa.concat_tables([empty(kind), *pieces])


class Packed:
    """Rows as the Parquet file that they are or were, read by appliance: a day is 80 MB as a table, and 6 MB so."""

    def __init__(self, kind: str, content: bytes) -> None:
        """Rejected where `content` is torn or holds something else."""
        try:
            self._file: Any = pq.ParquetFile(pa.BufferReader(content))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise Rejected(f"no readable Parquet: {_one_line(error)}") from error
        if not is_of(kind, self._file.schema_arrow):
            raise Rejected(f"its columns are not those of {kind}")
        self._kind = kind
        self.measured = MEASURED in self._file.schema_arrow.names
        self._places: dict[str, list[int]] = {}
        for group in range(self._file.num_row_groups):
            names = self._file.read_row_group(group, columns=["appliance"]) if kind.startswith("appliance") else None
            for name in pc.unique(names["appliance"]).to_pylist() if names else [""]:
                self._places.setdefault(name, []).append(group)

    @property
    def names(self) -> set[str]:
        """The appliances of which there are rows; "" alone for mains."""
        return set(self._places)

    def rows(self, name: str) -> Iterator[Table]:
        """The rows of one appliance, in parts."""
        for group in self._places.get(name, []):
            found = whole(self._kind, self._file.read_row_group(group))
            if "appliance" in found.column_names:
                found = found.filter(pc.equal(found["appliance"], name))
            yield found


def between(table: Table, start_ms: int, end_ms: int) -> Table:
    """The rows from `start_ms` until before `end_ms`."""
    at_ms = table["time"].cast(pa.int64())
    return table.filter(pc.and_(pc.greater_equal(at_ms, start_ms), pc.less(at_ms, end_ms)))


def later(table: Table, by_ms: int) -> Table:
    """The same rows at later times."""
    at = table.column_names.index("time")
    return table.set_column(at, "time", pc.add(table["time"].cast(pa.int64()), by_ms).cast(_TIME[1]))


def rows_by_hour(table: Table) -> dict[int, int]:
    """How many rows each hour (by its first millisecond) has, where it has any."""
    counted = pc.value_counts(pc.cast(floor(table["time"], HOUR_MS), pa.int64())).to_pylist()
    return {int(entry["values"]): int(entry["counts"]) for entry in sorted(counted, key=lambda entry: entry["values"])}


def values_by_hour(table: Table) -> dict[int, int]:
    """How many powers (see `values`) each hour has, where it has any."""
    if not has_measured(table):
        return rows_by_hour(table)
    counted: Counter[int] = Counter()
    for name in ("power_w", MEASURED):
        counted.update(rows_by_hour(table.filter(pc.is_valid(table[name]))))
    return dict(sorted(counted.items()))


def minutes(kind: str, seconds: Table) -> Table:
    """`mains` as `mains_1m`, `appliance` as `appliance_1m`: what was predicted alone."""
    if has_measured(seconds):
        seconds = seconds.filter(pc.is_valid(seconds["power_w"]))
    power_w = seconds["power_w"]
    columns = {"time": floor(seconds["time"], 60_000), "power_w": power_w}
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
    return in_order(
        pa.table({name: grouped[found.get(name, name)].cast(schema.field(name).type) for name in schema.names})
    )


@dataclass(frozen=True, slots=True)
class Written:
    """A Parquet file in memory: its content, how many rows it has, and how many powers of each hour."""

    content: bytes
    rows: int
    by_hour: dict[int, int]
    measured: bool = False
    """Whether it has the column of what appliances' own meters said."""


def to_parquet(kind: str, groups: Iterable[Table], *, measured: bool = False) -> Written:
    """Sorted rows as a Parquet file, zstd; each group, such as an appliance's day, can be read without the others.

    `measured`: keep what appliances' own meters said; without, the file has no such column.
    """
    sink = io.BytesIO()
    rows, by_hour = 0, Counter[int]()
    schema = _UNMEASURED if kind == "appliance" and not measured else SCHEMAS[kind]
    with _writer(schema, sink) as writer:
        for group in groups:
            writer.write_table(group.select(schema.names), row_group_size=1 << 20)
            rows += group.num_rows
            by_hour.update(values_by_hour(group) if kind in RAW else rows_by_hour(group))
    return Written(sink.getvalue(), rows, dict(by_hour), measured and kind == "appliance")


def with_minutes(
    kind: str, groups: Iterable[Table], had: Sequence[bytes] = (), *, measured: bool = False
) -> dict[str, Written]:
    """Seconds (`mains`, `appliance`), an appliance at a time, and their minutes as Parquet files.

    Minutes that `had` files have stay where their seconds are lost; `measured` as for `to_parquet`.
    """
    rolled = []

    def rolling() -> Iterator[Table]:
        for group in groups:
            if group.num_rows:
                rolled.append(minutes(kind, group))
                yield group

    seconds = to_parquet(kind, rolling(), measured=measured)
    of_minutes = f"{kind}_1m"
    now = together(of_minutes, rolled)
    for content in had:
        now = merged(of_minutes, from_parquet(of_minutes, content), now)
    return {kind: seconds, of_minutes: to_parquet(of_minutes, [now])}


def from_parquet(kind: str, content: bytes) -> Table:
    """All rows of a Parquet file; Rejected where it is torn or holds something else."""
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Rejected(f"no readable Parquet: {_one_line(error)}") from error
    if not is_of(kind, table.schema):
        raise Rejected(f"its columns are not those of {kind}")
    return whole(kind, table)


def _writer(schema: Any, sink: io.BytesIO) -> Any:
    """Time as differences, what repeats by a dictionary: 40 % smaller than plain, and DuckDB reads both."""
    repeated = [name for name in schema.names if name not in {"time", "on", "warmup"}]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=repeated,
        column_encoding={"time": "DELTA_BINARY_PACKED"},
    )


def in_order(table: Table) -> Table:
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


def floor(times: Any, step_ms: int) -> Any:
    """Times as the whole milliseconds at which their step begins."""
    at_ms = times.cast(pa.int64())
    return pc.multiply(pc.divide(at_ms, step_ms), step_ms).cast(pa.int64())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
