"""InfluxDB's MessagePack answers as Arrow tables; rows of one shape, as nearly all are, are read where they lie."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgpack
import numpy as np
import pyarrow as pa

from edge.adapters.history_tables import SCHEMAS, Table, together
from edge.errors import Unavailable

_NUMBER = {0xD3: np.dtype(">i8"), 0xCB: np.dtype(">f8")}
_TRUE, _FALSE, _NULL = 0xC3, 0xC2, 0xC0
_SMALL, _TEXT, _ROW = range(0x80), range(0xA0, 0xC0), 0x90
"""What MessagePack writes before an integer and a float of 8 bytes; as true, as false, for nothing; as an integer below
128; before a text below 32 bytes and before a row of up to 15 values, their number added."""


def rows(kind: str, name: str, body: bytes) -> Table:
    """An answer's rows of one series of a kind (`name`: its appliance, or ""), as they come, floats bit for bit.

    Unavailable where the answer is cut, an error, or about anything but `time` and fields of the kind.
    """
    try:
        return together(kind, [_table(kind, name, columns, packed) for columns, packed in _series(body)])
    except (ValueError, TypeError, LookupError, OverflowError, pa.ArrowException, msgpack.UnpackException) as error:
        raise Unavailable(f"InfluxDB's answer cannot be read: {' '.join(str(error).split())[:200]}") from error


def _series(body: bytes) -> Iterator[tuple[list[str], bytes]]:
    """Of each series in each chunk the names of its columns, and its rows as they are packed."""
    unpacker = msgpack.Unpacker(max_buffer_size=max(len(body), 1))
    unpacker.feed(body)
    while unpacker.tell() < len(body):
        for key in _keys(unpacker):
            if key != "results":
                raise ValueError(f"{key}: {unpacker.unpack()!r}")
            for _ in range(unpacker.read_array_header()):
                for part in _keys(unpacker):
                    if part == "error":
                        raise ValueError(str(unpacker.unpack()))
                    if part == "series":
                        yield from (_one(unpacker, body) for _ in range(unpacker.read_array_header()))
                    else:
                        unpacker.skip()


def _one(unpacker: Any, body: bytes) -> tuple[list[str], bytes]:
    columns, packed = [], bytes([_ROW])
    for key in _keys(unpacker):
        start = unpacker.tell()
        if key == "columns":
            columns = unpacker.unpack()
        else:
            unpacker.skip()
        if key == "values":
            packed = body[start : unpacker.tell()]
    return columns, packed


def _keys(unpacker: Any) -> Iterator[str]:
    """The keys of the map that comes next; what belongs to each is to be taken before the next."""
    for _ in range(unpacker.read_map_header()):
        yield unpacker.unpack()


def _table(kind: str, name: str, columns: list[str], packed: bytes) -> Table:
    schema = SCHEMAS[kind]
    if not set(columns) <= set(schema.names):
        raise ValueError(f"these are no columns of {kind}: {columns}")
    count, first = _counted(packed)
    found = _alike(packed, first, count, len(columns)) or list(zip(*msgpack.unpackb(packed), strict=True))
    values = dict(zip(columns, found, strict=True)) if count else {column: [] for column in columns}
    values["time"] = pa.array(values["time"], pa.int64()).cast(schema.field("time").type)
    if "appliance" in schema.names:
        values["appliance"] = pa.repeat(name, count)
    nothing = [None] * count
    return pa.table([_array(values.get(field.name, nothing), field.type) for field in schema], schema=schema)


def _array(values: Any, of_type: Any) -> Any:
    return values.cast(of_type) if isinstance(values, pa.Array) else pa.array(values, of_type)


def _counted(packed: bytes) -> tuple[int, int]:
    """How many rows are packed, and where the first begins."""
    for mark, width in ((0xDD, 5), (0xDC, 3)):
        if packed[0] == mark:
            return int.from_bytes(packed[1:width], "big"), width
    return packed[0] - _ROW, 1


def _alike(packed: bytes, first: int, count: int, width: int) -> Sequence[Any]:
    """The columns of rows that are packed alike and differ in numbers and truths alone; none where they do not."""
    if (len(packed) - first) % max(count, 1) or not count or packed[first] != _ROW + width:
        return []
    each = np.frombuffer(packed, np.uint8, offset=first).reshape(count, -1)
    fixed = np.ones(each.shape[1], bool)
    columns: list[Any] = []
    at = 1
    for _ in range(width):
        mark = int(each[0, at]) if at < len(fixed) else -1
        size = 9 if mark in _NUMBER else 1 + mark - _TEXT.start if mark in _TEXT else 1
        if at + size > len(fixed):
            return []
        if mark in _NUMBER:
            fixed[at + 1 : at + size] = False
            numbers = np.ascontiguousarray(each[:, at + 1 : at + size]).view(_NUMBER[mark]).ravel()
            columns.append(numbers.astype(_NUMBER[mark].newbyteorder("=")))
        elif mark in _TEXT:
            columns.append(pa.repeat(each[0, at + 1 : at + size].tobytes().decode(), count))
        elif mark == _NULL:
            columns.append(pa.nulls(count))
        elif mark in _SMALL and (each[:, at] < _SMALL.stop).all():
            fixed[at] = False
            columns.append(each[:, at])
        elif np.isin(each[:, at], (_TRUE, _FALSE)).all():
            fixed[at] = False
            columns.append(each[:, at] == _TRUE)
        else:
            return []
        at += size
    return columns if at == len(fixed) and (each[:, fixed] == each[0, fixed]).all() else []
