"""Days of a zone against the standard library's own clock, hour by hour, over years and odd zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from edge.periods import begins_ms, bounds_ms, cut, date_at, on_the_wall

ZONES = ("UTC", "Europe/Brussels", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo")


@pytest.mark.parametrize("name", ZONES)
def test_weekday_and_quarter_are_those_on_the_wall(name: str) -> None:
    where = ZoneInfo(name)
    start_s = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp())
    at_ms = 1000 * np.arange(start_s, start_s + 400 * 86_400, 900)
    weekday, quarter = on_the_wall(at_ms, where)
    walls = [datetime.fromtimestamp(ms / 1000, where) for ms in at_ms.tolist()]
    assert weekday.tolist() == [wall.weekday() for wall in walls]
    assert quarter.tolist() == [wall.hour * 4 + wall.minute // 15 for wall in walls]
    for back in range(0, 400, 7):
        day = date(2025, 12, 1) + timedelta(days=back)
        began_ms = begins_ms(day, where)
        assert date_at(began_ms, where) == day
        assert date_at(began_ms - 1, where) == day - timedelta(days=1)


def test_periods_are_whole() -> None:
    assert cut(date(2026, 11, 21), date(2026, 11, 23), "day") == [date(2026, 11, d) for d in (21, 22, 23)]
    assert cut(date(2026, 11, 21), date(2026, 11, 24), "week") == [date(2026, 11, d) for d in (16, 23, 30)]
    assert cut(date(2026, 1, 31), date(2026, 3, 1), "month") == [date(2026, m, 1) for m in (1, 2, 3)]


def test_hours_begin_at_midnight_and_end_with_the_day() -> None:
    for name in ZONES:
        where = ZoneInfo(name)
        for month in range(1, 13):
            start, end = date(2026, month, 1), date(2026, month, 28)
            hours = bounds_ms(start, end, "hour", where)
            assert (hours[0], hours[-1]) == (begins_ms(start, where), begins_ms(end, where))
            assert set(np.diff(hours).tolist()) <= {3_600_000, 1_800_000}
    assert len(bounds_ms(date(2026, 3, 29), date(2026, 3, 30), "hour", ZoneInfo("Europe/Brussels"))) == 24


def test_clocks_change() -> None:
    brussels = ZoneInfo("Europe/Brussels")
    hours = [(begins_ms(date(2026, m, d + 1), brussels) - begins_ms(date(2026, m, d), brussels)) / 3.6e6
             for m, d in ((3, 28), (3, 29), (10, 25))]  # fmt: skip
    assert hours == [24, 23, 25]
