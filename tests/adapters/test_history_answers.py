"""InfluxDB's MessagePack answers: read where they lie or one by one, always what a plain reader finds."""

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.adapters import history_answers as answers
from edge.adapters.history_tables import fields
from edge.errors import Unavailable

_FLOATS = st.floats(allow_nan=False, width=64)
_COLUMNS = ["time", *fields("appliance")]
_ROW = st.tuples(
    _FLOATS, st.none() | _FLOATS, st.just(0.5), st.none(), st.booleans(), st.none() | st.booleans(),
    st.sampled_from(["home13-8", "home13-8", None, "a" * 40]), st.none() | _FLOATS,
)  # fmt: skip


def _answer(chunks: list[list[tuple[Any, ...]]], columns: list[str], **more: object) -> bytes:
    series = [[{"name": "appliance", "columns": columns, "values": rows, "partial": True}] for rows in chunks]
    return b"".join(msgpack.packb({"results": [{"statement_id": 0, "series": one, **more}]}) for one in series)


def _exact(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(struct.pack("<d", v) if isinstance(v, float) else v for v in row) for row in rows]


@given(st.lists(st.lists(_ROW, max_size=6), max_size=3), st.booleans())
def test_every_row_comes_out_as_it_was_packed(chunks: list[list[tuple[Any, ...]]], alike: bool) -> None:
    if alike:
        chunks = [[rows[0]] * len(rows) for rows in chunks if rows]
    at_ms = iter(range(1_767_571_200_000, 1_767_571_300_000, 1000))
    packed = [[(next(at_ms), *row) for row in rows] for rows in chunks]
    found = answers.rows("appliance", "Oven", _answer(packed, _COLUMNS))
    assert set(found["appliance"].to_pylist()) <= {"Oven"}
    columns = [found["time"].cast("int64"), *(found[name] for name in fields("appliance"))]
    got = list(zip(*(column.to_pylist() for column in columns), strict=True))
    assert _exact(got) == _exact([row for rows in packed for row in rows])


def test_small_integers_and_missing_columns() -> None:
    rows = [(1_767_571_200_000 + n, float(n), n % 128) for n in range(300)]
    found = answers.rows("mains", "", _answer([rows], ["time", "power_w", "flags"]))
    assert found["flags"].to_pylist() == [n % 128 for n in range(300)]
    assert (found["power_w"].to_pylist(), found["voltage_v"].null_count) == ([float(n) for n in range(300)], 300)
    assert answers.rows("mains", "", b"").num_rows == 0
    assert answers.rows("mains", "", msgpack.packb({"results": [{"statement_id": 0}]})).num_rows == 0


def test_rows_of_another_length_that_fill_the_same_room() -> None:
    rows = [(1_767_571_200_000, None), (1_767_571_201_000, 2.0), (1_767_571_202_000, 3.0)]
    rows += [(1_767_571_203_000 + n, None) for n in range(8)]
    for order in (rows, rows[::-1]):
        found = answers.rows("mains", "", _answer([order], ["time", "power_w"]))
        assert found["power_w"].to_pylist() == [power for _, power in order]


WHOLE = _answer([[(1_767_571_200_000, 1.0)] * 3], ["time", "power_w"])


@pytest.mark.parametrize(
    "body",
    [
        *(WHOLE[:cut] for cut in range(1, len(WHOLE))),
        msgpack.packb({"error": "timeout"}),
        msgpack.packb({"results": [{"statement_id": 0, "error": "database not found: nilm"}]}),
        b'{"results":[]}',
        b"<html>",
        _answer([[(1, 1.0)]], ["time", "power"]),
        _answer([[(1, "much")]], ["time", "power_w"]),
        _answer([[(1, 1.0, 2.0)]], ["time", "power_w"]),
        _answer([[("now", 1.0)]], ["time", "power_w"]),
        _answer([[(1.0,)]], ["power_w"]),
    ],
)
def test_what_is_cut_or_no_such_answer_is_refused(body: bytes) -> None:
    with pytest.raises(Unavailable):
        answers.rows("mains", "", body)


@given(st.binary(max_size=200), st.integers(0, len(WHOLE)))
def test_whatever_comes_is_read_or_refused(noise: bytes, at: int) -> None:
    for body in (noise, WHOLE[:at] + noise + WHOLE[at:]):
        try:
            answers.rows("mains", "", body)
        except Unavailable as error:
            assert "cannot be read" in str(error)
