"""nilm-snapshot on a real Redis and InfluxDB: what is stored is what InfluxDB has, bit for bit, whatever happens."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.changed_hours import ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.core.sample import Sample
from edge.errors import ConfigError
from edge.persist import Outlet
from edge.settings import Config
from edge.snapshot import run
from edge.stack import Stack
from edge.watermark import Watermark
from tests.servers import wait_until
from tests.services.history import (
    DAY_S,
    HOUR_S,
    SOON_S,
    START_S,
    files,
    fill,
    in_influx,
    in_parquet,
    minute_of,
    same,
    snapshot,
)


def test_an_hour_is_stored_exactly_once_it_has_settled(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", range(START_S, START_S + HOUR_S))
    assert snapshot(config, streams, START_S + HOUR_S + 100)["buildings"]["home"]["hours"] == 0
    assert files(config) == []
    done = snapshot(config, streams, START_S + HOUR_S + SOON_S)
    assert done["buildings"]["home"] | {"bytes": 0} == {
        "hours": 1, "days": 0, "rows": 5 * HOUR_S, "bytes": 0,
        "deleted_from_influx": [], "seconds_dropped": [], "minutes_dropped": [],
    }  # fmt: skip
    assert same(config, influx)
    (day,) = SnapshotFolder(Path(config.data_dir)).days("home")
    assert day.rows == {"mains": {0: HOUR_S}, "appliance": {0: 4 * HOUR_S}}
    before = files(config)
    assert snapshot(config, streams, START_S + HOUR_S + 400)["buildings"]["home"]["hours"] == 0
    assert files(config) == before


def test_hours_become_a_day_of_one_file_each(config: Config, streams: Streams, influx: Influx) -> None:
    for hour in (0, 3, 23):
        fill(influx, "home", minute_of(hour), hour)
        snapshot(config, streams, START_S + (hour + 1) * HOUR_S + (0 if hour == 23 else SOON_S))
    assert len([name for name in files(config) if name.endswith(".parquet")]) == 8
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    snapshot(config, streams, START_S + DAY_S + 2 * SOON_S)  # tidies up what the day has replaced
    assert [name.split("/")[2].rsplit("-", 1)[0] for name in files(config)] == [
        "appliance-day", "appliance_1m-day", "mains-day", "mains_1m-day", "manifest.json",
    ]  # fmt: skip
    assert same(config, influx)


def test_months_of_silence_and_a_clock_at_1970_cost_nothing(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [5, START_S - 100 * DAY_S, START_S])
    stored = in_influx(influx, "home")
    done = snapshot(config, streams, START_S + 2 * DAY_S)
    assert (done["buildings"]["home"]["hours"], done["buildings"]["home"]["days"]) == (3, 3)
    assert in_parquet(config, "home") == stored


@pytest.mark.parametrize("later_s", [4 * HOUR_S, 3 * DAY_S])
def test_an_hour_that_changed_before_it_was_ever_stored_is_read_once(
    config: Config, streams: Streams, influx: Influx, later_s: int
) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(2)])
    ChangedHours(Path(config.data_dir)).note("home", [(START_S + 5) * 1000])
    said = snapshot(config, streams, START_S + later_s)["buildings"]["home"]
    assert (said["hours"], said["rows"]) == (2, 2 * 60 * 5)
    assert same(config, influx)


def test_a_gap_stays_a_gap(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [START_S + n for n in range(120) if not 30 <= n < 90])
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    assert same(config, influx)


def test_each_building_has_its_own_and_foreign_names_are_left_out(
    config: Config, streams: Streams, influx: Influx
) -> None:
    fill(influx, "home", minute_of(1))
    fill(influx, "shed.2", minute_of(2), 7)
    influx.write("nilm", f"mains,building=../etc power_w=1.0 {START_S}")
    assert set(snapshot(config, streams, START_S + DAY_S + SOON_S)["buildings"]) == {"home", "shed.2"}
    assert same(config, influx)
    assert same(config, influx, "shed.2")


def test_nothing_is_closed_before_what_is_on_its_way(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(1)])
    later_s = START_S + DAY_S + SOON_S
    spool = Path(config.data_dir) / "spool" / "home"
    spool.mkdir(parents=True)
    (spool / "0001.segment").write_bytes(b"batch")
    assert snapshot(config, streams, later_s)["buildings"]["home"]["hours"] == 0
    (spool / "0001.segment").unlink()
    streams.add_samples([Sample("home", (START_S + HOUR_S + 7) * 1000, 1.5)])
    assert (
        snapshot(config, streams, later_s)["buildings"]["home"]["hours"] == 1
    )  # the sample waits, and has no prediction
    Outlet(config, streams, influx).turn()
    assert streams.length("home", "outbox") == 0
    assert snapshot(config, streams, later_s)["buildings"]["home"]["hours"] == 0  # still no prediction
    streams.add_samples([Sample("home", (START_S + 2 * DAY_S + n) * 1000, 1.5) for n in range(3600)])
    Outlet(config, streams, influx).turn()
    Outlet(config, streams, influx).turn()
    assert snapshot(config, streams, later_s)["buildings"]["home"]["hours"] == 1
    assert SnapshotFolder(Path(config.data_dir)).load("home", "2026-01-05").hours == {0, 1}


@pytest.mark.parametrize("later_s", [4 * HOUR_S, 3 * DAY_S])
def test_a_backfill_is_stored_again(config: Config, streams: Streams, influx: Influx, later_s: int) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(2)])
    snapshot(config, streams, START_S + later_s)
    fill(influx, "home", [START_S + 5, START_S + 1800, START_S + HOUR_S + 5], seed=9)  # new, changed, a new hour
    ChangedHours(Path(config.data_dir)).note("home", [(START_S + 5) * 1000, (START_S + HOUR_S + 5) * 1000])
    assert not same(config, influx)
    assert snapshot(config, streams, START_S + later_s + 60)["buildings"]["home"]["hours"] == 2
    assert same(config, influx)
    assert ChangedHours(Path(config.data_dir)).waiting("snapshot") == {}
    assert ChangedHours(Path(config.data_dir)).waiting("snapshot-doing") == {}
    assert ChangedHours(Path(config.data_dir)).waiting("sync")["home"]


def test_a_backfill_that_nobody_noted_is_found_when_the_day_closes(
    config: Config, streams: Streams, influx: Influx
) -> None:
    fill(influx, "home", minute_of(0))
    snapshot(config, streams, START_S + 2 * HOUR_S)
    fill(influx, "home", [START_S + 5, START_S + HOUR_S + 5], seed=9)
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    assert same(config, influx)


def test_history_does_not_shrink_with_the_database(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", minute_of(0))
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    before = in_parquet(config, "home")
    influx.query("nilm", "DELETE FROM appliance WHERE building = $b", {"b": "home"})
    influx.query("nilm", "DELETE FROM mains WHERE building = $b", {"b": "home"})
    fill(influx, "home", [START_S + 1], seed=3)
    ChangedHours(Path(config.data_dir)).note("home", [START_S * 1000])
    snapshot(config, streams, START_S + 2 * DAY_S)
    after = in_parquet(config, "home")
    assert all(before[kind] < after[kind] for kind in before)
    assert len(after["mains"]) == len(before["mains"]) + 1


def test_influxdb_loses_only_days_that_are_verified(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [START_S + 5, START_S + DAY_S + 5, START_S + 40 * DAY_S])
    at_s = START_S + 41 * DAY_S + SOON_S
    keep = replace(config, history=replace(config.history, influx_days=0))
    snapshot(keep, streams, at_s)
    stored = in_parquet(config, "home")
    assert stored == in_influx(influx, "home")
    fill(influx, "home", [START_S + DAY_S + 5], seed=5)  # changed behind our back
    done = snapshot(config, streams, at_s)["buildings"]["home"]
    assert done["deleted_from_influx"] == ["2026-01-05"]
    assert ChangedHours(Path(config.data_dir)).waiting("snapshot") == {"home": [(START_S + DAY_S) * 1000]}
    done = snapshot(config, streams, at_s)["buildings"]["home"]
    assert done["deleted_from_influx"] == ["2026-01-06"]
    assert {row[1] // 1000 for row in in_influx(influx, "home")["mains"]} == {START_S + 40 * DAY_S}
    assert len(in_parquet(config, "home")["mains"]) == 3
    fill(influx, "home", [START_S + 6], seed=6)  # a late one of a day that InfluxDB no longer had
    ChangedHours(Path(config.data_dir)).note("home", [START_S * 1000], ("snapshot",))
    snapshot(config, streams, at_s)
    assert len(in_parquet(config, "home")["mains"]) == 4
    assert {row[1] // 1000 for row in in_influx(influx, "home")["mains"]} == {START_S + 40 * DAY_S}


def test_a_day_waits_for_the_central_server_but_not_for_ever(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [START_S + 5, START_S + 40 * DAY_S])
    ChangedHours(Path(config.data_dir)).note("home", [START_S * 1000], ("sync",))
    forwards = replace(config, central=replace(config.central, url="http://127.0.0.1:1"))

    def deleted(chosen: Config, after_days: int) -> list[str]:
        done = snapshot(chosen, streams, START_S + after_days * DAY_S + SOON_S)["buildings"]["home"]
        return list(done["deleted_from_influx"])

    assert deleted(forwards, 41) == []
    watermark = Watermark(Path(config.data_dir), "there")
    watermark.of("home", 0).confirmed_ms = (START_S + DAY_S) * 1000
    watermark.save()
    assert deleted(forwards, 41) == []  # a change of it is to be sent
    assert deleted(config, 41) == ["2026-01-05"]  # nobody sends it
    fill(influx, "home", [START_S + 5])
    assert deleted(forwards, 62) == ["2026-01-05"]  # twice influx_days: Parquet has it


def test_seconds_and_minutes_go_when_their_time_has_come(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [START_S + 5, START_S + 3 * DAY_S])
    tiers = replace(config, history=replace(config.history, influx_days=2, second_days=5, minute_days=8))
    for later, kinds in ((4, 4), (5, 4), (6, 2), (7, 2), (9, 0)):
        snapshot(tiers, streams, START_S + later * DAY_S + SOON_S)
        if later == 7:
            ChangedHours(Path(config.data_dir)).note("home", [START_S * 1000], ("snapshot",))
        snapshot(tiers, streams, START_S + later * DAY_S + SOON_S)
        assert ChangedHours(Path(config.data_dir)).waiting("snapshot") == {}
        assert len([name for name in files(config) if "date=2026-01-05/" in name and "-day-" in name]) == kinds
    assert "building=home/date=2026-01-05/manifest.json" not in files(config)
    with pytest.raises(ConfigError, match="second_days"):
        run(replace(config, history=replace(config.history, influx_days=9, second_days=5)))


def test_nilm_edge_run_snapshots_by_itself(config: Config, influx: Influx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.stack._FIRST_SNAPSHOT_S", 0.0)
    fill(influx, "home", [int(time.time()) - 2 * DAY_S])
    stack = Stack(config, Path(config.data_dir))
    stack.snapshot_when_due()
    stack.snapshot_when_due()  # not again: it is at work, and then not due
    wait_until(lambda: any(name.endswith("manifest.json") for name in files(config)), what="a snapshot")
    stack.stop()
    assert same(config, influx)
