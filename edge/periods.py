"""Days, weeks and months of a time zone, and what hour of them a moment is; DST taken care of."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

QUARTER_MS = 900_000
_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000
HOUR = "hour"
_THURSDAY = 3
"""The weekday of 1970-01-01."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def begins_ms(day: date, where: tzinfo) -> int:
    """When a day begins, in ms since 1970; where midnight is skipped, the first moment there is."""
    return (datetime(day.year, day.month, day.day, tzinfo=where).astimezone(UTC) - _EPOCH) // _MS


def date_at(at_ms: int, where: tzinfo) -> date:
    """The date on the wall."""
    return (_EPOCH + at_ms * _MS).astimezone(where).date()


def cut(start: date, end: date, step: str) -> list[date]:
    """Where the days, weeks (from Monday) or months from `start` until before `end` begin, and where the last ends."""
    floor, after = _STEPS[step]
    found = [floor(start)]
    while found[-1] < end:
        found.append(after(found[-1]))
    return found


def bounds_ms(start: date, end: date, step: str, where: tzinfo) -> list[int]:
    """The same in ms since 1970, also for hours, which are counted from midnight on."""
    if step != HOUR:
        return [begins_ms(day, where) for day in cut(start, end, step)]
    first_ms, end_ms = begins_ms(start, where), begins_ms(end, where)
    return [*range(first_ms, end_ms, _HOUR_MS), end_ms]


def on_the_wall(at_ms: NDArray[np.int64], where: tzinfo) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Weekday (0 is Monday) and quarter of the day (0 to 95) at which each time falls."""
    days, back = np.unique(at_ms // _DAY_MS, return_inverse=True)
    ends = [(_offset_ms(day * _DAY_MS, where), _offset_ms((day + 1) * _DAY_MS, where)) for day in days.tolist()]
    local_ms = at_ms + np.array([before for before, _ in ends], np.int64)[back]
    for n, (before, after) in enumerate(ends):
        if before != after:  # the day on which the clocks change
            rows = np.flatnonzero(back == n)
            local_ms[rows] = [at + _offset_ms(at, where) for at in at_ms[rows].tolist()]
    weekday = (local_ms // _DAY_MS + _THURSDAY) % 7
    return weekday.astype(np.intp), (local_ms % _DAY_MS // QUARTER_MS).astype(np.intp)


def _offset_ms(at_ms: int, where: tzinfo) -> int:
    return ((_EPOCH + at_ms * _MS).astimezone(where).utcoffset() or timedelta()) // _MS


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


_STEPS: dict[str, tuple[Callable[[date], date], Callable[[date], date]]] = {
    "day": (lambda day: day, lambda day: day + timedelta(days=1)),
    "week": (_monday, lambda day: day + timedelta(days=7)),
    "month": (lambda day: day.replace(day=1), _next_month),
}
STEPS = (*_STEPS, HOUR)
