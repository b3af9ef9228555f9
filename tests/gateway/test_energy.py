"""Energy, cost and heatmap, held against sums over every second; half of it snapshotted, half in InfluxDB alone."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.errors import ConfigError
from edge.settings import Config, Tariff
from gateway import create_app, energy
from gateway.hub import Hub
from tests.services.history import snapshot

WHERE = ZoneInfo("Europe/Brussels")
FIRST = datetime(2026, 3, 27, tzinfo=WHERE)
"""A Friday; on Sunday the clocks go forward."""
SPAN = {"building_id": "home", "start": "2026-03-27", "end": "2026-03-31"}
EVERY_S = 300
TARIFF = Tariff("EUR", 0.2, "mon-fri 07:00-22:00 = 0.3, sun 02:00-04:00 = 0.9", 0.05)


def seconds() -> Iterator[tuple[int, float, float, bool]]:
    """One second of each five minutes: time, mains, oven, whether it is on; solar at noon."""
    start_s, end_s = int(FIRST.timestamp()), int((FIRST + timedelta(days=4)).timestamp())
    for at_s in range(start_s, end_s, EVERY_S):
        oven_w = 2000.0 if at_s // 3600 % 5 == 0 else 0.0
        solar_w = 3000.0 if 10 <= at_s // 3600 % 24 < 13 else 0.0
        yield at_s, 200.0 + at_s // 60 % 7 + oven_w - solar_w, oven_w, oven_w > 0


@pytest.fixture
def stored(config: Config, streams: Streams, influx: Influx) -> Config:
    """Two and a half days in Parquet alone, the rest in InfluxDB alone."""
    lines = []
    for at_s, mains_w, oven_w, on in seconds():
        lines.append(f"mains,building=home power_w={mains_w},flags=0i {at_s}")
        lines.append(f"appliance,building=home,appliance=other power_w=150.0 {at_s}")
        said = f'power_w={oven_w},p_on=0.5,low_w=0.0,high_w=1.0,on={str(on).lower()},warmup=false,model="m-1"'
        lines.append(f"appliance,building=home,appliance=Oven {said} {at_s}")
    influx.write("nilm", "\n".join(lines))
    split_s = int(FIRST.timestamp()) + 60 * 3600
    snapshot(config, streams, split_s + 600)
    for kind in ("mains", "appliance"):
        query = f"DELETE FROM {kind} WHERE building = $building AND time < $end"
        influx.query("nilm", query, {"building": "home", "end": (split_s - split_s % 3600) * 10**9})
    history = replace(config.history, timezone="Europe/Brussels")
    return replace(config, history=history, tariff=TARIFF)


@pytest.fixture
def client(stored: Config, streams: Streams, influx: Influx) -> FlaskClient:
    return create_app(stored, streams, influx, Hub(streams)).test_client()


def get(client: FlaskClient, path: str, **query: str) -> Any:
    answer = client.get(f"/analytics/{path}", query_string={**SPAN, **query})
    assert answer.status_code == 200, answer.text
    return answer.json


def price(wall: datetime) -> float:
    if wall.weekday() < 5 and 7 <= wall.hour < 22:
        return 0.3
    return 0.9 if wall.weekday() == 6 and 2 <= wall.hour < 4 else 0.2


def days_with_costs(client: FlaskClient) -> None:
    wanted: dict[str, Any] = defaultdict(lambda: defaultdict(float))
    for at_s, mains_w, oven_w, on in seconds():
        wall = datetime.fromtimestamp(at_s, WHERE)
        of = wanted[wall.date().isoformat()]
        of["import"] += max(mains_w, 0) / 3.6e6
        of["export"] += max(-mains_w, 0) / 3.6e6
        of["cost"] += (max(mains_w, 0) * price(wall) - max(-mains_w, 0) * 0.05) / 3.6e6
        of["oven"] += oven_w / 3.6e6
        of["oven cost"] += oven_w * price(wall) / 3.6e6
        of["on"] += on
        of["seconds"] += 1
    said = get(client, "energy")
    assert (said["currency"], said["timezone"], said["step"]) == ("EUR", "Europe/Brussels", "day")
    assert [period["start"] for period in said["periods"]] == list(wanted)
    assert [period["mains"]["seconds"] for period in said["periods"]] == [288, 288, 276, 288]
    for period in said["periods"]:
        of, mains, oven = wanted[period["start"]], period["mains"], period["appliances"]["Oven"]
        found = (mains["import_kwh"], mains["export_kwh"], mains["cost"], oven["kwh"], oven["cost"])
        expected = tuple(of[name] for name in ("import", "export", "cost", "oven", "oven cost"))
        assert found == pytest.approx(expected, abs=1e-4)
        assert (oven["on_s"], oven["seconds"]) == (of["on"], of["seconds"])
        assert period["other"]["kwh"] == pytest.approx(150 * of["seconds"] / 3.6e6, abs=1e-4)
    assert said["total"]["mains"]["import_kwh"] == pytest.approx(sum(of["import"] for of in wanted.values()), abs=1e-4)


def weeks_and_months_are_whole(client: FlaskClient) -> None:
    weeks = get(client, "energy", step="week")
    assert [(period["start"], period["end"]) for period in weeks["periods"]] == [
        ("2026-03-23", "2026-03-30"), ("2026-03-30", "2026-04-06")]  # fmt: skip
    months = get(client, "energy", step="month", appliance_id="Oven")
    (month,) = months["periods"]
    assert month["mains"] is month["other"] is None
    assert month["appliances"]["Oven"]["kwh"] == pytest.approx(
        weeks["total"]["appliances"]["Oven"]["kwh"], abs=1e-3
    )  # fmt: skip


def hours_of_the_day_the_clocks_change(client: FlaskClient) -> None:
    said = get(client, "energy", start="2026-03-29", end="2026-03-30", step="hour")
    wanted: dict[str, float] = defaultdict(float)
    for at_s, _, oven_w, _ in seconds():
        wall = datetime.fromtimestamp(at_s // 3600 * 3600, WHERE)
        wanted[wall.isoformat()] += oven_w / 3.6e6 if wall.date().isoformat() == "2026-03-29" else 0
    hours = [hour for hour in wanted if hour.startswith("2026-03-29")]
    assert [period["start"] for period in said["periods"]] == hours
    assert [period["end"] for period in said["periods"]] == [*hours[1:], "2026-03-30T00:00:00+02:00"]
    assert (len(hours), said["start_time"], said["end_time"]) == (23, hours[0], "2026-03-30T00:00:00+02:00")
    for period in said["periods"]:
        assert period["appliances"]["Oven"]["kwh"] == pytest.approx(wanted[period["start"]], abs=1e-4)


def heatmap_by_every_second(client: FlaskClient) -> None:
    watts: dict[tuple[int, int], list[float]] = defaultdict(list)
    for at_s, mains_w, _, _ in seconds():
        wall = datetime.fromtimestamp(at_s, WHERE)
        watts[wall.weekday(), wall.hour].append(mains_w)
    said = get(client, "heatmap")
    for weekday in range(7):
        for hour in range(24):
            here = watts[weekday, hour]
            assert said["seconds"][weekday][hour] == len(here)
            mean_w = said["mean_w"][weekday][hour]
            assert mean_w == (pytest.approx(sum(here) / len(here), abs=0.06) if here else None)
    assert said["seconds"][6][2] == 0  # skipped by the clocks
    assert get(client, "heatmap", appliance_id="other")["mean_w"][6][3] == 150.0
    assert max(map(max, get(client, "heatmap", appliance_id="Oven")["kwh"])) > 0


def what_is_not_granted_is_not_told(stored: Config, streams: Streams, influx: Influx) -> None:
    accounts = Accounts(Path(stored.data_dir))
    assert accounts.add(Caller("otto", Role.VIEWER, ("home/Oven",)), "no password")
    assert accounts.add_token("otto", "token", "nilm_otto", 1)
    client = create_app(stored, streams, influx, Hub(streams)).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer nilm_otto"
    said = get(client, "energy")
    assert {name for period in said["periods"] for name in period["appliances"]} == {"Oven"}
    assert all(period["mains"] is period["other"] is None for period in [*said["periods"], said["total"]])
    assert get(client, "heatmap", appliance_id="Oven")["mean_w"]
    for path in ("heatmap", "heatmap?appliance_id=other", "heatmap?appliance_id=Dryer", "energy?appliance_id=Dryer"):
        separator = "&" if "?" in path else "?"
        query = "&".join(f"{name}={value}" for name, value in SPAN.items())
        assert client.get(f"/analytics/{path}{separator}{query}").status_code == 403, path


def bounds_and_slips(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for change, status, parameter in (
        ({"building_id": "castle"}, 404, "building_id"),
        ({"start": "2026-3-1"}, 422, "start"),
        ({"start": "2026-02-30"}, 422, "start"),
        ({"start": "2026-03-27T00:00:00Z"}, 422, "start"),
        ({"end": "2026-03-27"}, 422, "end"),
        ({"start": "2020-01-01"}, 422, "end"),
        ({"step": "year"}, 422, "step"),
        ({"step": "hour", "start": "2026-01-01"}, 422, "end"),
        ({"appliance_id": "Sauna"}, 404, "appliance_id"),
        ({"appliance_id": "' OR 1=1 --"}, 404, "appliance_id"),
    ):
        answer = client.get("/analytics/energy", query_string={**SPAN, **change})
        assert answer.json is not None
        assert (answer.status_code, answer.json["parameter"]) == (status, parameter), change
    monkeypatch.setattr(energy, "_PATIENCE_S", 0.01)
    for _ in range(energy.AT_ONCE):
        energy._places.acquire()
    try:
        assert client.get("/analytics/energy", query_string=SPAN).status_code == 503
    finally:
        energy._places.release(energy.AT_ONCE)
    get(client, "energy")


def what_is_away(stored: Config, streams: Streams) -> None:
    away = Influx.connect(replace(stored.influx, url="http://127.0.0.1:1"))
    client = create_app(stored, streams, away, Hub(streams)).test_client()
    assert client.get("/analytics/energy", query_string=SPAN).status_code == 503
    early = get(client, "energy", end="2026-03-29")
    assert [period["mains"]["seconds"] for period in early["periods"]] == [288, 288]


def test_sums_are_those_of_every_second(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    days_with_costs(client)
    weeks_and_months_are_whole(client)
    hours_of_the_day_the_clocks_change(client)
    heatmap_by_every_second(client)
    bounds_and_slips(client, monkeypatch)


def test_what_is_told_to_whom(stored: Config, streams: Streams, influx: Influx) -> None:
    what_is_away(stored, streams)
    no_cost_without_a_tariff(stored, streams, influx)
    what_is_not_granted_is_not_told(stored, streams, influx)


def test_a_tariff_that_cannot_be_read_is_said_at_the_start(config: Config, streams: Streams, influx: Influx) -> None:
    with pytest.raises(ConfigError, match=r"tariff\.times"):
        create_app(replace(config, tariff=Tariff(times="always 0.3")), streams, influx, Hub(streams))


def no_cost_without_a_tariff(stored: Config, streams: Streams, influx: Influx) -> None:
    client = create_app(replace(stored, tariff=Tariff()), streams, influx, Hub(streams)).test_client()
    assert get(client, "energy")["total"]["mains"]["cost"] is None
    assert client.get("/analytics/energy?building_id=home").status_code == 200
    assert client.get("/analytics/heatmap?building_id=home").status_code == 200
