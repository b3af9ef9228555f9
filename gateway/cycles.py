"""/analytics/cycles: when an appliance ran, how long, and what it used."""

from flask import Blueprint, Response, request

from edge.core.cycles import Cycle
from edge.errors import NilmError, Unavailable
from edge.local_time import zone
from edge.periods import begins_ms, date_at
from edge.unit import now_ms
from gateway.access import Of, Who, access, may_name
from gateway.asks import JSON, Call, described, takes
from gateway.energy import check_known, place
from gateway.parameters import unknown_appliance, wanted_cycles
from gateway.parts import parts
from gateway.problems import bad
from gateway.replies import json_reply
from gateway.schemas import BUILDING_ID, CYCLES, FIRST_DAY, NAMED_APPLIANCE, PAUSE_S, UNTIL_DAY
from gateway.times import iso_times

pages = Blueprint("cycles", __name__, url_prefix="/analytics")

MOST = 1000
_RUNS_MS = 120_000
"""Who was on this short a time ago still runs: what is newer may be on its way."""
WS_PER_KWH = 3.6e6


@pages.get("/cycles")
@access(Who.VIEWER, Of.APPLIANCE, dashboard=True)
@described(Call(takes(BUILDING_ID, NAMED_APPLIANCE, FIRST_DAY, UNTIL_DAY, PAUSE_S), {200: {JSON: CYCLES}}))
def cycles() -> Response:
    """When an appliance ran over some days, the newest last; pauses of up to pause_s are within one cycle."""
    at_ms, where = now_ms(), zone(parts().config.history.timezone)
    dates, appliance, pause_s = wanted_cycles(request.args.to_dict(flat=False), date_at(at_ms, where))
    may_name(dates.building, appliance)
    check_known(dates.building)
    from edge.cycles import RunTimes  # noqa: PLC0415 - DuckDB and Arrow, 70 MiB, for whoever asks

    with place():
        try:
            found = RunTimes(parts().config, parts().influx).find(
                dates.building, appliance, begins_ms(dates.start, where), begins_ms(dates.end, where), pause_s
            )
        except Unavailable:
            raise
        except NilmError as error:
            raise bad("start", f"{error}") from error
    if found.newest_ms is None and not _predicted(dates.building, appliance):
        raise unknown_appliance(appliance)
    newest = found.cycles[-1] if found.cycles else None
    runs = newest is not None and newest.end_ms == found.newest_ms and at_ms - newest.end_ms <= _RUNS_MS
    shown = [_said(cycle, running=runs and cycle is newest) for cycle in found.cycles[-MOST:]]
    total = {
        "cycles": len(found.cycles),
        "on_s": sum(cycle.on_s for cycle in found.cycles),
        "kwh": round(sum(cycle.ws for cycle in found.cycles) / WS_PER_KWH, 4),
    }
    about = {"building_id": dates.building, "appliance_id": appliance, "pause_s": pause_s}
    days = {"start": dates.start.isoformat(), "end": dates.end.isoformat()}
    more = {"timezone": parts().config.history.timezone or None, "left_out": max(0, len(found.cycles) - MOST)}
    return json_reply({**about, **days, **more, "cycles": shown, "total": total})


def _said(cycle: Cycle, *, running: bool) -> dict[str, object]:
    start, end = iso_times([cycle.start_ms, cycle.end_ms])
    duration_s = (cycle.end_ms - cycle.start_ms) // 1000
    return {
        "start": start,
        "end": end,
        "duration_s": duration_s,
        "on_s": cycle.on_s,
        "missing_s": max(0, duration_s - cycle.known_s),
        "kwh": round(cycle.ws / WS_PER_KWH, 4),
        "mean_w": round(cycle.mean_w, 1),
        "max_w": round(cycle.max_w, 1),
        "running": running,
    }


def _predicted(building: str, appliance: str) -> bool:
    """Whether the newest second tells of it; while Redis is away, it may."""
    try:
        tables = parts().streams.predictions(building, 1)
    except Unavailable:
        return True
    return any(column.appliance == appliance for table in tables for column in table.columns)
