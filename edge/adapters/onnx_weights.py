"""ONNX weights: finds constants that are not numbers, which a quantized graph would hide behind finite outputs."""

from collections.abc import Iterator

import numpy as np

_GRAPH, _INITIALIZER = 7, 5
_DATA_TYPE, _FLOAT_DATA, _NAME, _RAW_DATA = 2, 4, 8, 9
_FLOAT = 1


def broken_constant(content: bytes) -> str | None:
    """The name of a float constant with NaN or infinity in a serialized ONNX model, or None.

    Reads onnx.proto's ModelProto.graph.initializer; ValueError or IndexError where the bytes are no protocol buffer.
    """
    for graph in _each(content, _GRAPH):
        for tensor in _each(graph, _INITIALIZER):
            fields = dict(_fields(tensor))
            if fields.get(_DATA_TYPE) != _FLOAT:
                continue
            data = fields.get(_RAW_DATA, fields.get(_FLOAT_DATA, b""))
            if isinstance(data, bytes) and not np.isfinite(np.frombuffer(data, "<f4")).all():
                name = fields.get(_NAME, b"?")
                return name.decode(errors="replace") if isinstance(name, bytes) else "?"
    return None


def _each(message: bytes, number: int) -> Iterator[bytes]:
    return (value for field, value in _fields(message) if field == number and isinstance(value, bytes))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a message (protobuf wire format: varint, 8 bytes, length and bytes, 4 bytes)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}[wire]
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
