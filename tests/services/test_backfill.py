"""Gaps are found, explained and filled on a real Redis and InfluxDB, and predicted as live inference would have."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.adapters.changed_hours import HOUR_MS, PREDICT, ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.processes import lock
from edge.adapters.streams import Streams
from edge.backfill import run
from edge.backfill_queue import BackfillQueue
from edge.core.disaggregator import Disaggregator
from edge.core.sample import Flags
from edge.errors import NilmError, Unavailable
from edge.meter_log import read
from edge.persist import Outlet
from edge.settings import Config
from edge.unit import now_ms
from gateway.times import iso_times
from tests.servers import Servers
from tests.services.switching_home import (
    SECONDS,
    csv_log,
    drawn_w,
    gaps_of,
    hours_ago_s,
    mains_of,
    notes_of,
    points_of,
    pretend_live,
    said_by_step_graph,
    samples_of,
    store,
)


def test_a_gap_filled_from_a_log_is_predicted_as_if_it_had_never_been(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    start_s = hours_ago_s(7)
    present = set(range(SECONDS)) - set(range(3700, 4500)) - {5000}
    store(influx, samples_of(start_s, present), predicted=True)
    done = run(config, csv_log(tmp_path, samples_of(start_s, range(3650, 5100))), "home")
    assert done["buildings"]["home"]["stored"] == 801
    mains = mains_of(influx)
    assert sorted(mains) == [start_s + n for n in range(SECONDS)]
    assert {at_s for at_s, (_, flags) in mains.items() if flags} == {
        start_s + n for n in range(SECONDS) if n not in present
    }
    first_s, end_s = start_s + 3600, start_s + SECONDS  # the hour that holds a change
    expected, found = said_by_step_graph(start_s, SECONDS), points_of(influx)
    names = set(expected[first_s])
    assert all(set(found[at_s]) == names for at_s in range(first_s, end_s))
    warm = [at_s for at_s in range(first_s, end_s) if not expected[at_s]["Oven"][-1]]
    assert len(warm) > 1800
    assert [at_s for at_s in warm if found[at_s] != expected[at_s]] == []
    assert found[start_s + 100].keys() == {"other"}  # nothing else was touched
    hours = [(start_s + 3600 * n) * 1000 for n in range(5)]
    noted = notes_of(config)
    assert (noted[PREDICT], noted["predict-doing"]) == ([], [])
    assert set(hours[1:2]) <= set(noted["snapshot"])
    assert noted["snapshot"] == noted["sync"]
    again = run(config, csv_log(tmp_path, samples_of(start_s, range(3650, 5100))), "home")
    assert (again["buildings"]["home"]["stored"], again["predicted_s"]) == (0, 0)
    assert (mains_of(influx), points_of(influx)) == (mains, found)


def test_a_late_sample_gets_its_prediction_and_wins_over_a_held_one(
    config: Config, streams: Streams, influx: Influx
) -> None:
    start_s, late = hours_ago_s(7), {3700, 3701, 5000}
    held = [replace(samples_of(start_s, {5000})[0], power_w=1.0, flags=Flags.HELD)]
    whole = samples_of(start_s, range(SECONDS))
    live = sorted([s for s in whole if s.at_ms // 1000 - start_s not in late] + held, key=lambda s: s.at_ms)
    outlet = Outlet(config, streams, influx)
    streams.add_samples(live)
    pretend_live(streams, live)
    assert streams.add_samples(samples_of(start_s, late)) == ["late"] * 3
    while streams.length("home", "outbox"):
        outlet.turn(0)
    assert mains_of(influx)[start_s + 5000] == (drawn_w(start_s + 5000), Flags.LATE)
    assert set(range(start_s, start_s + SECONDS)) - set(points_of(influx)) == {start_s + 3700, start_s + 3701}
    past = [start_s * 1000, (start_s + 3600) * 1000]  # so long ago that others may have taken them for complete
    assert notes_of(config) == {PREDICT: past[1:], "predict-doing": [], "snapshot": past, "sync": past}
    notes = sorted((Path(config.data_dir) / "changed").rglob("*0000"))
    stamps = [note.stat().st_mtime_ns for note in notes]
    streams.add_samples(samples_of(start_s, {3700}))
    outlet.turn(0)
    assert [note.stat().st_mtime_ns for note in notes] == stamps  # one that trickles in costs no fsync

    run(config)
    expected, found = said_by_step_graph(start_s, SECONDS), points_of(influx)
    differ = [at_s - start_s for at_s in range(start_s + 3600, start_s + SECONDS) if found[at_s] != expected[at_s]]
    assert differ == []
    assert notes_of(config)[PREDICT] == []
    assert streams.window("home")[5000 - SECONDS].flags == Flags.HELD  # the last hour keeps what was said live


def test_energy_counters_fill_what_nothing_else_has(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    start_s = hours_ago_s(6)
    present = set(range(1000)) | set(range(3000, 3600))
    store(influx, samples_of(start_s, present), predicted=True)
    counter_wh = 5_000_000 + np.append(0, np.cumsum([drawn_w(start_s + n) for n in range(3600)])) / 3600
    file = tmp_path / "counter.csv"
    rows = [f"{start_s + n};{counter_wh[n] / 1000:.6f}".replace(".", ",") for n in range(0, 3601, 300)]
    file.write_text("\n".join(["time;energy_kwh", *rows]))
    before = mains_of(influx)
    done = run(config, read(file, None), "home")
    mains = mains_of(influx)
    assert sorted(mains) == [start_s + n for n in range(3600)]
    assert all(mains[at_s] == was for at_s, was in before.items())
    assert {flags for at_s, (_, flags) in mains.items() if at_s not in before} == {Flags.ESTIMATED | Flags.LATE}
    for n in range(0, 3600, 300):
        energy_wh = sum(mains[start_s + k][0] for k in range(n, n + 300)) / 3600
        assert energy_wh == pytest.approx(counter_wh[n + 300] - counter_wh[n], abs=1)
    assert done["buildings"]["home"]["stored"] == 2000
    assert run(config, read(file, None), "home")["buildings"]["home"]["stored"] == 0
    home = gaps_of(config, streams, influx)
    assert home["estimated"] == 2000
    assert [gap["start"] for gap in home["gaps"]] == [iso_times([(start_s + 3600) * 1000])[0]]
    assert run(config, csv_log(tmp_path, samples_of(start_s, {1000})), "home")["buildings"]["home"]["stored"] == 1
    assert mains_of(influx)[start_s + 1000] == (drawn_w(start_s + 1000), Flags.LATE)


def test_auto_restores_what_the_window_has_and_predicts_what_was_never_predicted(
    config: Config, streams: Streams, influx: Influx
) -> None:
    end_s = int(time.time()) - 200
    samples = samples_of(end_s - 4000, range(4000))
    streams.add_samples(samples)
    pretend_live(streams, samples)
    streams._redis.delete("nilm:home:outbox")  # as an outbox that ran over
    old_s = hours_ago_s(40)
    store(influx, samples_of(old_s, range(600)))
    done = run(config)
    assert done["buildings"]["home"]["stored"] == 3600
    assert set(mains_of(influx)) == {*range(end_s - 3600, end_s), *range(old_s, old_s + 600)}
    assert set(points_of(influx)) >= set(range(old_s, old_s + 600))
    assert gaps_of(config, streams, influx)["without_prediction"] == 0
    again = run(config)
    assert again["buildings"]["home"]["stored"] == 0


def test_long_stretches_without_predictions_are_left_and_told(config: Config, streams: Streams, influx: Influx) -> None:
    start_s = hours_ago_s(10)
    for hour in range(5):
        store(influx, samples_of(start_s + 3600 * hour, {1}))
    assert run(config, max_gap_h=4)["left"] == ["home: 5 h without predictions are more than the 4 h done by itself"]
    assert points_of(influx) == {}
    BackfillQueue(Path(config.data_dir)).ask(7, 5)
    assert run(config)["left"] == []
    assert len(points_of(influx)) == 5
    assert not BackfillQueue(Path(config.data_dir)).take()


def test_while_seconds_are_on_their_way_nothing_is_touched(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    start_s = hours_ago_s(4)
    streams.add_samples(samples_of(start_s, {0, 50}))
    assert "still wait to be predicted or stored" in run(config)["left"][0]
    done = run(config, csv_log(tmp_path, samples_of(start_s, range(100))), "home")
    assert (done["buildings"]["home"]["stored"], done["buildings"]["home"]["too_new"]) == (0, 100)
    assert mains_of(influx) == {}


def test_seconds_that_influxdb_no_longer_keeps_are_refused(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    log = csv_log(tmp_path, samples_of(hours_ago_s(24 * 40), range(100)))
    done = run(config, log, "home")
    assert done["left"] == ["home: 100 s are older than the 30 days that InfluxDB keeps"]
    assert mains_of(influx) == {}
    for_ever = replace(config, history=replace(config.history, influx_days=0))
    assert run(for_ever, log, "home")["buildings"]["home"]["stored"] == 100


def test_a_model_that_is_off_makes_predictions_wait_and_samples_not(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "registry.json").write_text('{"models": []}')
    broken = replace(config, infer=replace(config.infer, models_dir=str(tmp_path / "models")))
    start_s = hours_ago_s(5)
    log = csv_log(tmp_path, samples_of(start_s, range(100)))
    done = run(broken, log, "home")
    assert done["left"] == ["predictions wait until each model serves: no model"]
    assert len(mains_of(influx)) == 100
    assert notes_of(config)[PREDICT] == [start_s * 1000]
    assert run(config)["predicted_s"] == 100


def test_a_kill_or_an_outage_in_between_loses_no_hour(
    config: Config, streams: Streams, influx: Influx, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_s = hours_ago_s(5)
    store(influx, samples_of(start_s, range(100)), predicted=True)
    ChangedHours(Path(config.data_dir)).note("home", [start_s * 1000], (PREDICT,))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Disaggregator, "score", die)
        with pytest.raises(KeyboardInterrupt):
            run(config)
    assert notes_of(config)["predict-doing"] == [start_s * 1000]
    servers.influxd.terminate()
    servers.influxd.wait_or_kill(10)
    with pytest.raises(Unavailable):
        run(config)
    assert BackfillQueue(Path(config.data_dir)).progress(now_ms())["state"] == "failed"
    servers.start()
    assert run(config)["predicted_s"] == 100
    assert notes_of(config)["predict-doing"] == []
    assert BackfillQueue(Path(config.data_dir)).progress(now_ms())["state"] == "done"


def test_one_backfill_at_a_time(config: Config) -> None:
    folder = Path(config.data_dir) / "backfill"
    folder.mkdir(parents=True)
    holder = lock(folder / ".lock")
    assert holder
    with holder, pytest.raises(NilmError, match="another nilm-edge backfill is at work"):
        run(config)


def test_an_hour_that_is_not_over_is_predicted_and_stays_noted(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    start_s = int(time.time()) - 600
    run(config, csv_log(tmp_path, samples_of(start_s, range(300))), "home")
    assert len(points_of(influx)) == 300
    assert notes_of(config)[PREDICT][-1] == (start_s + 299) // 3600 * HOUR_MS
