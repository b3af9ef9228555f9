"""What appliances' own meters say, beside what is predicted: API, event stream, page, running accuracy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from edge.accuracy import Accuracy, as_lines, summary
from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.accuracy import HOUR_MS, SPANS_H
from edge.core.grants import Caller, Role
from edge.core.sample import Sample
from edge.persist import Outlet
from edge.settings import Config, Meter
from edge.status import as_text, status
from gateway import create_app
from gateway.hub import Hub
from tests.gateway.conftest import Gateway
from tests.gateway.house import fill, now_s, second
from tests.gateway.test_analytics import MIDNIGHT_S, get, iso, store
from tests.gateway.test_page import WAIT_MS, opened
from tests.gateway.test_stream import listening, seconds
from tests.servers import wait_until


def _measure(streams: Streams, appliance: str, first_s: int, powers_w: list[float]) -> None:
    streams.add_samples(
        [Sample("home", (first_s + n) * 1000, power_w, appliance=appliance) for n, power_w in enumerate(powers_w)]
    )


def test_recent_predictions_have_what_was_measured_beside_them(client: FlaskClient, streams: Streams) -> None:
    newest_s = fill(streams, "home", 70)
    _measure(streams, "Oven", newest_s - 1, [12.345])
    points = get(client, "predictions", last=60)["points"]
    assert points[-2]["appliances"]["Oven"]["measured_w"] == 12.35
    told = [name for point in points for name, cell in point["appliances"].items() if "measured_w" in cell]
    assert told == ["Oven"]
    columns = get(client, "predictions", last=60, layout="columns")
    assert columns["measured_w"] == {"Oven": [None] * 58 + [12.3, None]}
    assert "measured_w" not in get(client, "predictions", last=60, layout="columns", appliance_id="Dishwasher")


def test_history_has_what_was_measured_also_where_nothing_was_predicted(client: FlaskClient, influx: Influx) -> None:
    store(influx, "home", MIDNIGHT_S, 60)
    lines = [f"appliance,appliance=Oven,building=home measured_w={n}.0 {MIDNIGHT_S + n}" for n in range(30, 180)]
    influx.write("nilm", "\n".join(lines))
    span = {"start": iso(MIDNIGHT_S), "end": iso(MIDNIGHT_S + 180)}
    points = get(client, "predictions", **span)["points"]
    cells = [point["appliances"].get("Oven") for point in points]
    assert len(cells) == 180
    assert "measured_w" not in cells[29]
    assert (cells[30]["measured_w"], cells[59]["power_w"] is None) == (30.0, False)
    assert cells[60] == {"power_w": None, "p_on": None, "measured_w": 60.0, "on": None}
    query = {"building_id": "home", **span, "resolution": "1m"}
    rows = client.get("/analytics/predictions", query_string=query, headers={"Accept": "text/csv"}).text.split("\r\n")
    assert rows[0].endswith(",measured_w")
    assert rows[-2].endswith(",Oven,,,,,,149.5")
    minutes = get(client, "predictions", **span, resolution="1m")["points"]
    assert [point["appliances"]["Oven"]["measured_w"] for point in minutes] == [44.5, 89.5, 149.5]
    assert [point["appliances"]["Oven"].get("samples") for point in minutes] == [60, None, None]
    columns = get(client, "predictions", **span, resolution="1m", layout="columns")
    assert columns["measured_w"] == {"Oven": [44.5, 89.5, 149.5]}
    assert columns["appliances"]["Oven"][1:] == [None, None]


def _measured_home(config: Config) -> Config:
    return replace(config, meters=(*config.meters, Meter(appliance="Oven"), Meter(appliance="Dishwasher")))


def _store_all(config: Config, streams: Streams, influx: Influx) -> None:
    outlet = Outlet(config, streams, influx)

    def is_stored() -> bool:
        outlet.turn(0.01)
        return streams.length("home", "outbox") == 0

    wait_until(is_stored)


def test_the_accuracy_is_that_of_the_stored_seconds(config: Config, streams: Streams, influx: Influx) -> None:
    config = _measured_home(config)
    accuracy, end_s = Accuracy(config, streams, influx), now_s() // 3600 * 3600 - 3600
    assert accuracy.turn(end_s * 1000) == 0  # nothing is measured
    first_s = fill(streams, "home", 600, until_s=end_s - 1) - 599
    on = [float(value["power_w"]) for n in range(600) for value in second("home", first_s + n)[1].values[4:5]]
    _measure(streams, "Oven", first_s, [power_w + 10 for power_w in on[:300]])
    _measure(streams, "Sauna", first_s, [1.0])  # no model has it
    _store_all(config, streams, influx)
    assert accuracy.turn(end_s * 1000) == 24
    assert accuracy.turn(end_s * 1000) == 24  # the older ones follow
    while accuracy.turn(end_s * 1000):
        pass
    found = summary(streams, "home", end_s * 1000)
    assert found["hours_to_count"] == 0
    assert list(found["appliances"]) == ["Oven"]
    (oven,) = found["appliances"].values()
    true_on = [power_w + 10 >= oven["on_threshold_w"] for power_w in on[:300]]
    said_on = [bool(second("home", first_s + n)[1].values[4]["on"]) for n in range(300)]
    hits = sum(a and b for a, b in zip(true_on, said_on, strict=True))
    for span in SPANS_H:
        assert oven[span]["seconds"] == 300
        assert oven[span]["mae_w"] == pytest.approx(10, abs=0.01)
        assert (oven[span]["on_s"], oven[span]["predicted_on_s"]) == (sum(true_on), sum(said_on))
        assert oven[span]["f1"] == (pytest.approx(2 * hits / (sum(true_on) + sum(said_on)), abs=1e-4) if hits else None)
    later = summary(streams, "home", end_s * 1000 + 24 * HOUR_MS)
    assert (later["appliances"]["Oven"]["day"]["seconds"], later["appliances"]["Oven"]["week"]["seconds"]) == (0, 300)
    assert later["appliances"]["Oven"]["day"]["mae_w"] is None
    assert as_lines(later)[0].startswith(
        "Oven measured: last day nothing to compare; last week off by 10.0 W on average"
    )
    # what comes late has its hour counted again
    _measure(streams, "Oven", first_s + 299, [0.0] * 200)
    _store_all(config, streams, influx)
    assert accuracy.turn(end_s * 1000 + 2 * HOUR_MS) > 0
    assert summary(streams, "home", end_s * 1000)["appliances"]["Oven"]["day"]["seconds"] == 499


def test_the_accuracy_is_told_by_api_status_and_metrics(
    guarded: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    config = _measured_home(guarded)
    newest_s = fill(streams, "home", 60)
    for name in ("Oven", "Dishwasher"):
        _measure(streams, name, newest_s - 59, [5.0] * 60)
    _store_all(config, streams, influx)
    assert Accuracy(config, streams, influx).turn(now_s() * 1000) == 24
    accounts = Accounts(Path(config.data_dir))
    for caller in (Caller("vera", Role.VIEWER, ("home",)), Caller("otto", Role.VIEWER, ("home/Oven",))):
        accounts.add(caller, "no password")
        accounts.add_token(caller.name, "token", f"nilm_{caller.name}", 1)
    client = create_app(config, streams, influx, Hub(streams)).test_client()

    def asked(name: str, path: str) -> Any:
        return client.get(path, headers={"Authorization": f"Bearer nilm_{name}"})

    path = "/analytics/accuracy?building_id=home"
    body = asked("vera", path).json
    assert list(body["appliances"]) == ["Dishwasher", "Oven"]
    assert body["appliances"]["Oven"]["day"]["seconds"] == 60
    assert 0 < body["hours_to_count"] < 168
    assert list(asked("otto", path).json["appliances"]) == ["Oven"]
    assert list(asked("vera", f"{path}&appliance_id=Oven").json["appliances"]) == ["Oven"]
    assert asked("vera", "/analytics/accuracy?building_id=barn").status_code == 403
    assert asked("otto", "/analytics/predictions?building_id=home&last=60&layout=columns").json[
        "measured_w"
    ].keys() == {"Oven"}
    text = asked("vera", "/metrics").text
    assert 'nilm_accuracy_compared_seconds{appliance="Oven",building="home",span="week"} 60.0' in text
    assert "nilm_accuracy" not in asked("otto", "/metrics").text.replace("# HELP nilm_accuracy", "").replace(
        "# TYPE nilm_accuracy", ""
    )
    found = status(streams, influx, config, now_s() * 1000, 10)
    assert found["buildings"]["home"]["accuracy"]["appliances"]["Oven"]["week"]["seconds"] == 60
    assert "Oven measured: last day off by" in as_text(found)


def test_the_stream_and_the_page_show_what_was_measured(
    browser: Browser, gateway: Gateway, streams: Streams, influx: Influx
) -> None:
    newest_s = fill(streams, "home", 60)
    _measure(streams, "Oven", newest_s - 59, [700.0] * 50)
    with listening(gateway, after_ms=(newest_s - 12) * 1000) as stream:
        known = dict(seconds(stream, 12))
        old_ms = (newest_s - 10) * 1000
        assert all(event["measured"]["Oven"]["measured_w"] == 700.0 for event in known.values())
        assert known[newest_s * 1000]["measured"]["Oven"]["at_ms"] == old_ms
        sample, tick = second("home", newest_s + 20)
        streams.add_samples([sample])
        streams.add_ticks([tick])
        assert "measured" not in dict(seconds(stream, 1))[(newest_s + 20) * 1000]  # long ago by then
    config = _measured_home(gateway.config)
    _store_all(config, streams, influx)
    Accuracy(config, streams, influx).turn(now_s() * 1000)
    errors: list[str] = []
    with opened(browser, gateway, errors) as page:
        at_s = newest_s + 21
        _measure(streams, "Oven", at_s, [812.0])
        sample, tick = second("home", at_s)
        streams.add_samples([sample])
        streams.add_ticks([tick])
        row = page.locator("[data-appliance=Oven]")
        expect(row).to_contain_text("its own meter says 812 W", timeout=WAIT_MS)
        expect(row).to_contain_text("off on average", timeout=WAIT_MS)
        expect(page.locator("[data-appliance=Dishwasher]")).not_to_contain_text("its own meter")
    assert errors == []
