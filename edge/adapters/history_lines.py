"""Stored seconds on their way back: Parquet files that are looked at before they are used, as line protocol."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edge.adapters.history_tables import Packed, Table, fields, is_of
from edge.core.line_protocol import escaped_tag
from edge.errors import Rejected

_BATCH_ROWS = 20_000
_MAX_GROUP_ROWS = 1 << 20
_MAX_GROUP_BYTES = 400_000_000


def check(kind: str, content: bytes) -> int:
    """How many rows a Parquet file of ours has; Rejected where it is none, or would unfold to more than its part."""
    try:
        file: Any = pq.ParquetFile(pa.BufferReader(content))
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        schema, rows = file.schema_arrow, int(file.metadata.num_rows)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Rejected(f"no readable Parquet: {' '.join(str(error).split())[:200]}") from error
    if not is_of(kind, schema):
        raise Rejected(f"its columns are not those of {kind}")
    if any(group.num_rows > _MAX_GROUP_ROWS or group.total_byte_size > _MAX_GROUP_BYTES for group in groups):
        raise Rejected("it is packed in a way that nilm-edge never does, and far too large")
    return rows


def lines(kind: str, building: str, content: bytes) -> Iterator[tuple[str, int]]:
    """The rows of a Parquet file of ours as line protocol, floats bit for bit: a text and its rows at a time."""
    packed = Packed(kind, content)
    for name in sorted(packed.names):
        tags = f"appliance={escaped_tag(name)}," if kind == "appliance" else ""
        head = f"{kind},{tags}building={escaped_tag(building)} "
        for table in packed.rows(name):
            for first in range(0, table.num_rows, _BATCH_ROWS):
                part = table.slice(first, _BATCH_ROWS)
                yield _text(kind, head, part), part.num_rows


def _text(kind: str, head: str, part: Table) -> str:
    measured = [_field(name, part[name].combine_chunks()) for name in fields(kind)]
    joined = pc.binary_join_element_wise(*measured, ",", null_handling="skip")
    at_s = pc.divide(part["time"].combine_chunks().cast(pa.int64()), 1000).cast(pa.string())
    rows = pc.binary_join_element_wise(joined, at_s, " ").to_pylist()
    return "\n".join(f"{head}{row}" for row in rows if not row.startswith(" "))


def _field(name: str, values: Any) -> Any:
    if pa.types.is_string(values.type):
        escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
        return pc.binary_join_element_wise(f'{name}="', escaped, '"', "")
    ending = "i" if pa.types.is_integer(values.type) else ""
    return pc.binary_join_element_wise(f"{name}=", values.cast(pa.string()), ending, "")
