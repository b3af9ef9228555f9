"""Appliances with a meter of their own: from the broker to the database, Parquet and the central server."""

import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from edge.adapters.changed_hours import ChangedHours
from edge.adapters.history_lines import lines
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.circuits import check_names
from edge.config import parse_config
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.sample import Flags, Sample
from edge.core.wanted import Wanted
from edge.errors import ConfigError, Unavailable
from edge.export import history, pieces
from edge.persist import Outlet
from edge.query import answer
from edge.settings import Config
from edge.stored_seconds import StoredSeconds
from edge.unit import now_ms
from tests.faulty import Faulty
from tests.services.central import fill_hours, finish, hour_s, sync_of, to_central
from tests.services.history import DAY_S, HOUR_S, SOON_S, START_S, fill, in_influx, in_parquet, same, snapshot
from tests.services.test_ingest import Bench

NOW_S = int(time.time())
ROWS = "SELECT power_w, measured_w FROM appliance WHERE building=$building AND appliance=$appliance"
COLUMNS = (Column("Dishwasher", "tcn-1"), Column("Oven", "tcn-1"))


def _with_circuit(config: Config, **settings: Any) -> Config:
    """Mains, and the dishwasher on a circuit of the same meter."""
    mains = replace(config.meters[0], hold_s=0)
    measured = replace(mains, **{"circuit": "1", "appliance": "Dishwasher", **settings})
    return replace(config, meters=(mains, measured))


def _message(at_s: int, mains_w: float, dishwasher_w: float) -> bytes:
    channels = [{"publishIndex": 1, "power": dishwasher_w}]
    return json.dumps({"totalPower": mains_w, "utcTimeStamp": at_s * 1000, "channelPowers": channels}).encode()


def _tick(at_s: int, power_w: float = 50.0) -> Tick:
    values = np.array([(power_w, 0.5, 0.0, 60.0, True, False)] * 2, COLUMN)
    return Tick("home", at_s * 1000, COLUMNS, values, 9.0)


def _stored(influx: Influx, appliance: str = "Dishwasher") -> list[tuple[int, float | None, float | None]]:
    found = influx.query("nilm", ROWS, {"building": "home", "appliance": appliance})
    return [(row[0] // 1000, row[1], row[2]) for series in found for row in series.values]


def test_a_circuit_is_stored_beside_its_prediction_once(config: Config, streams: Streams, influx: Influx) -> None:
    bench = Bench(_with_circuit(config), streams)
    bench.send(*(_message(NOW_S - 10 + n, 300.0, 40.0 + n) for n in range(3)))
    bench.until(lambda: len(streams.measured("home", 0).get("Dishwasher", {})) == 3)
    assert [sample.power_w for sample in streams.window("home")] == [300.0] * 3  # mains, and nothing else
    streams.add_ticks([_tick(NOW_S - 10 + n) for n in range(3)])
    bench.listener.client.socket().close()  # type: ignore[union-attr]  # killed: some of it comes again
    bench.start()
    bench.send(_message(NOW_S - 8, 999.0, 999.0))
    bench.until(lambda: streams.counters("home").get("measured_duplicate", 0) >= 1)
    outlet = Outlet(_with_circuit(config), streams, influx)
    outlet.turn()
    assert streams.length("home", "outbox") == 0
    assert _stored(influx) == [(NOW_S - 10 + n, 50.0, 40.0 + n) for n in range(3)]
    assert _stored(influx, "Oven") == [(NOW_S - 10 + n, 50.0, None) for n in range(3)]
    assert streams.counters("home")["measured_accepted"] == 3
    said = bench.intake.meters()
    assert [meter.get("appliance") for meter in said] == [None, "Dishwasher"]


def test_a_circuit_that_cannot_be_read_says_nothing_of_mains(config: Config, streams: Streams) -> None:
    bench = Bench(_with_circuit(config, circuit="", topic="test/washer", family="generic"), streams)
    bench.meter.publish("test/washer", b"rubbish")
    bench.send(_message(NOW_S - 5, 300.0, 1.0))
    bench.until(lambda: streams.length("home", "window") == 1)
    bench.until(lambda: streams.counters("home").get("measured_malformed") == 1)
    assert "malformed" not in streams.counters("home")
    assert [state for _, state in streams.events("home")] == ["heard"]


def test_a_held_second_gives_way_to_the_circuits_own(config: Config, streams: Streams, influx: Influx) -> None:
    at_ms = (NOW_S - 100) * 1000
    held = Sample("home", at_ms, 5.0, flags=Flags.HELD, appliance="Oven")
    streams.add_samples([Sample("home", at_ms, 100.0), held, replace(held, at_ms=at_ms + 1000)])
    assert streams.add_samples([replace(held, power_w=7.0, flags=Flags(0))]) == ["late"]
    outlet = Outlet(config, streams, influx)
    outlet.turn()
    assert _stored(influx, "Oven") == [(NOW_S - 100, None, 7.0), (NOW_S - 99, None, 5.0)]
    assert ChangedHours(Path(config.data_dir)).waiting("predict") == {}  # no mains are other ones


def test_an_outage_of_influxdb_costs_no_measured_second(config: Config, streams: Streams, influx: Influx) -> None:
    first_s = NOW_S - 3000
    with Faulty(config.influx.url) as faulty:
        settings = replace(config.influx, url=faulty.url, linger_s=0.0)
        through = replace(_with_circuit(config), influx=settings, redis=replace(config.redis, spool_after_s=0))
        outlet = Outlet(through, streams, Influx.connect(settings))
        faulty.answer(503)
        for n in range(0, 2500):
            at_ms = (first_s + n) * 1000
            streams.add_samples([Sample("home", at_ms, 1.0), Sample("home", at_ms, float(n), appliance="Oven")])
        with pytest.raises(Unavailable):
            outlet.turn()
        assert outlet.figures()["spool_segments"] == 1
        faulty.behave()
        for _ in range(20):
            outlet.turn(0.01)
        assert outlet.figures()["spool_segments"] == 0
    assert _stored(influx, "Oven") == [(first_s + n, None, float(n)) for n in range(2500)]


def test_an_outbox_holds_as_many_hours_with_circuits(config: Config) -> None:
    streams = Streams.connect(config.redis.url, outbox_h=1, circuits={"home": 1})
    for at_s in range(START_S, START_S + 3700):
        both = [Sample("home", at_s * 1000, 1.0), Sample("home", at_s * 1000, 2.0, appliance="Oven")]
        streams.add_samples(both)
    streams.add_ticks([_tick(at_s) for at_s in range(START_S, START_S + 3700)])
    assert streams.length("home", "outbox") == 3 * 3600
    assert streams.counters("home")["dropped"] == 3 * 100
    assert len(streams.measured("home", 0)["Oven"]) == 3600


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[meters]]\nappliance = "Oven"', "meters[0].building: 'home' has no meter of its mains"),
        (
            '[[meters]]\n[[meters]]\nappliance = "Oven"\n[[meters]]\nappliance = "Oven"',
            "meters[2].appliance: meters[1] measures 'Oven' already",
        ),
        (
            '[infer]\nappliances = "Fridge"\n[[meters]]\n[[meters]]\nappliance = "Oven"',
            "meters[1].appliance: infer.appliances leaves 'Oven' out",
        ),
        ('[infer]\nappliances = "Fridge, Owen"', "infer.appliances: no model in "),
        ('[[meters]]\n[[meters]]\nappliance = "Dishwaser"', "has 'Dishwaser'; did you mean 'Dishwasher'?; there are "),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_names(parse_config(text, "the file"))
    assert why in str(refused.value)


def _measure(influx: Influx, seconds: range, appliance: str = "Oven") -> None:
    influx.write(
        "nilm", "\n".join(f"appliance,appliance={appliance},building=home measured_w={s}.5 {s}" for s in seconds)
    )


def _asked(config: Config, sql: str) -> list[list[str]]:
    out = io.StringIO()
    answer(config, sql, "csv", out)
    return [line.split(",") for line in out.getvalue().split()[1:]]


def test_parquet_has_what_was_measured_and_older_files_stay(config: Config, streams: Streams, influx: Influx) -> None:
    day = START_S + DAY_S
    fill(influx, "home", range(START_S, START_S + 60))
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    folder = SnapshotFolder(Path(config.data_dir))
    (old,) = folder.days("home")
    assert [part.measured for part in old.of("appliance")] == [False]
    assert "measured_w" not in pq.read_schema(folder.file(old, old.of("appliance")[0])).names
    fill(influx, "home", range(day, day + 60))
    _measure(influx, range(day + 30, day + 90))  # beside predictions, and alone
    _measure(influx, range(day, day + 90), "Sauna")  # no model has it
    for at_s in (day + HOUR_S + SOON_S, day + DAY_S + SOON_S):  # as an hour, then as a day
        snapshot(config, streams, at_s)
        assert same(config, influx)
    _, new = folder.days("home")
    assert new.is_compact
    assert new.rows["appliance"] == {0: 4 * 60 + 60 + 90}
    found = _asked(
        config, "SELECT date, count(*), count(power_w), count(measured_w) FROM appliance GROUP BY 1 ORDER BY 1"
    )
    assert found == [["2026-01-05", "240", "240", "0"], ["2026-01-06", "360", "240", "150"]]
    assert _asked(config, "SELECT count(*), min(samples) FROM appliance_1m WHERE appliance = 'Sauna'") == [["0", ""]]
    assert _asked(config, "SELECT sum(samples) FROM appliance_1d") == [["480"]]
    wanted = Wanted("home", "appliance", "1s", START_S * 1000, (day + HOUR_S) * 1000)
    stored = StoredSeconds(config, influx)
    text = b"".join(pieces(wanted, "csv", history(folder, stored, wanted))).decode().split("\r\n")
    assert text[0].endswith(",measured_w")
    assert text[-3].endswith(f',"Oven",,,,,,,,{day + 89}.5')
    # restored, each row is what it was
    content = folder.read(new, new.of("appliance")[0])
    before = in_influx(influx, "home")["appliance"]
    influx.query("nilm", "DELETE FROM appliance WHERE time >= $at", {"at": day * 1_000_000_000})
    for part, _ in lines("appliance", "home", content):
        influx.write("nilm", part)
    assert in_influx(influx, "home")["appliance"] == before


def test_what_is_measured_late_takes_no_prediction_away(config: Config, streams: Streams, influx: Influx) -> None:
    """A day that InfluxDB has handed over to Parquet, and then a circuit's queue arrives."""
    fill(influx, "home", range(START_S, START_S + 60))
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    before = in_parquet(config, "home")["appliance"]
    StoredSeconds(config, influx).delete("home", START_S * 1000, (START_S + DAY_S) * 1000)
    fill(influx, "home", range(START_S + 2 * DAY_S, START_S + 2 * DAY_S + 1))
    _measure(influx, range(START_S, START_S + 60))
    ChangedHours(Path(config.data_dir)).note("home", [START_S * 1000])
    snapshot(config, streams, START_S + DAY_S + 2 * SOON_S)
    after = {row for row in in_parquet(config, "home")["appliance"] if row[1] < (START_S + DAY_S) * 1000}
    assert {row[:-1] for row in after} == {row[:-1] for row in before}
    assert sum(row[-1] is not None for row in after) == 60
    kept = replace(config, history=replace(config.history, influx_days=1, settle_s=60))
    done = snapshot(kept, streams, START_S + DAY_S * 5)
    assert done["buildings"]["home"]["deleted_from_influx"][0] == "2026-01-05"  # each row was found in Parquet


def test_the_central_server_gets_what_was_measured(config: Config, influx: Influx, central: Influx) -> None:
    fill(influx, "home", range(hour_s(2), hour_s(2) + 20))
    _measure(influx, range(hour_s(2), hour_s(2) + 30))
    url = central._url
    finish(sync_of(to_central(config, url)))
    assert in_influx(central, "home") == in_influx(influx, "home")
    _measure(influx, range(hour_s(2) + 30, hour_s(2) + 40))
    ChangedHours(Path(config.data_dir)).note("home", [hour_s(2) * 1000])
    finish(sync_of(to_central(config, url)))
    assert in_influx(central, "home") == in_influx(influx, "home")


def test_a_second_measured_before_it_is_predicted_keeps_no_prediction_from_the_central_server(
    config: Config, influx: Influx, central: Influx
) -> None:
    fill_hours(influx, 20)  # nothing is compared before that is there: what comes now comes live
    sync = sync_of(to_central(config, central._url, live_every_s=0.0))
    at_s = now_ms() // 1000 - 3
    _measure(influx, range(at_s, at_s + 1))
    sync.turn((at_s + 1) * 1000)
    fill(influx, "home", [at_s])
    sync.turn((at_s + 2) * 1000)
    assert [row[1:] for row in _stored(central, "Oven") if row[0] == at_s] == _stored_at(influx, at_s)


def _stored_at(influx: Influx, at_s: int) -> list[tuple[float | None, float | None]]:
    return [row[1:] for row in _stored(influx, "Oven") if row[0] == at_s and None not in row]
