"""What a call to /analytics asks for, checked: a Problem names the parameter that is missing or wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

from edge.core.sample import check_building
from edge.core.wanted import FORMATS, RESOLUTIONS, TABLES
from edge.core.wanted import Wanted as Export
from edge.errors import BadReading, NilmError
from edge.local_time import zone
from edge.periods import HOUR, STEPS
from gateway.problems import Problem, bad
from gateway.times import parse_time

RESOLUTIONS_S = {"1s": 1, "1m": 60, "15m": 900, "1h": 3600}
LAST_S = (60, 3600)
MAX_READINGS = 86_400
MAX_PREDICTIONS = 10_800
"""Points of one answer: with ten appliances a prediction is ten times a reading."""

MAX_EXPORT_S = {"1s": 31 * 86_400, "1m": 366 * 86_400, "15m": 3660 * 86_400, "1h": 3660 * 86_400}
"""How much one export may span; the whole history leaves month by month, or by the command."""

MAX_PAGED_S = 3660 * 86_400
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")

MAX_DAYS = 1100
"""Of /analytics/energy and heatmap: three years."""
MAX_CYCLE_DAYS = 31
PAUSE_S, MAX_PAUSE_S = 120, 3600
"""Of /analytics/cycles, which looks at each second."""
MAX_DAYS_BY_HOUR = 31
_DEFAULT_DAYS = {"hour": 1, "day": 7, "week": 56, "month": 365}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Span:
    """From `start_ms` until before `end_ms`, one point for each `step_s`; a page of what goes on to `until_ms`."""

    start_ms: int
    end_ms: int
    step_s: int
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One building's points: the newest `seconds`, or a span of history. `columns`: the layout made for charts.

    Times are said in `where`, UTC for None.
    """

    building: str
    which: int | Span
    appliance: str | None = None
    columns: bool = False
    where: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Dates:
    """One building's days, from `start` until before `end`."""

    building: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Energy:
    """Days in steps of `step`; of one appliance alone, where one is named."""

    dates: Dates
    step: str
    appliance: str | None


def wanted_readings(query: Query) -> Wanted:
    """What /analytics/readings is asked for."""
    return _wanted(query, MAX_READINGS)


def wanted_predictions(query: Query) -> Wanted:
    """What /analytics/predictions is asked for."""
    return _wanted(query, MAX_PREDICTIONS)


def wanted_export(query: Query) -> tuple[Export, str]:
    """What /export is asked for, and in which format."""
    building = building_of(query)
    table = _one_of(query, "table", TABLES)
    resolution = _one_of(query, "resolution", RESOLUTIONS)
    form = _one_of(query, "format", FORMATS)
    start_ms, end_ms = _time(query, "start"), _time(query, "end")
    if start_ms >= end_ms:
        raise bad("end", "end must be later than start.")
    if end_ms - start_ms > MAX_EXPORT_S[resolution] * 1000:
        most = _span_text(MAX_EXPORT_S[resolution])
        raise bad("end", f"at {resolution}, start to end is at most {most}; ask several times, or more coarsely.")
    return Export(building, table, resolution, start_ms, end_ms), form


def wanted_energy(query: Query, today: date) -> Energy:
    """What /analytics/energy is asked for."""
    step = _one_of(query, "step", STEPS)
    dates = _dates(query, today, _DEFAULT_DAYS[step])
    if step == HOUR and (dates.end - dates.start).days > MAX_DAYS_BY_HOUR:
        raise bad("end", f"by hour, start to end is at most {MAX_DAYS_BY_HOUR} days.")
    return Energy(dates, step, _optional(query, "appliance_id"))


def wanted_heatmap(query: Query, today: date) -> tuple[Dates, str | None]:
    """What /analytics/heatmap is asked for: of when, and of which appliance."""
    return _dates(query, today, _DEFAULT_DAYS["week"]), _optional(query, "appliance_id")


def wanted_cycles(query: Query, today: date) -> tuple[Dates, str, int]:
    """What /analytics/cycles is asked for: of when, of which appliance, and how long a pause may be."""
    dates, appliance = _dates(query, today, _DEFAULT_DAYS["day"]), _required(query, "appliance_id")
    if (dates.end - dates.start).days > MAX_CYCLE_DAYS:
        raise bad("end", f"start to end is at most {MAX_CYCLE_DAYS} days.")
    return dates, appliance, whole_number(query, "pause_s", PAUSE_S, MAX_PAUSE_S)


def building_of(query: Query) -> str:
    """The building that a call names."""
    return _building(_required(query, "building_id"))


def whole_number(query: Query, name: str, default: int, most: int) -> int:
    """A parameter that is a whole number from 1 to `most`."""
    text = _optional(query, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise bad(name, f"{name} is a whole number from 1 to {most}.")
    return int(text)


def _wanted(query: Query, max_points: int) -> Wanted:
    building = building_of(query)
    layout = _optional(query, "layout") or "rows"
    if layout not in {"rows", "columns"}:
        raise bad("layout", "layout is rows or columns.")
    which = _last(query) if "last" in query else _span(query, max_points)
    return Wanted(building, which, _optional(query, "appliance_id"), layout == "columns", _zone(query))


def _last(query: Query) -> int:
    for name in ("start", "end", "resolution", "limit"):
        if name in query:
            raise bad(name, f"last and {name} exclude each other: give last, or start and end.", 400)
    text = _required(query, "last")
    low, high = LAST_S
    if not (text.isascii() and text.isdigit() and low <= int(text[:9]) <= high):
        raise bad("last", f"last is a whole number of seconds from {low} to {high}.")
    return int(text)


def _one_of(query: Query, name: str, known: Sequence[str]) -> str:
    """A parameter that is one of `known`; the first of them where it is not given."""
    value = _optional(query, name) or known[0]
    if value not in known:
        raise bad(name, f"{name} is one of {', '.join(known)}.")
    return value


def _span(query: Query, max_points: int) -> Span:
    if "start" not in query and "end" not in query:
        raise bad("last", "Give last (60 to 3600 seconds), or start and end.", 400)
    start_ms, end_ms = _time(query, "start"), _time(query, "end")
    resolution = _optional(query, "resolution") or "1s"
    if resolution not in RESOLUTIONS_S:
        raise bad("resolution", f"resolution is one of {', '.join(RESOLUTIONS_S)}.")
    if start_ms >= end_ms:
        raise bad("end", "end must be later than start.")
    step_s = RESOLUTIONS_S[resolution]
    step_ms = step_s * 1000
    start_ms, end_ms = start_ms // step_ms * step_ms, -(-end_ms // step_ms) * step_ms
    if "limit" in query:
        if end_ms - start_ms > MAX_PAGED_S * 1000:
            raise bad("end", f"start to end is at most {_span_text(MAX_PAGED_S)}.")
        steps = whole_number(query, "limit", max_points, max_points)
        return Span(start_ms, min(start_ms + steps * step_ms, end_ms), step_s, end_ms)
    if (points := (end_ms - start_ms) // step_ms) > max_points:
        raise bad(
            "end",
            f"start to end is {points} points; at {resolution} at most {max_points} ({_span_text(max_points * step_s)})"
            " may be asked for at once. Ask for less, for a coarser resolution, or page by page (limit).",
        )
    return Span(start_ms, end_ms, step_s)


def _zone(query: Query) -> tzinfo | None:
    name = _optional(query, "tz")
    if name is None:
        return None
    try:
        if _ZONE.fullmatch(name):
            return zone(name)
    except NilmError:
        pass
    raise bad("tz", "tz is a time zone such as Europe/Brussels.")


def _span_text(seconds: int) -> str:
    return f"{seconds / 3600:g} hours" if seconds <= 2 * 86_400 else f"{seconds / 86_400:g} days"


def _time(query: Query, name: str) -> int:
    try:
        return parse_time(_required(query, name))
    except ValueError as error:
        raise bad(name, f"{name} {error}.") from None


def _dates(query: Query, today: date, default_days: int) -> Dates:
    building = building_of(query)
    end = _date(query, "end") or today + timedelta(days=1)
    start = _date(query, "start") or end - timedelta(days=default_days)
    if start >= end:
        raise bad("end", "end must be later than start.")
    if (end - start).days > MAX_DAYS:
        raise bad("end", f"start to end is at most {MAX_DAYS} days.")
    return Dates(building, start, end)


def _date(query: Query, name: str) -> date | None:
    text = _optional(query, name)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else date.min
    except ValueError:
        day = date.min
    if not 1971 <= day.year <= 2261:
        raise bad(name, f"{name} is a date such as 2026-11-21.")
    return day


def _building(name: str) -> str:
    try:
        return check_building(name)
    except BadReading as error:
        raise bad("building_id", f"{error}.") from None


def _required(query: Query, name: str) -> str:
    value = _optional(query, name)
    if value is None:
        raise bad(name, f"The parameter {name} is missing.", 400)
    return value


def _optional(query: Query, name: str) -> str | None:
    values = query.get(name)
    if not values:
        return None
    if not values[0]:
        raise bad(name, f"{name} is empty.")
    return values[0]


def unknown_building(name: str) -> Problem:
    """Nobody has heard of this building."""
    return bad("building_id", f"There is no building {name!r}; /api/buildings lists them.", 404)


def unknown_appliance(name: str) -> Problem:
    """No model tells of this appliance."""
    return bad(
        "appliance_id", f"There are no predictions of {name[:80]!r} in that time; /models lists appliances.", 404
    )
