import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.core.seconds import HOLD_MS, interval_ms, on_grid


def _grid(time_ms: list[int], segment: list[int], every_ms: float) -> tuple[list[int], list[int], list[int]]:
    rows = np.arange(len(time_ms), dtype=np.intp)
    found = on_grid(np.array(time_ms), np.array(segment), rows, every_ms)
    return (found.at_ms // 1000).tolist(), found.row.tolist(), found.bounds.tolist()


def test_each_row_speaks_until_the_next() -> None:
    seconds = _grid([0, 3400, 6800], [0, 0, 0], 3400)
    assert seconds == (list(range(11)), [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2], [0, 11])


def test_a_gap_is_filled_for_twenty_seconds_only() -> None:
    at_s, row, _ = _grid([0, 1000, 60_000], [0, 0, 0], 1000)
    assert at_s == [0, *range(1, 22), 60]
    assert row == [0, *[1] * 21, 2]


def test_a_slow_recording_has_no_gaps() -> None:
    assert _grid([0, 60_000, 120_000], [0, 0, 0], 60_000)[0] == list(range(180))


def test_segments_stay_apart_whatever_their_clocks_say() -> None:
    at_s, row, bounds = _grid([50_000, 51_000, 7000, 8000], [0, 0, 1, 1], 1000)
    assert (at_s, row, bounds) == ([50, 51, 7, 8], [0, 1, 2, 3], [0, 2, 4])


def test_the_last_of_several_rows_in_a_second_speaks_for_the_next() -> None:
    at_s, row, _ = _grid([0, 300, 900, 1000, 1900], [0] * 5, 600)
    assert (at_s, row) == ([0, 1, 2], [0, 3, 4])


def test_the_interval_ignores_what_lies_between_segments() -> None:
    assert interval_ms(np.array([0, 2000, 90_000, 92_000]), np.array([0, 0, 1, 1])) == 2000
    assert interval_ms(np.array([0, 2000]), np.array([0, 1])) is None


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 1)), min_size=1, max_size=30),
    st.integers(1000, 60_000),
)
def test_every_second_has_the_newest_row_that_is_not_too_old(steps: list[tuple[int, int]], every_ms: int) -> None:
    time_ms = np.cumsum([step for step, _ in steps])
    segment = np.cumsum([new for _, new in steps])
    hold_ms = max(HOLD_MS, every_ms)
    expected = []
    for number in np.unique(segment):
        (rows,) = np.nonzero(segment == number)
        end_ms = time_ms[rows[-1]] + every_ms
        for at_ms in range(0, int(end_ms), 1000):
            heard = rows[time_ms[rows] <= at_ms]
            if len(heard) and at_ms - time_ms[heard[-1]] <= hold_ms:
                expected.append((at_ms, int(heard[-1])))
    found = on_grid(time_ms, segment, np.arange(len(time_ms), dtype=np.intp), every_ms)
    assert list(zip(found.at_ms.tolist(), found.row.tolist(), strict=True)) == expected
