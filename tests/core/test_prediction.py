import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.core.prediction import COLUMN, Column, pack, unpack

_FLOAT = st.floats(0, 1e6, width=32)


@given(
    st.lists(st.tuples(_FLOAT, _FLOAT, _FLOAT, _FLOAT, st.booleans(), st.booleans()), max_size=13), st.floats(-1e6, 1e6)
)
def test_unpack_gives_back_what_was_packed(rows: list[tuple[float, ...]], other_w: float) -> None:
    columns = tuple(Column(f"A{n}", "m-1") for n in range(len(rows)))
    values = np.array(rows, COLUMN)
    table = unpack(columns, [1000, 2000], [pack(values, other_w)] * 2)
    assert table.at_ms.tolist() == [1000, 2000]
    assert table.other_w.tolist() == [other_w] * 2
    assert np.array_equal(table.values[1], values)
