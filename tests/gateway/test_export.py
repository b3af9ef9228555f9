import csv
import io
import time
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import urllib3
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.settings import Config
from gateway import create_app, export
from gateway.hub import Hub
from tests.gateway.conftest import Gateway
from tests.services.history import DAY_S, START_S, fill, in_influx, snapshot

SPAN = {"building_id": "home", "start": "2026-01-05T00:00:00Z", "end": "2026-01-09T00:00:00Z"}


def get(client: FlaskClient, **query: Any) -> Any:
    answer = client.get("/export", query_string={**SPAN, **query}, buffered=True)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture
def stored(config: Config, streams: Streams, influx: Influx) -> Config:
    """A day in Parquet, a later one in InfluxDB alone."""
    fill(influx, "home", range(START_S, START_S + DAY_S, 900))
    snapshot(config, streams, START_S + 2 * DAY_S)
    fill(influx, "home", range(START_S + 2 * DAY_S, START_S + 3 * DAY_S, 900), seed=2)
    return config


def test_an_export_has_every_row(stored: Config, client: FlaskClient, influx: Influx) -> None:
    for table in ("mains", "appliance"):
        answer = get(client, table=table)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="home-{table}-1s.csv"'
        assert answer.mimetype == "text/csv"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == len(in_influx(influx, "home")[table])
        parquet = get(client, table=table, format="parquet")
        assert parquet.mimetype == "application/vnd.apache.parquet"
        read = pq.read_table(io.BytesIO(parquet.data))
        assert read["power_w"].to_pylist() == [float(row["power_w"]) for row in rows]
    assert len(get(client, resolution="1h").text.splitlines()) == 1 + 2 * 24
    assert get(client, start="2026-01-07T23:59:00Z").text.splitlines() == ["time,power_w,voltage_v,current_a,flags"]


@pytest.mark.parametrize(
    ("change", "status", "parameter"),
    [
        ({"building_id": None}, 400, "building_id"),
        ({"building_id": "../etc"}, 422, "building_id"),
        ({"building_id": "castle"}, 404, "building_id"),
        ({"start": None}, 400, "start"),
        ({"start": "2026-01-05"}, 422, "start"),
        ({"end": "2026-01-05T00:00:00Z"}, 422, "end"),
        ({"end": "2026-02-05T00:00:01Z"}, 422, "end"),
        ({"end": "2027-01-07T00:00:00Z", "resolution": "1m"}, 422, "end"),
        ({"format": "xlsx"}, 422, "format"),
        ({"table": "mains; DROP"}, 422, "table"),
        ({"resolution": "1d"}, 422, "resolution"),
        ({"color": "red"}, 400, "color"),
    ],
)
def test_wrong_parameters_are_named(
    client: FlaskClient, change: dict[str, str | None], status: int, parameter: str
) -> None:
    query = {name: value for name, value in {**SPAN, **change}.items() if value is not None}
    answer = client.get("/export", query_string=query)
    assert answer.json is not None
    assert (answer.status_code, answer.json["parameter"]) == (status, parameter)


def test_what_is_away_or_gone_is_said_before_anything_is_sent(
    stored: Config, streams: Streams, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Influx.connect(replace(stored.influx, url="http://127.0.0.1:1"))
    client = create_app(stored, streams, away, Hub(streams)).test_client()
    assert len(get(client, end="2026-01-06T00:00:00Z").text.splitlines()) == 1 + 96
    answer = client.get("/export", query_string=SPAN | {"start": "2026-01-07T00:00:00Z"})
    assert answer.status_code == 503
    tiers = replace(stored, history=replace(stored.history, influx_days=2, second_days=5))
    snapshot(tiers, streams, START_S + 9 * DAY_S)
    answer = (
        create_app(stored, streams, influx, Hub(streams)).test_client().get("/export", query_string=SPAN, buffered=True)
    )
    assert (answer.status_code, "no longer kept" in answer.text) == (409, True)


def test_no_more_than_two_at_once_and_each_gives_its_place_back(stored: Config, client: FlaskClient) -> None:
    for _ in range(3 * export.AT_ONCE):
        get(client)
        assert client.get("/export", query_string=SPAN | {"format": "no"}).status_code == 422
    open_ones = [client.get("/export", query_string=SPAN, buffered=False) for _ in range(export.AT_ONCE)]
    assert [answer.status_code for answer in open_ones] == [200] * export.AT_ONCE
    assert client.get("/export", query_string=SPAN, buffered=True).status_code == 503
    for answer in open_ones:
        answer.close()
    get(client)


def test_a_client_that_goes_away_holds_no_place(stored: Config, gateway: Gateway, influx: Influx) -> None:
    fill(influx, "home", range(START_S + 5 * DAY_S, START_S + 5 * DAY_S + 7200))
    url = f"{gateway.url}/export?building_id=home&start=2026-01-05T00:00:00Z&end=2026-01-20T00:00:00Z&table=appliance"
    for _ in range(export.AT_ONCE + 1):
        answer = urllib3.request("GET", url, preload_content=False, retries=False, timeout=5)
        assert answer.status == 200
        answer.read(1000)
        answer.close()
        time.sleep(0.3)
    assert len(urllib3.request("GET", url, retries=False, timeout=10).data.splitlines()) > 7200 * 4
