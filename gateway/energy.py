"""/analytics/energy and /analytics/heatmap: what was used when, and what it cost, over weeks and years."""

import threading
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from flask import Blueprint, Response, request

from edge.adapters.snapshot_folder import SnapshotFolder
from edge.core.line_protocol import OTHER
from edge.core.tariff import DAYS, Tariff, parse_tariff
from edge.energy_sums import MAINS, WS_PER_KWH, EnergyByPeriod, Quarters, Sums, WeekHours
from edge.errors import NilmError, Unavailable
from edge.local_time import zone
from edge.periods import HOUR, begins_ms, bounds_ms, cut, date_at
from edge.settings import Config
from edge.unit import now_ms
from gateway.access import Of, Who, access, caller, may_see
from gateway.asks import JSON, Call, described, takes
from gateway.parameters import Dates, unknown_appliance, unknown_building, wanted_energy, wanted_heatmap
from gateway.parts import parts
from gateway.problems import Problem, bad
from gateway.replies import json_reply
from gateway.schemas import APPLIANCE_ID, BUILDING_ID, ENERGY, FIRST_DAY, HEATMAP, SERIES, STEP, UNTIL_DAY
from gateway.times import zoned_times

pages = Blueprint("energy", __name__, url_prefix="/analytics")

AT_ONCE = 2
_PATIENCE_S = 5.0
_places = threading.BoundedSemaphore(AT_ONCE)


def tariff_of(config: Config) -> Tariff:
    """The configured tariff; ConfigError where it cannot be read."""
    said = config.tariff
    return parse_tariff(said.currency, said.price_kwh, said.times, said.export_price_kwh)


@pages.get("/energy")
@access(Who.VIEWER, Of.APPLIANCE, dashboard=True)
@described(Call(takes(BUILDING_ID, FIRST_DAY, UNTIL_DAY, STEP, APPLIANCE_ID), {200: {JSON: ENERGY}}))
def energy() -> Response:
    """Energy and cost of mains and each appliance, by hour, day, week or month."""
    config = parts().config
    where, tariff = zone(config.history.timezone), tariff_of(config)
    today = date_at(now_ms(), where)
    asked = wanted_energy(request.args.to_dict(flat=False), today)
    days = cut(asked.dates.start, asked.dates.end, "day" if asked.step == HOUR else asked.step)
    at_ms = bounds_ms(days[0], days[-1], asked.step, where)
    found = EnergyByPeriod(at_ms, tariff, where)
    for quarters in _quarters(asked.dates.building, Dates(asked.dates.building, days[0], days[-1])):
        found.add(quarters)
    shown = _shown(asked.dates.building, asked.appliance, set(found.sums))
    sums = {name: one for name, one in found.sums.items() if name in shown}
    times = zoned_times(at_ms, where)
    bounds = times if asked.step == HOUR else [day.isoformat() for day in days]
    periods = [
        {"start": first, "end": end, "start_time": times[n], **_period(sums, [n], tariff.is_set)}
        for n, (first, end) in enumerate(pairwise(bounds))
    ]
    moments = {"today": today.isoformat(), "start_time": times[0], "end_time": times[-1]}
    about = {"building_id": asked.dates.building, "timezone": config.history.timezone or None, "step": asked.step}
    total = _period(sums, range(len(periods)), tariff.is_set)
    return json_reply({**about, **moments, "currency": tariff.currency, "periods": periods, "total": total})


@pages.get("/heatmap")
@access(Who.VIEWER, Of.APPLIANCE, dashboard=True)
@described(Call(takes(BUILDING_ID, FIRST_DAY, UNTIL_DAY, SERIES), {200: {JSON: HEATMAP}}))
def heatmap() -> Response:
    """Mean power by weekday and hour: of mains, of one appliance, or of what no model explains (other)."""
    config = parts().config
    where = zone(config.history.timezone)
    dates, series = wanted_heatmap(request.args.to_dict(flat=False), date_at(now_ms(), where))
    if series in {None, OTHER}:
        may_see(dates.building)
    found, names = WeekHours(where), set()
    for quarters in _quarters(dates.building, dates):
        names.add(quarters.name)
        if quarters.name == (series or MAINS):
            found.add(quarters)
    _shown(dates.building, series, names)
    mean_w = np.divide(found.ws, found.seconds, out=np.full_like(found.ws, np.nan), where=found.seconds > 0)
    body = {
        "building_id": dates.building,
        "appliance_id": series,
        "timezone": config.history.timezone or None,
        "start": dates.start.isoformat(),
        "end": dates.end.isoformat(),
        "weekdays": list(DAYS),
        "mean_w": np.round(mean_w, 1).tolist(),
        "kwh": np.round(found.ws / WS_PER_KWH, 4).tolist(),
        "seconds": found.seconds.tolist(),
    }
    return json_reply(body)


def _quarters(building: str, dates: Dates) -> Iterator[Quarters]:
    """What there is of those days, up to the end of the present one."""
    config = parts().config
    where = zone(config.history.timezone)
    check_known(building)
    start_ms = begins_ms(dates.start, where)
    end_ms = min(begins_ms(dates.end, where), begins_ms(date_at(now_ms(), where) + timedelta(days=1), where))
    if start_ms >= end_ms:
        return
    from edge.quarter_hours import QuarterHours  # noqa: PLC0415 - DuckDB and Arrow, 70 MiB, for whoever asks

    with place():
        try:
            yield from QuarterHours(config, parts().influx).read(building, start_ms, end_ms)
        except Unavailable:
            raise
        except NilmError as error:
            raise bad("start", f"{error}") from error


@contextmanager
def place() -> Iterator[None]:
    """One of AT_ONCE places for a long question to history; Unavailable while all are taken."""
    if not _places.acquire(timeout=_PATIENCE_S):
        raise Unavailable(f"{AT_ONCE} such questions are being answered already")
    try:
        yield
    finally:
        _places.release()


def _shown(building: str, appliance: str | None, names: Set[str]) -> Set[str]:
    """The series that the caller may see and asked for."""
    granted = caller().appliances(building)
    if appliance is None:
        return names if granted is None else names & granted
    if granted is not None and appliance not in granted:
        raise Problem(403, "This appliance is not granted to you.", parameter="appliance_id")
    if names and appliance not in names:
        raise unknown_appliance(appliance)
    return names & {appliance}


def _period(sums: Mapping[str, Sums], which: Any, priced: bool) -> dict[str, Any]:
    at = np.array(which, np.intp)

    def said(one: Sums, names: Mapping[str, Any]) -> dict[str, Any]:
        cost = round(float(one.cost[at].sum()), 4) if priced else None
        energies = {name: round(float(values[at].sum()), 4) for name, values in names.items()}
        return {**energies, "cost": cost, "seconds": int(one.seconds[at].sum())}

    mains, other = sums.get(MAINS), sums.get(OTHER)
    return {
        "mains": said(mains, {"import_kwh": mains.import_kwh, "export_kwh": mains.export_kwh}) if mains else None,
        "appliances": {
            name: {**said(one, {"kwh": one.import_kwh}), "on_s": int(one.on_s[at].sum())}
            for name, one in sorted(sums.items())
            if name not in {MAINS, OTHER}
        },
        "other": said(other, {"kwh": other.import_kwh}) if other else None,
    }


def check_known(building: str) -> None:
    """Refuse a building that nobody knows; while Redis is away, it may be known."""
    try:
        known = parts().buildings()
    except Unavailable:
        return
    if building not in known and building not in SnapshotFolder(Path(parts().config.data_dir)).buildings():
        raise unknown_building(building)
