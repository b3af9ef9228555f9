"""/analytics/cycles, held against each second; part of it in Parquet, by seconds and minutes, part in InfluxDB."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.core.manifest import DAY_MS
from edge.settings import Config
from gateway import create_app
from gateway.hub import Hub
from tests.gateway.house import fill, now_s
from tests.services.history import snapshot

FIRST_S = int(datetime(2026, 3, 26, tzinfo=UTC).timestamp())
SPAN = {"building_id": "home", "appliance_id": "Oven", "start": "2026-03-26", "end": "2026-03-28"}


def cycles_of(day: int) -> Iterator[tuple[int, int]]:
    """Two a day, on for 1000 s with a pause of 100 s in the second one; offset so that minutes are whole."""
    begin_s = FIRST_S + day * 86_400 + 7 * 3600
    yield begin_s, begin_s + 1020
    yield begin_s + 36_000, begin_s + 37_200


def is_on(at_s: int) -> bool:
    for first_s, end_s in cycles_of((at_s - FIRST_S) // 86_400):
        if first_s <= at_s < end_s and not (end_s - first_s == 1200 and 600 <= at_s - first_s < 700):
            return True
    return False


@pytest.fixture
def stored(config: Config, streams: Streams, influx: Influx) -> Config:
    """A day and a half in Parquet, the rest in InfluxDB; each second around the cycles."""
    lines = []
    for day in (0, 1):
        for first_s, end_s in cycles_of(day):
            for at_s in range(first_s - 60, end_s + 60):
                on = is_on(at_s)
                said = f"power_w={2000.0 if on else 3.0},p_on=0.5,low_w=0.0,high_w=1.0,on={str(on).lower()}"
                lines.append(f'appliance,building=home,appliance=Oven {said},warmup=false,model="m-1" {at_s}')
                lines.append(f"mains,building=home power_w=2500.0,flags=0i {at_s}")
    influx.write("nilm", "\n".join(lines))
    split_s = FIRST_S + 86_400 + 12 * 3600
    snapshot(config, streams, split_s + 600)
    for kind in ("mains", "appliance"):
        query = f"DELETE FROM {kind} WHERE building = $building AND time < $end"
        influx.query("nilm", query, {"building": "home", "end": split_s * 10**9})
    return replace(config, history=replace(config.history, timezone="UTC"))


def get(client: FlaskClient, **query: Any) -> Any:
    answer = client.get("/analytics/cycles", query_string={**SPAN, **query})
    assert answer.status_code == 200, answer.text
    return answer.json


def check(found: Any) -> None:
    wanted = [one for day in (0, 1) for one in cycles_of(day)]
    times = [
        (datetime.fromisoformat(c["start"]).timestamp(), datetime.fromisoformat(c["end"]).timestamp()) for c in found
    ]
    assert times == wanted
    assert [cycle["on_s"] for cycle in found] == [1020, 1100, 1020, 1100]
    for cycle in found:
        ws = 2000 * cycle["on_s"] + 3 * (cycle["duration_s"] - cycle["on_s"])
        assert cycle["kwh"] == pytest.approx(ws / 3.6e6, abs=1e-4)
        assert cycle["mean_w"] == pytest.approx(ws / cycle["duration_s"], abs=0.06)
        assert (cycle["max_w"], cycle["missing_s"], cycle["running"]) == (2000.0, 0, False)


def test_each_cycle_is_found_wherever_its_seconds_are(stored: Config, streams: Streams, influx: Influx) -> None:
    client = create_app(stored, streams, influx, Hub(streams)).test_client()
    found = get(client)
    check(found["cycles"])
    assert found["total"] == {"cycles": 4, "on_s": 4240, "kwh": pytest.approx(2.3559, abs=1e-3)}
    assert (found["pause_s"], found["left_out"], found["timezone"]) == (120, 0, "UTC")
    assert len(get(client, pause_s=99)["cycles"]) == 6
    assert len(get(client, end="2026-03-27")["cycles"]) == 2
    # once only minutes are kept of the first day, it is told by the minute
    kept = replace(stored, history=replace(stored.history, second_days=1, influx_days=1))
    snapshot(kept, streams, FIRST_S + 3 * DAY_MS // 1000 + 600)
    assert SnapshotFolder(Path(stored.data_dir)).load("home", "2026-03-26").seconds_dropped
    by_minute = get(client, end="2026-03-27")["cycles"]
    assert [(cycle["duration_s"], cycle["kwh"]) for cycle in by_minute] == [
        (1020, pytest.approx(0.5667, abs=1e-3)),
        (1200, pytest.approx(0.612, abs=2e-3)),
    ]


def test_what_runs_and_who_may_know(config: Config, streams: Streams, influx: Influx) -> None:
    end_s = now_s()
    rows = [(end_s - n, n < 300) for n in range(600)]
    said = "power_w={},p_on=0.5,low_w=0.0,high_w=1.0,on={},warmup=false"
    influx.write(
        "nilm",
        "\n".join(
            f"appliance,building=home,appliance=Oven {said.format(900.0 if on else 0.0, str(on).lower())} {at_s}"
            for at_s, on in rows
        ),
    )
    fill(streams, "home", 3)
    client = create_app(config, streams, influx, Hub(streams)).test_client()
    ask = {"building_id": "home", "appliance_id": "Oven"}
    (cycle,) = client.get("/analytics/cycles", query_string=ask).json["cycles"]  # type: ignore[index]
    assert (cycle["running"], cycle["on_s"], cycle["mean_w"]) == (True, 300, 900.0)
    assert client.get("/analytics/cycles", query_string={**ask, "appliance_id": "Dryer"}).json["cycles"] == []  # type: ignore[index]
    for change, status, parameter in (
        ({"appliance_id": "Sauna"}, 404, "appliance_id"),
        ({"building_id": "castle"}, 404, "building_id"),
        ({"start": "2026-01-01", "end": "2026-02-02"}, 422, "end"),
        ({"pause_s": "0"}, 422, "pause_s"),
        ({"pause_s": "3601"}, 422, "pause_s"),
        ({"appliance_id": ""}, 422, "appliance_id"),
    ):
        answer = client.get("/analytics/cycles", query_string={**ask, **change})
        assert answer.json is not None
        assert (answer.status_code, answer.json["parameter"]) == (status, parameter), change
    accounts = Accounts(Path(config.data_dir))
    assert accounts.add(Caller("otto", Role.VIEWER, ("home/Oven",)), "no password")
    assert accounts.add_token("otto", "token", "nilm_otto", 1)
    otto = {"Authorization": "Bearer nilm_otto"}
    assert client.get("/analytics/cycles", query_string=ask, headers=otto).status_code == 200
    dryer = {**ask, "appliance_id": "Dryer"}
    assert client.get("/analytics/cycles", query_string=dryer, headers=otto).status_code == 403
