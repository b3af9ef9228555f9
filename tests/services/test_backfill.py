"""Gaps are found, explained and filled on a real Redis and InfluxDB, and predicted as live inference would have."""

import functools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.adapters.changed_hours import HOUR_MS, PREDICT, ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.onnx_model import load_models
from edge.adapters.processes import lock
from edge.adapters.streams import Streams
from edge.backfill import run
from edge.backfill_queue import BackfillQueue
from edge.core.disaggregator import Disaggregator
from edge.core.line_protocol import sample_line, tick_lines
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.presence import State
from edge.core.sample import NO_FLAGS, Flags, Sample
from edge.errors import NilmError, Unavailable
from edge.gaps import Gaps, as_text
from edge.local_time import zone
from edge.meter_log import MeterLog, read
from edge.models import SHIPPED_DIR
from edge.persist import Outlet
from edge.settings import Config
from edge.unit import now_ms
from gateway.times import iso_times
from tests.servers import Servers

Points = dict[int, dict[str, Any]]
SECONDS = 6000


def _start_s(hours: int) -> int:
    """An hour's beginning, long enough ago that nothing of it is on its way."""
    return (int(time.time()) // 3600 - hours) * 3600


def _power_w(at_s: int) -> float:
    """A home that switches: a fridge, a kettle now and then, an oven at times."""
    fridge, kettle, oven = at_s % 1800 < 700, at_s % 3100 < 150, at_s % 5200 < 1300
    return 180.0 + 110 * fridge + 2050 * kettle + 2400 * oven + (at_s * 7919 % 23)


def _samples(start_s: int, seconds: "range | set[int]", flags: Flags = NO_FLAGS) -> list[Sample]:
    return [Sample("home", (start_s + n) * 1000, _power_w(start_s + n), flags=flags) for n in sorted(seconds)]


def _store(influx: Influx, samples: list[Sample], *, predicted: bool = False) -> None:
    influx.write("nilm", "\n".join(map(sample_line, samples)))
    if predicted:
        at_s = (sample.at_ms // 1000 for sample in samples)
        influx.write("nilm", "\n".join(f"appliance,appliance=other,building=home power_w=1.0 {s}" for s in at_s))


def _mains(influx: Influx) -> dict[int, tuple[float, int]]:
    found = influx.query("nilm", "SELECT power_w, flags FROM mains WHERE building = $b", {"b": "home"})
    return {row[0] // 1000: (row[1], row[2]) for series in found for row in series.values}


def _points(influx: Influx) -> Points:
    query = 'SELECT power_w, p_on, "on", low_w, high_w, warmup FROM appliance WHERE building = $b GROUP BY appliance'
    points: Points = {}
    for series in influx.query("nilm", query, {"b": "home"}):
        for at_ms, *row in series.values:
            points.setdefault(at_ms // 1000, {})[series.tags["appliance"]] = tuple(row)
    return points


@functools.cache
def _live(start_s: int, seconds: int) -> Points:
    """What live inference says second by second, of mains in InfluxDB's precision."""
    models = Disaggregator(load_models(SHIPPED_DIR)[0])
    points: Points = {}
    for sample in _samples(start_s, range(seconds)):
        tick = models.predict("home", sample.at_ms, float(f"{sample.power_w:.7g}"))
        for line in tick_lines(tick):
            name = line.split("appliance=")[1].split(",")[0]
            fields = dict(pair.split("=") for pair in line.split(" ")[1].split(","))
            on = {"true": True, "false": False}
            numbers = [float(fields[key]) if key in fields else None for key in ("power_w", "p_on", "low_w", "high_w")]
            power_w, p_on, low_w, high_w = numbers
            row = (power_w, p_on, on.get(fields.get("on", "")), low_w, high_w, on.get(fields.get("warmup", "")))
            points.setdefault(sample.at_ms // 1000, {})[name] = row
    return points


def _said_live(streams: Streams, samples: list[Sample]) -> None:
    """Predictions as they come second by second, of anything."""
    values = np.array([(1.0, 0.5, 0.0, 2.0, True, False)], COLUMN)
    streams.add_ticks([Tick("home", s.at_ms, (Column("Oven", "tcn-1"),), values, 9.0) for s in samples])


def _csv(folder: Path, samples: list[Sample], name: str = "meter.csv") -> MeterLog:
    file = folder / name
    rows = [f"{sample.at_ms // 1000},{sample.power_w}" for sample in samples]
    file.write_text("\n".join(["time,power_w", *rows, ""]))
    return read(file, None)


def _gaps(config: Config, streams: Streams, influx: Influx) -> dict[str, Any]:
    found = Gaps(config, streams, influx).summary(["home"], now_ms(), 7, zone("UTC"))
    home: dict[str, Any] = found["buildings"]["home"]
    assert as_text(found).startswith("home: ")
    return home


def _noted(config: Config) -> dict[str, list[int]]:
    changed = ChangedHours(Path(config.data_dir))
    return {
        reader: changed.waiting(reader).get("home", []) for reader in (PREDICT, "predict-doing", "snapshot", "sync")
    }


def test_a_gap_filled_from_a_log_is_predicted_as_if_it_had_never_been(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    start_s = _start_s(7)
    present = set(range(SECONDS)) - set(range(3700, 4500)) - {5000}
    _store(influx, _samples(start_s, present), predicted=True)
    done = run(config, _csv(tmp_path, _samples(start_s, range(3650, 5100))), "home")
    assert done["buildings"]["home"]["stored"] == 801
    mains = _mains(influx)
    assert sorted(mains) == [start_s + n for n in range(SECONDS)]
    assert {at_s for at_s, (_, flags) in mains.items() if flags} == {
        start_s + n for n in range(SECONDS) if n not in present
    }
    first_s, end_s = start_s + 3600, start_s + SECONDS  # the hour that holds a change
    expected, found = _live(start_s, SECONDS), _points(influx)
    names = set(expected[first_s])
    assert all(set(found[at_s]) == names for at_s in range(first_s, end_s))
    warm = [at_s for at_s in range(first_s, end_s) if not expected[at_s]["Oven"][-1]]
    assert len(warm) > 1800
    assert [at_s for at_s in warm if found[at_s] != expected[at_s]] == []
    assert found[start_s + 100].keys() == {"other"}  # nothing else was touched
    hours = [(start_s + 3600 * n) * 1000 for n in range(5)]
    noted = _noted(config)
    assert (noted[PREDICT], noted["predict-doing"]) == ([], [])
    assert set(hours[1:2]) <= set(noted["snapshot"])
    assert noted["snapshot"] == noted["sync"]
    again = run(config, _csv(tmp_path, _samples(start_s, range(3650, 5100))), "home")
    assert (again["buildings"]["home"]["stored"], again["predicted_s"]) == (0, 0)
    assert (_mains(influx), _points(influx)) == (mains, found)


def test_a_late_sample_gets_its_prediction_and_wins_over_a_held_one(
    config: Config, streams: Streams, influx: Influx
) -> None:
    start_s, late = _start_s(7), {3700, 3701, 5000}
    held = [replace(_samples(start_s, {5000})[0], power_w=1.0, flags=Flags.HELD)]
    whole = _samples(start_s, range(SECONDS))
    live = sorted([s for s in whole if s.at_ms // 1000 - start_s not in late] + held, key=lambda s: s.at_ms)
    outlet = Outlet(config, streams, influx)
    streams.add_samples(live)
    _said_live(streams, live)
    assert streams.add_samples(_samples(start_s, late)) == ["late"] * 3
    while streams.length("home", "outbox"):
        outlet.turn(0)
    assert _mains(influx)[start_s + 5000] == (_power_w(start_s + 5000), Flags.LATE)
    assert set(range(start_s, start_s + SECONDS)) - set(_points(influx)) == {start_s + 3700, start_s + 3701}
    hours = [(start_s + 3600) * 1000]
    assert _noted(config) == {PREDICT: hours, "predict-doing": [], "snapshot": [], "sync": []}
    notes = sorted((Path(config.data_dir) / "changed").rglob("*0000"))
    stamps = [note.stat().st_mtime_ns for note in notes]
    streams.add_samples(_samples(start_s, {3700}))
    outlet.turn(0)
    assert [note.stat().st_mtime_ns for note in notes] == stamps  # one that trickles in costs no fsync

    run(config)
    expected, found = _live(start_s, SECONDS), _points(influx)
    differ = [at_s - start_s for at_s in range(start_s + 3600, start_s + SECONDS) if found[at_s] != expected[at_s]]
    assert differ == []
    assert _noted(config)[PREDICT] == []
    assert streams.window("home")[5000 - SECONDS].flags == Flags.HELD  # the last hour keeps what was said live


def test_energy_counters_fill_what_nothing_else_has(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    start_s = _start_s(6)
    present = set(range(1000)) | set(range(3000, 3600))
    _store(influx, _samples(start_s, present), predicted=True)
    counter_wh = 5_000_000 + np.append(0, np.cumsum([_power_w(start_s + n) for n in range(3600)])) / 3600
    file = tmp_path / "counter.csv"
    rows = [f"{start_s + n};{counter_wh[n] / 1000:.6f}".replace(".", ",") for n in range(0, 3601, 300)]
    file.write_text("\n".join(["time;energy_kwh", *rows]))
    before = _mains(influx)
    done = run(config, read(file, None), "home")
    mains = _mains(influx)
    assert sorted(mains) == [start_s + n for n in range(3600)]
    assert all(mains[at_s] == was for at_s, was in before.items())
    assert {flags for at_s, (_, flags) in mains.items() if at_s not in before} == {Flags.ESTIMATED | Flags.LATE}
    for n in range(0, 3600, 300):
        energy_wh = sum(mains[start_s + k][0] for k in range(n, n + 300)) / 3600
        assert energy_wh == pytest.approx(counter_wh[n + 300] - counter_wh[n], abs=1)
    assert done["buildings"]["home"]["stored"] == 2000
    assert run(config, read(file, None), "home")["buildings"]["home"]["stored"] == 0
    home = _gaps(config, streams, influx)
    assert home["estimated"] == 2000
    assert [gap["start"] for gap in home["gaps"]] == [iso_times([(start_s + 3600) * 1000])[0]]
    assert run(config, _csv(tmp_path, _samples(start_s, {1000})), "home")["buildings"]["home"]["stored"] == 1
    assert _mains(influx)[start_s + 1000] == (_power_w(start_s + 1000), Flags.LATE)


def test_auto_restores_what_the_window_has_and_predicts_what_was_never_predicted(
    config: Config, streams: Streams, influx: Influx
) -> None:
    end_s = int(time.time()) - 200
    samples = _samples(end_s - 4000, range(4000))
    streams.add_samples(samples)
    _said_live(streams, samples)
    streams._redis.delete("nilm:home:outbox")  # as an outbox that ran over
    old_s = _start_s(40)
    _store(influx, _samples(old_s, range(600)))
    done = run(config)
    assert done["buildings"]["home"]["stored"] == 3600
    assert set(_mains(influx)) == {*range(end_s - 3600, end_s), *range(old_s, old_s + 600)}
    assert set(_points(influx)) >= set(range(old_s, old_s + 600))
    assert _gaps(config, streams, influx)["without_prediction"] == 0
    again = run(config)
    assert again["buildings"]["home"]["stored"] == 0


def test_long_stretches_without_predictions_are_left_and_told(config: Config, streams: Streams, influx: Influx) -> None:
    start_s = _start_s(10)
    for hour in range(5):
        _store(influx, _samples(start_s + 3600 * hour, {1}))
    assert run(config, max_gap_h=4)["left"] == ["home: 5 h without predictions are more than the 4 h done by itself"]
    assert _points(influx) == {}
    BackfillQueue(Path(config.data_dir)).ask(7, 5)
    assert run(config)["left"] == []
    assert len(_points(influx)) == 5
    assert not BackfillQueue(Path(config.data_dir)).take()


def test_while_seconds_are_on_their_way_nothing_is_touched(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    start_s = _start_s(4)
    streams.add_samples(_samples(start_s, {0, 50}))
    assert "still wait to be predicted or stored" in run(config)["left"][0]
    done = run(config, _csv(tmp_path, _samples(start_s, range(100))), "home")
    assert (done["buildings"]["home"]["stored"], done["buildings"]["home"]["too_new"]) == (0, 100)
    assert _mains(influx) == {}


def test_seconds_that_influxdb_no_longer_keeps_are_refused(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    log = _csv(tmp_path, _samples(_start_s(24 * 40), range(100)))
    done = run(config, log, "home")
    assert done["left"] == ["home: 100 s are older than the 30 days that InfluxDB keeps"]
    assert _mains(influx) == {}
    for_ever = replace(config, history=replace(config.history, influx_days=0))
    assert run(for_ever, log, "home")["buildings"]["home"]["stored"] == 100


def test_a_model_that_is_off_makes_predictions_wait_and_samples_not(
    config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "registry.json").write_text('{"models": []}')
    broken = replace(config, infer=replace(config.infer, models_dir=str(tmp_path / "models")))
    start_s = _start_s(5)
    log = _csv(tmp_path, _samples(start_s, range(100)))
    done = run(broken, log, "home")
    assert done["left"] == ["predictions wait until each model serves: no model"]
    assert len(_mains(influx)) == 100
    assert _noted(config)[PREDICT] == [start_s * 1000]
    assert run(config)["predicted_s"] == 100


def test_a_kill_or_an_outage_in_between_loses_no_hour(
    config: Config, streams: Streams, influx: Influx, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_s = _start_s(5)
    _store(influx, _samples(start_s, range(100)), predicted=True)
    ChangedHours(Path(config.data_dir)).note("home", [start_s * 1000], (PREDICT,))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Disaggregator, "score", die)
        with pytest.raises(KeyboardInterrupt):
            run(config)
    assert _noted(config)["predict-doing"] == [start_s * 1000]
    servers.influxd.terminate()
    servers.influxd.wait_or_kill(10)
    with pytest.raises(Unavailable):
        run(config)
    assert BackfillQueue(Path(config.data_dir)).progress(now_ms())["state"] == "failed"
    servers.start()
    assert run(config)["predicted_s"] == 100
    assert _noted(config)["predict-doing"] == []
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
    run(config, _csv(tmp_path, _samples(start_s, range(300))), "home")
    assert len(_points(influx)) == 300
    assert _noted(config)[PREDICT][-1] == (start_s + 299) // 3600 * HOUR_MS


def test_gaps_are_told_by_day_with_their_reasons(config: Config, streams: Streams, influx: Influx) -> None:
    start_s = _start_s(30)
    end_s = int(time.time()) - 60
    present = set(range(end_s - start_s)) - set(range(100, 200)) - set(range(5000, 5600)) - {9000}
    _store(influx, [Sample("home", (start_s + n) * 1000, 1.0) for n in sorted(present)], predicted=True)
    for at_s, state in ((0, State.HEARD), (100, State.SILENT), (200, State.HEARD), (4990, State.DOWN), (5601, "heard")):
        streams.add_event("home", state, (start_s + at_s) * 1000)
    home = _gaps(config, streams, influx)
    assert [(gap["seconds"], gap["reason"]) for gap in home["gaps"][:3]] == [
        (100, "meter silent"),
        (600, "nilm-edge down"),
        (1, "unknown"),
    ]
    assert sum(day["missing"] for day in home["days"]) == home["missing"] == sum(gap["seconds"] for gap in home["gaps"])
    assert sum(day["seconds"] for day in home["days"]) == home["seconds"]
    assert (home["without_prediction"], home["held"]) == (0, 0)
    assert len(home["days"]) in {2, 3}


def test_without_redis_gaps_are_told_without_reasons(config: Config, influx: Influx) -> None:
    _store(influx, _samples(_start_s(3), {0, 9}))
    nowhere = Streams.connect("redis://127.0.0.1:1/0")
    home = _gaps(config, nowhere, influx)
    assert {gap["reason"] for gap in home["gaps"]} == {"unknown"}


def test_a_request_outlives_a_kill_and_the_wider_of_two_counts(tmp_path: Path) -> None:
    queue = BackfillQueue(tmp_path)
    assert (queue.take(), queue.waits(), queue.progress(0)["state"]) == ({}, False, "idle")
    queue.ask(3, 10)
    queue.ask(1, 20)
    assert queue.progress(0)["state"] == "queued"
    assert queue.take() == {"days_back": 3, "max_gap_h": 20}
    queue.ask(4, 1)
    assert queue.take() == {"days_back": 4, "max_gap_h": 20}
    assert queue.take() == {"days_back": 4, "max_gap_h": 20}
    queue.finish()
    assert queue.take() == {}
    queue.say({"state": "running", "updated_ms": 1000})
    assert queue.progress(2000)["state"] == "running"
    assert queue.progress(10_000_000)["state"] == "interrupted"
    (tmp_path / "backfill" / "state.json").write_text(json.dumps([]))
    assert queue.progress(0)["state"] == "idle"
