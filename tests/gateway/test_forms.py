"""Readings and predictions in other forms: pages, time zones, CSV, Arrow, gzip; each says the same as plain JSON."""

import csv
import gzip
import io
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from tests.gateway.house import CYCLES, fill
from tests.gateway.test_analytics import MIDNIGHT_S, get, iso, store

ARROW = "application/vnd.apache.arrow.stream"
KINDS = ("readings", "predictions")
SPAN = {"start": iso(MIDNIGHT_S), "end": iso(MIDNIGHT_S + 7200)}


@pytest.fixture
def stored(influx: Influx, streams: Streams) -> None:
    """Two minutes, an hour of nothing, and another minute."""
    store(influx, "home", MIDNIGHT_S, 120)
    store(influx, "home", MIDNIGHT_S + 4000, 60)
    fill(streams, "home", 60)


def ask(client: FlaskClient, kind: str, form: str, **query: Any) -> Any:
    answer = client.get(f"/analytics/{kind}", query_string={"building_id": "home", **query}, headers={"Accept": form})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("resolution", ["1s", "1m"])
def test_pages_together_are_the_whole(client: FlaskClient, kind: str, resolution: str) -> None:
    span = {**SPAN, "resolution": resolution}
    whole = get(client, kind, **span)
    assert "next" not in whole
    path: str | None = f"/analytics/{kind}?building_id=home&limit=50&resolution={resolution}"
    path = f"{path}&start={SPAN['start']}&end={SPAN['end']}"
    points: list[Any] = []
    asked = 0
    while path:
        answer: Any = client.get(path)
        assert len(answer.json["points"]) <= 50
        points += answer.json["points"]
        path = answer.headers["Link"][1:].split(">")[0] if answer.json["next"] else None
        assert ("Link" in answer.headers) == (path is not None)
        asked += 1
    assert points == whole["points"]
    assert asked == (5 if resolution == "1s" else 2)  # none for the empty hour


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("kind", KINDS)
def test_times_in_a_zone_are_the_same_moments(client: FlaskClient, kind: str) -> None:
    for name, ending in (("Europe/Brussels", "+02:00"), ("Asia/Kathmandu", "+05:45"), ("America/New_York", "-04:00")):
        plain, zoned = (get(client, kind, **SPAN, resolution="1s", **tz)["points"] for tz in ({}, {"tz": name}))
        assert all(point["time"].endswith(ending) for point in zoned)
        moments = [[datetime.fromisoformat(point["time"]) for point in points] for points in (plain, zoned)]
        assert moments[0] == moments[1]
        assert [{**point, "time": ""} for point in zoned] == [{**point, "time": ""} for point in plain]
    assert get(client, kind, last=60, tz="UTC")["points"][0]["time"].endswith("+00:00")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("query", [{"last": 60}, SPAN, {**SPAN, "resolution": "1m", "tz": "Europe/Brussels"}])
def test_tables_say_the_same(client: FlaskClient, query: dict[str, Any]) -> None:
    points = get(client, "readings", **query)["points"]
    answer = ask(client, "readings", "text/csv", **query, layout="columns")
    assert (answer.mimetype, "Accept" in answer.headers["Vary"]) == ("text/csv", True)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["time"], float(row["power_w"])) for row in rows] == [(p["time"], p["power_w"]) for p in points]
    table = pa.ipc.open_stream(ask(client, "readings", ARROW, **query).data).read_all()
    assert table["power_w"].to_pylist() == [point["power_w"] for point in points]
    assert table["time"].type == pa.timestamp("ms", query.get("tz", "UTC"))
    assert table["time"].to_pylist() == [datetime.fromisoformat(point["time"]) for point in points]
    predicted = get(client, "predictions", **query)["points"]
    rows = list(csv.DictReader(io.StringIO(ask(client, "predictions", "text/csv", **query).text)))
    assert len(rows) == len(predicted) * (len(CYCLES) + 1)
    ovens = [point["appliances"]["Oven"] for point in predicted]
    of_oven = [row for row in rows if row["appliance"] == "Oven"]
    assert [float(row["power_w"]) for row in of_oven] == [cell["power_w"] for cell in ovens]
    assert [row["on"] for row in of_oven] == [str(cell["on"]).lower() for cell in ovens]
    table = pa.ipc.open_stream(ask(client, "predictions", ARROW, **query).data).read_all()
    assert table.column_names == list(rows[0])
    assert table.num_rows == len(rows)


@pytest.mark.usefixtures("stored")
def test_csv_is_gzipped_and_empty_is_a_table(client: FlaskClient) -> None:
    query = {"building_id": "home", **SPAN}
    headers = {"Accept": "text/csv", "Accept-Encoding": "gzip"}
    zipped = client.get("/analytics/readings", query_string=query, headers=headers)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == ask(client, "readings", "text/csv", **SPAN).data
    empty = {"start": "2025-01-01T00:00:00Z", "end": "2025-01-01T01:00:00Z"}
    assert ask(client, "readings", "text/csv", **empty).text == "time,power_w,flags\r\n"
    assert pa.ipc.open_stream(ask(client, "predictions", ARROW, **empty).data).read_all().num_rows == 0


@pytest.mark.parametrize(
    ("change", "status", "parameter"),
    [
        ({"limit": 0}, 422, "limit"),
        ({"limit": 86_401}, 422, "limit"),
        ({"limit": "ten"}, 422, "limit"),
        ({"limit": 10, "start": "2006-01-01T00:00:00Z"}, 422, "end"),
        ({"tz": "Mars/Olympus"}, 422, "tz"),
        ({"tz": "../../etc/passwd"}, 422, "tz"),
        ({"tz": "/etc/localtime"}, 422, "tz"),
        ({"tz": "Europe"}, 422, "tz"),
    ],
)
def test_slips_are_named(client: FlaskClient, change: dict[str, Any], status: int, parameter: str) -> None:
    answer = client.get("/analytics/readings", query_string={"building_id": "home", **SPAN, **change})
    assert answer.json is not None
    assert (answer.status_code, answer.json["parameter"]) == (status, parameter)
    answer = client.get("/analytics/readings?building_id=home&last=60&limit=5")
    assert answer.status_code == 400
