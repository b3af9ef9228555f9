import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.line_protocol import sample_line, tick_lines
from edge.core.sample import Flags, Sample
from edge.settings import Config
from gateway import create_app
from gateway.hub import Hub
from tests.gateway.house import CYCLES, fill, now_s, second

MIDNIGHT_S = 1_788_998_400 - 1_788_998_400 % 86_400


def iso(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def get(client: FlaskClient, kind: str, **query: Any) -> Any:
    answer = client.get(f"/analytics/{kind}", query_string={"building_id": "home", **query})
    assert answer.status_code == 200, answer.text
    return answer.json


def store(influx: Influx, building: str, first_s: int, seconds: int) -> None:
    lines = []
    for at_s in range(first_s, first_s + seconds):
        sample, tick = second(building, at_s)
        lines.append(f"mains,building={building} power_w={sample.power_w},flags=0i {at_s}")
        lines.append(f"appliance,building={building},appliance=other power_w={tick.other_w} {at_s}")
        for column, v in zip(tick.columns, tick.values, strict=True):
            fields = f"power_w={v['power_w']},p_on={v['p_on']},low_w={v['low_w']},high_w={v['high_w']}"
            fields += f',on={bool(v["on"])},warmup={bool(v["warmup"])},model="{column.model}"'
            lines.append(f"appliance,building={building},appliance={column.appliance} {fields} {at_s}")
    influx.write("nilm", "\n".join(lines))


def test_recent_readings_are_what_redis_holds(client: FlaskClient, streams: Streams) -> None:
    newest_s = fill(streams, "home", 200)
    body = get(client, "readings", last=60)
    assert body["building_id"] == "home"
    expected = [(iso(s), second("home", s)[0].power_w) for s in range(newest_s - 59, newest_s + 1)]
    assert [(point["time"], point["power_w"]) for point in body["points"]] == expected
    assert all(type(point["power_w"]) is float for point in body["points"])


def test_held_seconds_say_so(client: FlaskClient, streams: Streams) -> None:
    streams.add_samples([Sample("home", 1000 * now_s(), 5.0, flags=Flags.HELD)])
    assert get(client, "readings", last=60)["points"][0] | {"time": ""} == {
        "time": "", "power_w": 5.0, "flags": 1, "held": True,
    }  # fmt: skip


def test_recent_predictions_are_what_redis_holds(client: FlaskClient, streams: Streams) -> None:
    newest_s = fill(streams, "home", 200)
    points = get(client, "predictions", last=120)["points"]
    assert [point["time"] for point in points] == [iso(s) for s in range(newest_s - 119, newest_s + 1)]
    _, tick = second("home", newest_s)
    assert points[-1]["other_w"] == pytest.approx(tick.other_w, abs=0.01)
    assert list(points[-1]["appliances"]) == list(CYCLES)
    for name, value in zip(CYCLES, tick.values, strict=True):
        cell = points[-1]["appliances"][name]
        assert cell["power_w"] == pytest.approx(float(value["power_w"]), abs=0.01)
        assert cell["p_on"] == pytest.approx(float(value["p_on"]), abs=1e-4)
        assert cell["on"] is bool(value["on"])
    one = get(client, "predictions", last=60, appliance_id="Oven")["points"]
    assert all(list(point["appliances"]) == ["Oven"] for point in one)


def test_no_number_that_is_not_finite_leaves(client: FlaskClient, streams: Streams) -> None:
    sample, tick = second("home", now_s())
    tick.values["power_w"][0] = math.nan
    tick.values["high_w"][1] = math.inf
    streams.add_samples([sample])
    streams.add_ticks([tick._replace(other_w=math.nan)])
    for layout in ("rows", "columns"):
        answer = client.get(f"/analytics/predictions?building_id=home&last=60&layout={layout}")
        assert answer.status_code == 200
        assert "NaN" not in answer.text
        assert "Infinity" not in answer.text


def test_columns_say_the_same_as_rows(client: FlaskClient, streams: Streams) -> None:
    fill(streams, "home", 100)
    rows, columns = (get(client, "predictions", last=90, layout=layout) for layout in ("rows", "columns"))
    assert [iso(at_ms // 1000) for at_ms in columns["at_ms"]] == [point["time"] for point in rows["points"]]
    ovens = [point["appliances"]["Oven"]["power_w"] for point in rows["points"]]
    assert columns["appliances"]["Oven"] == pytest.approx(ovens, abs=0.06)
    readings = get(client, "readings", last=90, layout="columns")
    assert readings["at_ms"] == columns["at_ms"]


def test_history_at_one_second(client: FlaskClient, influx: Influx) -> None:
    store(influx, "home", MIDNIGHT_S, 300)
    span = {"start": iso(MIDNIGHT_S + 10), "end": iso(MIDNIGHT_S + 70)}
    readings = get(client, "readings", **span, resolution="1s")["points"]
    assert [point["time"] for point in readings] == [iso(MIDNIGHT_S + s) for s in range(10, 70)]
    assert readings[0]["power_w"] == pytest.approx(second("home", MIDNIGHT_S + 10)[0].power_w, abs=0.01)
    predictions = get(client, "predictions", **span)["points"]
    assert len(predictions) == 60
    assert set(predictions[0]["appliances"]) == set(CYCLES)
    _, tick = second("home", MIDNIGHT_S + 10)
    oven = predictions[0]["appliances"]["Oven"]
    value = tick.values[list(CYCLES).index("Oven")]
    assert oven["power_w"] == pytest.approx(float(value["power_w"]), abs=0.01)
    assert oven["on"] is bool(value["on"])
    assert predictions[0]["other_w"] == pytest.approx(tick.other_w, abs=0.01)
    one = get(client, "predictions", **span, appliance_id="Oven")["points"]
    assert [list(point["appliances"]) for point in one] == [["Oven"]] * 60
    assert one[0]["other_w"] == predictions[0]["other_w"]
    columns = get(client, "predictions", **span, layout="columns")
    ovens = [point["appliances"]["Oven"] for point in predictions]
    assert columns["appliances"]["Oven"] == pytest.approx([cell["power_w"] for cell in ovens], abs=0.06)
    assert columns["other_w"] == pytest.approx([point["other_w"] for point in predictions], abs=0.06)
    assert columns["warmup"] == [point["appliances"]["Oven"]["warmup"] for point in predictions] == [False] * 60
    oven = get(client, "predictions", **span, layout="columns", appliance_id="Oven")
    assert oven["at_ms"] == columns["at_ms"]
    assert oven["appliances"] == {"Oven": columns["appliances"]["Oven"]}
    for bound in ("low_w", "high_w"):
        assert oven[bound] == {"Oven": pytest.approx([cell[bound] for cell in ovens], abs=0.06)}
    mains = get(client, "readings", **span, layout="columns")
    assert mains["power_w"] == pytest.approx([point["power_w"] for point in readings], abs=0.06)
    assert mains["at_ms"] == columns["at_ms"]


def test_columns_leave_missing_seconds_out(client: FlaskClient, influx: Influx) -> None:
    store(influx, "home", MIDNIGHT_S, 60)
    sample, tick = second("home", MIDNIGHT_S + 80, flags=Flags.HELD, warmup=True)
    influx.write("nilm", "\n".join([sample_line(sample), *tick_lines(tick)]))
    span = {"start": iso(MIDNIGHT_S), "end": iso(MIDNIGHT_S + 100), "layout": "columns"}
    mains, columns = (get(client, kind, **span) for kind in ("readings", "predictions"))
    seconds = [(MIDNIGHT_S + s) * 1000 for s in [*range(60), 80]]
    assert mains["at_ms"] == columns["at_ms"] == seconds
    assert mains["flags"] == [0] * 60 + [1]
    assert columns["warmup"] == [False] * 60 + [True]


@pytest.mark.parametrize(("resolution", "step_s"), [("1m", 60), ("15m", 900), ("1h", 3600)])
def test_history_as_means(client: FlaskClient, influx: Influx, resolution: str, step_s: int) -> None:
    store(influx, "home", MIDNIGHT_S, 2000)
    span = {"start": iso(MIDNIGHT_S + 5), "end": iso(MIDNIGHT_S + 1999), "resolution": resolution}
    readings = get(client, "readings", **span)["points"]
    steps = range(MIDNIGHT_S, MIDNIGHT_S + 2000, step_s)
    assert [point["time"] for point in readings] == [iso(at_s) for at_s in steps]
    predictions = get(client, "predictions", **span)["points"]
    assert [point["time"] for point in predictions] == [iso(at_s) for at_s in steps]
    for at_s, reading, point in zip(steps, readings, predictions, strict=True):
        house = [second("home", s) for s in range(at_s, min(at_s + step_s, MIDNIGHT_S + 2000))]
        assert reading["power_w"] == pytest.approx(sum(s.power_w for s, _ in house) / len(house), abs=0.02)
        assert reading["samples"] == len(house)
        for i, name in enumerate(CYCLES):
            cell = point["appliances"][name]
            on_s = sum(bool(tick.values["on"][i]) for _, tick in house)
            assert (cell["on_s"], cell["on"]) == (on_s, 2 * on_s >= len(house))
            mean_w = sum(float(tick.values["power_w"][i]) for _, tick in house) / len(house)
            assert cell["power_w"] == pytest.approx(mean_w, abs=0.02)


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("last=60", 400, "building_id"),
        ("building_id=home", 400, "last"),
        ("building_id=home&last=59", 422, "last"),
        ("building_id=home&last=3601", 422, "last"),
        ("building_id=home&last=-60", 422, "last"),
        ("building_id=home&last=1e3", 422, "last"),
        ("building_id=home&last=", 422, "last"),
        ("building_id=home&last=%D9%A1%D9%A0%D9%A0", 422, "last"),
        ("building_id=home&last=60&last=61", 400, "last"),
        ("building_id=home&last=60&start=2026-01-01T00:00:00Z", 400, "start"),
        ("building_id=home&last=60&resolution=1s", 400, "resolution"),
        ("building_id=home&start=2026-01-01T00:00:00Z", 400, "end"),
        ("building_id=home&end=2026-01-01T00:00:00Z", 400, "start"),
        ("building_id=home&start=yesterday&end=2026-01-01T00:00:00Z", 422, "start"),
        ("building_id=home&start=2026-01-01T00:00:00&end=2026-01-02T00:00:00Z", 422, "start"),
        ("building_id=home&start=0001-01-01T00:00:00Z&end=2026-01-02T00:00:00Z", 422, "start"),
        ("building_id=home&start=2026-01-01T00:00:00Z&end=9999-12-31T23:59:59-23:59", 422, "end"),
        ("building_id=home&start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", 422, "end"),
        ("building_id=home&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:01Z", 422, "end"),
        ("building_id=home&start=2026-01-01T00:00:00Z&end=2026-03-02T00:01:00Z&resolution=1m", 422, "end"),
        ("building_id=home&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z&resolution=5m", 422, "resolution"),
        ("building_id=home&last=60&layout=xml", 422, "layout"),
        ("building_id=home&last=60&color=red", 400, "color"),
        ("building_id=../etc&last=60", 422, "building_id"),
        ("building_id=home'%20OR%201=1&last=60", 422, "building_id"),
        ("building_id=" + "x" * 65 + "&last=60", 422, "building_id"),
        ("building_id=castle&last=60", 404, "building_id"),
        ("building_id=castle&start=2026-01-01T00:00:00Z&end=2026-01-01T01:00:00Z", 404, "building_id"),
    ],
)
def test_wrong_parameters_are_named(client: FlaskClient, query: str, status: int, parameter: str) -> None:
    answer = client.get(f"/analytics/readings?{query}")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json is not None
    assert answer.json["parameter"] == parameter
    assert answer.json["status"] == status
    assert parameter in answer.json["detail"] or status == 404 or "building name" in answer.json["detail"]


def test_unknown_appliance_and_injections(client: FlaskClient, streams: Streams, influx: Influx) -> None:
    now = fill(streams, "home", 60)
    store(influx, "home", now, 1)
    span = f"start={iso(now - 5)}&end={iso(now + 5)}"
    for name in ("Sauna", "Oven' OR appliance = 'Dryer", 'Oven" ; DROP DATABASE nilm', "$building", "\\'", "\x00"):
        for which in ("last=60", span):
            answer = client.get(f"/analytics/predictions?building_id=home&{which}", query_string=None)
            assert answer.status_code == 200
            query = dict(part.split("=") for part in which.split("&")) | {"building_id": "home", "appliance_id": name}
            answer = client.get("/analytics/predictions", query_string=query)
            assert (answer.status_code, answer.json and answer.json["parameter"]) == (404, "appliance_id"), answer.text


def test_predictions_are_bounded_tighter(client: FlaskClient) -> None:
    query = "building_id=home&start=2026-01-01T00:00:00Z&end=2026-01-01T03:00:01Z"
    assert client.get(f"/analytics/readings?{query}").status_code == 200
    answer = client.get(f"/analytics/predictions?{query}")
    assert answer.status_code == 422
    assert "3 hours" in answer.text


def test_servers_down(config: Config) -> None:
    config = replace(config, influx=replace(config.influx, url="http://127.0.0.1:1"))
    streams = Streams.connect("redis://127.0.0.1:1/0")
    client = create_app(config, streams, Influx.connect(config.influx), Hub(streams)).test_client()
    for path in (
        "/analytics/readings?building_id=home&last=60",
        "/analytics/predictions?building_id=home&start=2026-01-01T00:00:00Z&end=2026-01-01T01:00:00Z",
        "/models",
        "/api/buildings",
        "/api/stream?building_id=home",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json"), path
        assert answer.headers["Retry-After"]
        assert "is away" in answer.json["detail"]  # type: ignore[index]
