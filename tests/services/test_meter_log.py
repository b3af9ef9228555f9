"""A meter's own log as people have it: CSV of several kinds, Parquet, local times, and lines that are no rows."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import NilmError
from edge.local_time import WallClock, days, to_ms, zone
from edge.meter_log import MeterLog, read

BRUSSELS = ZoneInfo("Europe/Brussels")
START_MS = 1_700_000_000_000
FOLD_MS = to_ms(datetime(2026, 10, 25, 0, 0, tzinfo=UTC))
"""An hour before clocks are put back in Brussels."""
SPRING_MS = to_ms(datetime(2026, 3, 29, 0, 0, tzinfo=UTC))


def _csv(tmp_path: Path, text: str, where: ZoneInfo | None = None) -> MeterLog:
    file = tmp_path / "meter.csv"
    file.write_bytes(text.encode())
    return read(file, where)


@pytest.mark.parametrize("time", ["2023-11-14T22:13:20Z", "2023-11-14 23:13:20+01:00", "1700000000", "1700000000000"])
def test_each_kind_of_time_is_the_same_moment(tmp_path: Path, time: str) -> None:
    log = _csv(tmp_path, f"time,power_w\n{time},5\n")
    assert (log.time_ms.tolist(), log.values.tolist(), log.is_counter) == ([START_MS], [5.0], False)


@pytest.mark.parametrize(
    ("text", "value", "is_counter"),
    [
        ("Timestamp;Power_kW;note\n1700000000;1,5;x\n", 1500.0, False),
        ("\ufefftime\tenergy_kwh\r\n1700000000\t12.25\r\n", 12_250.0, True),
        ("energy_wh,time\n7,1700000000", 7.0, True),
        ("time,power_w,energy_kwh\n1700000000,-250.5,3\n", -250.5, False),
    ],
)
def test_each_kind_of_column(tmp_path: Path, text: str, value: float, is_counter: bool) -> None:
    log = _csv(tmp_path, text)
    assert (log.values.tolist(), log.is_counter, log.malformed) == ([value], is_counter, 0)


def test_lines_that_are_no_rows_are_counted_with_their_numbers(tmp_path: Path) -> None:
    lines = ["1700000000,1", "1700000001,", "1700000002,nan", "yesterday,4", "", "1700000005,5,6", "-5,7"]
    log = _csv(tmp_path, "\n".join(["time,power_w", *lines, "1700000008,99e9", "1700000009,9", "\0,\xff"]))
    assert log.values.tolist() == [1.0, 9.0]
    assert log.malformed == 7
    assert [told.split(":")[0] for told in log.told] == [f"line {n}" for n in (3, 4, 5, 7, 8, 9, 11)]
    assert "'yesterday' is no time" in log.told[2]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has the columns none"),
        ("a,b\n1,2\n", "has the columns a, b; it needs one of time, timestamp"),
        ("time,power_w,power_kw\n", "needs one of"),
        ("time,power_w\n", "no row that can be used"),
        ("time,power_w\nx,1\n", "no row that can be used; line 2: 'x' is no time"),
        ("time,power_w\n2026-01-01T00:00:00,1\n", "name no time zone; say it with --timezone"),
    ],
)
def test_what_is_no_log_is_refused_in_words(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(NilmError, match=why):
        _csv(tmp_path, text)
    with pytest.raises(NilmError, match="cannot read"):
        read(tmp_path / "none.csv", None)


@pytest.mark.parametrize("every_s", [1, 10, 60, 900, 1800, 3600])
@pytest.mark.parametrize("first_ms", [FOLD_MS - 3_600_000, SPRING_MS])
@pytest.mark.parametrize("newest_first", [False, True])
def test_local_times_over_a_change_of_clocks(tmp_path: Path, every_s: int, first_ms: int, newest_first: bool) -> None:
    times_ms = list(range(first_ms, first_ms + 4 * 3_600_000, every_s * 1000))
    local = [datetime.fromtimestamp(at_ms / 1000, BRUSSELS).replace(tzinfo=None) for at_ms in times_ms]
    rows = [f"{time.isoformat(' ')},{n}" for n, time in enumerate(local)]
    log = _csv(tmp_path, "\n".join(["time,power_w", *(rows[::-1] if newest_first else rows)]), BRUSSELS)
    assert log.malformed == 0
    assert log.time_ms.tolist() == times_ms
    assert log.values.tolist() == list(range(len(times_ms)))


def test_a_time_that_never_was_is_told(tmp_path: Path) -> None:
    log = _csv(tmp_path, "time,power_w\n2026-03-29 02:30:00,1\n2026-03-29 03:00:00,2\n", BRUSSELS)
    assert log.values.tolist() == [2.0]
    assert log.told == ["line 2: there was no 2026-03-29 02:30:00 in that zone: clocks were put forward"]


def test_rows_said_twice_and_mixed_up_stay_in_their_hour(tmp_path: Path) -> None:
    rows = ["02:30:00", "02:30:00", "02:30:02", "02:30:01"]
    log = _csv(tmp_path, "\n".join(["time,power_w", *(f"2026-10-25 {row},1" for row in rows)]), BRUSSELS)
    assert [(at_ms - FOLD_MS) // 1000 for at_ms in log.time_ms.tolist()] == [1800, 1800, 1801, 1802]


@given(st.integers(0, 4_000_000_000), st.sampled_from(["Europe/Brussels", "America/Santiago", "Asia/Kathmandu"]))
def test_a_single_local_time_is_that_moment_or_the_same_clock_an_hour_off(at_s: int, name: str) -> None:
    where = ZoneInfo(name)
    local = datetime.fromtimestamp(at_s, where).replace(tzinfo=None, fold=0)
    found_ms = WallClock(where).utc_ms(local)
    assert found_ms is not None
    assert found_ms == at_s * 1000 or datetime.fromtimestamp(found_ms / 1000, where).replace(tzinfo=None) == local


def test_days_have_23_24_or_25_hours_and_leave_nothing_out() -> None:
    end_ms = FOLD_MS + 2 * 86_400_000
    found = list(days(SPRING_MS - 86_400_000, end_ms, BRUSSELS))
    assert {(until - since) // 3_600_000 for _, since, until in found[1:-1]} == {23, 24, 25}
    assert [since for _, since, _ in found[1:]] == [until for _, _, until in found[:-1]]
    assert found[-1][2] == end_ms
    assert {date: (until - since) // 3_600_000 for date, since, until in found}["2026-10-25"] == 25


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(NilmError, match="'Mars/Olympus' is no time zone"):
        zone("Mars/Olympus")
    assert zone("").utcoffset(datetime(2026, 1, 1)) is not None  # noqa: DTZ001


def _parquet(tmp_path: Path, **columns: "pa.Array") -> Path:
    file = tmp_path / "meter.parquet"
    pq.write_table(pa.table(columns), file)
    return file


def test_parquet_with_and_without_a_zone(tmp_path: Path) -> None:
    power = pa.array([1.0, None, 3.0])
    seconds = [START_MS // 1000 + n for n in range(3)]
    for times in (
        pa.array(seconds, pa.timestamp("s", "UTC")),
        pa.array(seconds, pa.int64()),
        pa.array([1000 * second for second in seconds], pa.int64()),
    ):
        log = read(_parquet(tmp_path, time=times, power_kw=power), None)
        assert log.time_ms.tolist() == [START_MS, START_MS + 2000]
        assert log.values.tolist() == [1000.0, 3000.0]
        assert log.told == ["row 2: power_kw is missing"]
    local = [datetime.fromtimestamp(second, BRUSSELS).replace(tzinfo=None) for second in seconds]
    file = _parquet(tmp_path, time=pa.array(local, pa.timestamp("us")), power_kw=power)
    assert read(file, BRUSSELS).time_ms.tolist() == [START_MS, START_MS + 2000]
    with pytest.raises(NilmError, match="--timezone"):
        read(file, None)
