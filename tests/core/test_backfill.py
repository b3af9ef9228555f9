import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.core.backfill import HOUR_MS, better, hours_between, on_seconds, parts, runs
from edge.core.sample import Flags

MEASURED, LATE, HELD, ESTIMATED = 0, int(Flags.LATE), int(Flags.HELD), int(Flags.LATE | Flags.ESTIMATED)
FLAGS = st.sampled_from([MEASURED, LATE, HELD, ESTIMATED, int(Flags.LATE | Flags.HELD)])


@given(st.dictionaries(st.integers(0, 60), FLAGS), st.dictionaries(st.integers(0, 60), FLAGS))
def test_a_measured_second_is_never_replaced_and_a_second_run_changes_nothing(
    new: dict[int, int], stored: dict[int, int]
) -> None:
    def pick(have: dict[int, int]) -> set[int]:
        at_s, flags = np.array(sorted(new), np.int64), np.array([new[s] for s in sorted(new)], np.int64)
        have_s, have_flags = np.array(sorted(have), np.int64), np.array([have[s] for s in sorted(have)], np.int64)
        return set(at_s[better(at_s, flags, have_s, have_flags)].tolist())

    wanted = pick(stored)
    for second in wanted & set(stored):
        assert stored[second] & (Flags.HELD | Flags.ESTIMATED)
    assert set(new) - set(stored) <= wanted
    assert pick(stored | {second: new[second] for second in wanted}) == set()


def test_a_held_second_gives_way_to_its_real_sample_and_an_estimate_to_both() -> None:
    seconds = np.arange(4)
    stored = np.array([MEASURED, HELD, ESTIMATED, ESTIMATED])
    assert better(seconds, np.array([LATE, LATE, LATE, HELD]), seconds, stored).tolist() == [False, True, True, True]
    assert not better(seconds, np.full(4, ESTIMATED), seconds, stored).any()


def test_a_log_at_1_hz_stays_as_it_is_and_its_long_gaps_stay_gaps() -> None:
    at_s, power_w, flags = on_seconds(np.array([100_000, 101_000, 102_400, 200_000]), np.array([1.0, 2, 3, 4]))
    assert at_s.tolist() == [100, 101, 102, 200]
    assert power_w.tolist() == [1, 2, 3, 4]
    assert set(flags) == {LATE}


def test_a_finer_log_is_averaged_and_a_coarser_one_held() -> None:
    at_s, power_w, flags = on_seconds(np.arange(0, 2000, 100), np.arange(20.0))
    assert (at_s.tolist(), power_w.tolist(), set(flags)) == ([0, 1], [4.5, 14.5], {LATE})
    at_s, power_w, flags = on_seconds(np.array([0, 60_000, 121_000, 600_000]), np.array([1.0, 2, 3, 4]))
    assert at_s.tolist() == [*range(182), *range(600, 661)]
    assert flags[0] == LATE
    assert set(flags[1:60]) == {LATE | HELD}
    assert 300 not in at_s


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=40))
def test_seconds_of_a_log_rise_and_begin_at_its_rows(times_ms: list[int]) -> None:
    times = np.array(sorted(times_ms))
    at_s, _, flags = on_seconds(times, np.ones(len(times)))
    assert (np.diff(at_s) > 0).all()
    assert set(at_s[flags == LATE].tolist()) == set((times // 1000).tolist())


def test_an_empty_log_has_no_seconds() -> None:
    assert [part.tolist() for part in on_seconds(np.zeros(0, np.int64), np.zeros(0))] == [[], [], []]


def test_hours_join_to_runs() -> None:
    hours = [5 * HOUR_MS, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS]
    assert runs(hours, 2) == [(HOUR_MS, 3 * HOUR_MS), (3 * HOUR_MS, 4 * HOUR_MS), (5 * HOUR_MS, 6 * HOUR_MS)]
    assert list(hours_between(HOUR_MS + 1, 2 * HOUR_MS + 1)) == [HOUR_MS, 2 * HOUR_MS]


@given(st.lists(st.integers(0, 10_000), min_size=2, unique=True), st.integers(1, 3000))
def test_parts_cover_every_interval_once(times: list[int], longest_s: int) -> None:
    at_s = np.array(sorted(times))
    found = parts(at_s, longest_s)
    assert [i for first, last in found for i in range(first, last)] == list(range(len(at_s) - 1))
    assert all(last == first + 1 or at_s[last] - at_s[first] <= longest_s for first, last in found)
