"""What the gateway keeps says the same as Redis and InfluxDB do, whatever happens to them meanwhile."""

import math
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from edge.adapters.changed_hours import MINUTES, ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.sample import Flags, Sample
from edge.errors import Unavailable
from edge.persist import Outlet
from edge.settings import Config
from edge.unit import now_ms
from gateway import create_app, history
from gateway.hub import Hub
from gateway.kept import Points, joined, points
from gateway.minutes import Minutes
from gateway.parameters import Span
from gateway.predictions import prediction_points
from gateway.readings import reading_points
from gateway.recent import Recent
from tests.gateway.house import fill, now_s, second
from tests.gateway.test_analytics import get, iso, store
from tests.servers import Servers, wait_for_answer

HOUR_S = 3600


@pytest.fixture
def minutes(config: Config, influx: Influx) -> Minutes:
    return Minutes(config, influx)


def same_as_influxdb(minutes: Minutes, influx: Influx, start_s: int, end_s: int) -> list[dict[str, Any]]:
    """The points of a span, which must be what InfluxDB says now, as rows and as columns."""
    span = Span(start_s * 1000, end_s * 1000, 60)
    for _ in range(2):  # the second time from what is kept
        kept, found = minutes.predictions("home", span), history.stored_predictions(influx, "nilm", "home", span, None)
        assert kept.as_points() == found
        if found:
            assert kept.as_columns() == history.columns_of_predictions(found)
        mains = history.stored_readings(influx, "nilm", "home", span)
        assert minutes.readings("home", span).as_points() == mains
    return mains


def test_minutes_are_those_of_influxdb(minutes: Minutes, influx: Influx) -> None:
    first_s = now_s() // HOUR_S * HOUR_S - 3 * HOUR_S
    store(influx, "home", first_s + 1800, 300)
    store(influx, "home", first_s + HOUR_S - 90, 200)  # over a full hour
    store(influx, "home", now_s() - 400, 400)  # up to now
    for start_s, end_s in (
        (0, 4 * HOUR_S),
        (1860, 2040),
        (HOUR_S - 60, HOUR_S),
        (0, 60),
        (-7200, 1900),
        (3500, 90_000),
    ):
        same_as_influxdb(minutes, influx, (first_s + start_s) // 60 * 60, (first_s + end_s) // 60 * 60)
    assert len(same_as_influxdb(minutes, influx, first_s, first_s + 4 * HOUR_S)) >= 15


def test_what_is_new_is_there_at_once(minutes: Minutes, influx: Influx) -> None:
    start_s = now_s() // 60 * 60 - 600
    for n in range(3):
        store(influx, "home", now_s() - 30 + 10 * n, 10)
        assert same_as_influxdb(minutes, influx, start_s, start_s + 1200)


@pytest.mark.parametrize("ago_s", [HOUR_S // 2, 30 * HOUR_S])
def test_late_samples_count_as_soon_as_they_are_stored(
    config: Config, minutes: Minutes, streams: Streams, influx: Influx, ago_s: int
) -> None:
    at_s = (now_s() - ago_s) // 60 * 60
    store(influx, "home", at_s, 50)
    streams.add_samples([Sample("home", now_ms() // 1000 * 1000, 100.0)])
    assert [point["samples"] for point in same_as_influxdb(minutes, influx, at_s, at_s + 120)] == [50]
    late = [Sample("home", (at_s + n) * 1000, 5000.0, flags=Flags.LATE) for n in range(50, 120)]
    assert set(streams.add_samples(late)) == {"late"}
    outlet = Outlet(config, streams, influx)
    while streams.length("home", "outbox"):
        outlet.turn(0.01)
    assert [point["samples"] for point in same_as_influxdb(minutes, influx, at_s, at_s + 120)] == [60, 60]


def test_a_change_that_comes_while_an_hour_is_read_is_not_missed(
    config: Config, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes, notes = Minutes(config, influx), ChangedHours(Path(config.data_dir))
    at_s = (now_s() - 9000) // 60 * 60
    store(influx, "home", at_s, 30)
    asked = history.stored_readings

    def meanwhile(*args: Any) -> Any:
        found = asked(*args)
        store(influx, "home", at_s + 30, 30)
        notes.note("home", [at_s * 1000], (MINUTES,))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(history, "stored_readings", meanwhile)
        minutes.readings("home", Span(at_s * 1000, at_s * 1000 + 60_000, 60))
    assert [point["samples"] for point in same_as_influxdb(minutes, influx, at_s, at_s + 60)] == [60]


def test_an_hour_is_asked_for_once(config: Config, influx: Influx) -> None:
    first_s = now_s() // HOUR_S * HOUR_S - 5 * HOUR_S
    store(influx, "home", first_s, 120)
    minutes = Minutes(config, influx)
    minutes.warm(["home"], Event(), 0)
    away = replace(config.influx, url="http://127.0.0.1:1")
    minutes._influx = Influx.connect(away)
    assert len(minutes.readings("home", Span(first_s * 1000, (first_s + 4 * HOUR_S) * 1000, 60)).rows) == 2
    with pytest.raises(Unavailable):
        minutes.readings("home", Span((first_s - 48 * HOUR_S) * 1000, first_s * 1000, 60))


def test_pieces_with_other_appliances_make_whole_columns() -> None:
    def piece(at_s: int, name: str) -> Points:
        found = [{"time": iso(at_s), "appliances": {name: {"power_w": 1.0}}, "other_w": None}]
        return points(found, history.columns_of_predictions(found))

    both = joined([piece(60, "Oven"), piece(120, "Dryer")])
    assert both.as_columns() == history.columns_of_predictions(both.as_points())
    assert both.names() == {"Oven", "Dryer"}
    assert joined([]).as_points() == []


def test_one_appliance_of_the_minutes(client: FlaskClient, influx: Influx) -> None:
    at_s = (now_s() - 9000) // 60 * 60
    store(influx, "home", at_s, 200)
    span = {"start": iso(at_s), "end": iso(at_s + 240), "resolution": "1m"}
    every, one = get(client, "predictions", **span), get(client, "predictions", **span, appliance_id="Oven")
    expected = [{**point, "appliances": {"Oven": point["appliances"]["Oven"]}} for point in every["points"]]
    assert one["points"] == expected
    columns = get(client, "predictions", **span, appliance_id="Oven", layout="columns")
    assert columns["appliances"] == {"Oven": [point["appliances"]["Oven"]["power_w"] for point in expected]}
    nothing = {"start": iso(at_s - 900_000), "end": iso(at_s - 890_000), "resolution": "1m", "layout": "columns"}
    assert get(client, "predictions", **nothing)["appliances"] == {}
    assert get(client, "readings", **nothing)["power_w"] == []


def same_as_redis(recent: Recent, streams: Streams, last: int = 3600) -> int:
    """How many readings there are; they and the predictions must be those of Redis."""
    readings = streams.readings("home", last)
    found = recent.readings("home", last, rows=True)
    assert found.readings == readings
    assert [orjson.loads(row) for row in found.rows] == reading_points(readings)
    expected = prediction_points(streams.predictions("home", last))
    rows = recent.predictions("home", last, rows=True)
    assert [orjson.loads(row) for row in rows.rows] == orjson.loads(orjson.dumps(expected))
    assert prediction_points(rows.tables) == expected
    return len(readings)


def test_the_last_hour_is_that_of_redis(streams: Streams, servers: Servers) -> None:
    recent, start_s = Recent(streams), now_s() - 9000
    assert same_as_redis(recent, streams) == 0
    for until_s in (1, 3, 3500, 3701):
        fill(streams, "home", until_s if until_s < 5 else 300, start_s + until_s)
        same_as_redis(recent, streams)
        same_as_redis(recent, streams, 60)
    fill(streams, "home", 3600, start_s + 8000)
    assert same_as_redis(recent, streams) == 3600
    fill(streams, "home", 3600, start_s + 8001)  # all but one are there already
    assert same_as_redis(recent, streams) == 3600
    servers.redis.terminate()
    servers.redis.wait_or_kill(5)
    with pytest.raises(Unavailable):
        recent.readings("home", 60, rows=True)
    servers.start()
    wait_for_answer(streams.ping)
    assert same_as_redis(recent, streams) > 3000


def test_a_redis_that_lost_its_end_is_read_anew(streams: Streams) -> None:
    """Entries that are gone, and others in their place at the same seconds, as after a log that was torn."""
    recent, now = Recent(streams), now_s()
    fill(streams, "home", 100, now)
    assert same_as_redis(recent, streams) == 100
    client: Any = streams._redis
    client.delete("nilm:home:window", "nilm:home:predictions")
    fill(streams, "home", 90, now - 10)
    streams.add_samples([Sample("home", (now - 9) * 1000, 7.0)])
    assert same_as_redis(recent, streams) == 91
    client.flushall()
    assert same_as_redis(recent, streams) == 0


def test_a_number_that_is_none_leaves_as_null(streams: Streams) -> None:
    sample, tick = second("home", now_s())
    tick.values["power_w"][0] = math.nan
    streams.add_samples([sample])
    streams.add_ticks([tick])
    (row,) = Recent(streams).predictions("home", 60, rows=True).rows
    assert b"NaN" not in row
    assert b"null" in row


def test_apps_of_their_own_keep_their_own(config: Config, streams: Streams, influx: Influx) -> None:
    at_s = (now_s() - 9000) // 60 * 60
    clients = [create_app(config, streams, influx, Hub(streams)).test_client() for _ in range(2)]
    store(influx, "home", at_s, 60)
    span = {"start": iso(at_s), "end": iso(at_s + 60), "resolution": "1m"}
    assert [len(get(client, "readings", **span)["points"]) for client in clients] == [1, 1]
