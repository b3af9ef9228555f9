"""nilm-snapshot when something is torn, lost, foreign, full, away or killed."""

import io
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from edge.adapters import files as files_adapter
from edge.adapters.changed_hours import ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.processes import lock
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.config_text import to_toml
from edge.errors import NilmError
from edge.settings import Config
from edge.snapshot import run
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


@pytest.mark.parametrize("later_s", [4 * HOUR_S, 3 * DAY_S])
def test_torn_and_missing_files_are_made_again(config: Config, streams: Streams, influx: Influx, later_s: int) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(2)])
    snapshot(config, streams, START_S + later_s)
    place = Path(config.data_dir) / "snapshots" / "building=home" / "date=2026-01-05"
    (mains, *_) = sorted(place.glob("mains-*"))
    (minutes, *_) = sorted(place.glob("appliance_1m-*"))
    mains.write_bytes(mains.read_bytes()[:-7])
    minutes.unlink()
    done = snapshot(config, streams, START_S + later_s)
    assert len(done["broken"]) == 2
    assert same(config, influx)
    assert mains.with_name(mains.name + ".broken").exists()
    flipped = bytearray(mains.read_bytes())
    flipped[100] ^= 1
    mains.write_bytes(flipped)
    assert snapshot(config, streams, START_S + later_s)["broken"] == []  # its size is right
    assert len(snapshot(config, streams, START_S + later_s, verify=True)["broken"]) == 1
    assert same(config, influx)
    assert snapshot(config, streams, START_S + later_s, verify=True)["broken"] == []


@pytest.mark.parametrize("later_s", [4 * HOUR_S, 3 * DAY_S])
@pytest.mark.parametrize("content", [b"", b'{"format": 1, "parts": [{', b'{"format": 99}', b"[]", None])
def test_a_lost_manifest_loses_nothing(
    config: Config, streams: Streams, influx: Influx, later_s: int, content: bytes | None
) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(2)])
    snapshot(config, streams, START_S + later_s)
    before = in_parquet(config, "home")
    for kind in ("mains", "appliance"):  # InfluxDB has it no longer
        influx.query("nilm", f"DELETE FROM {kind} WHERE building = $b", {"b": "home"})
    manifest = Path(config.data_dir) / "snapshots" / "building=home" / "date=2026-01-05" / "manifest.json"
    if content is None:
        manifest.unlink()
    else:
        manifest.write_bytes(content)
    snapshot(config, streams, START_S + later_s)
    assert in_parquet(config, "home") == before


@pytest.mark.parametrize("later_s", [4 * HOUR_S, 3 * DAY_S])
def test_minutes_outlive_their_seconds(config: Config, streams: Streams, influx: Influx, later_s: int) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(2)])
    snapshot(config, streams, START_S + later_s)
    for kind in ("mains", "appliance"):  # InfluxDB has it no longer
        influx.query("nilm", f"DELETE FROM {kind} WHERE building = $b", {"b": "home"})
    place = Path(config.data_dir) / "snapshots" / "building=home" / "date=2026-01-05"
    before = {file.name: file.read_bytes() for file in place.glob("*_1m-*")}
    for file in place.glob("appliance-*.parquet"):
        file.write_bytes(b"torn")
    fill(influx, "home", [START_S + HOUR_S], seed=4)
    ChangedHours(Path(config.data_dir)).note("home", [(START_S + HOUR_S) * 1000], ("snapshot",))
    assert snapshot(config, streams, START_S + later_s)["broken"]
    snapshot(config, streams, START_S + later_s)
    (day,) = SnapshotFolder(Path(config.data_dir)).days("home")
    stored = sum(part.rows for part in day.of("appliance_1m"))
    assert sum(part.rows for part in day.of("appliance")) == 4
    assert stored == 4 + sum(pq.read_table(io.BytesIO(old)).num_rows for name, old in before.items() if "appl" in name)


def test_a_mended_day_that_goes_on_loses_no_hour(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(2)])
    snapshot(config, streams, START_S + 4 * HOUR_S)
    place = Path(config.data_dir) / "snapshots" / "building=home" / "date=2026-01-05"
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    (place / "manifest.json").unlink()  # the files of the whole day are found: as if the day were compact and open
    fill(influx, "home", [START_S + 1], seed=4)
    fill(influx, "home", minute_of(20))
    snapshot(config, streams, START_S + 4 * HOUR_S)
    ChangedHours(Path(config.data_dir)).note("home", [START_S * 1000], ("snapshot",))
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    assert same(config, influx)


def test_foreign_files_are_left_alone(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", minute_of(0))
    root = Path(config.data_dir) / "snapshots"
    strange = ["notes.txt", "building=home/x.parquet", "building=home/date=2026-01-05/mains.parquet"]
    strange += ["building=home/date=yesterday/a", "building=..x/date=2026-01-05/manifest.json"]
    strange += ["building=home/date=2026-01-06/mains-day-000000000000.parquet"]
    for name in strange:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"mine")
    (root / "building=home/date=2026-01-05/manifest.json.part").write_bytes(b"half")
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    snapshot(config, streams, START_S + DAY_S + SOON_S)
    assert same(config, influx)
    assert set(strange[:-1]) <= set(files(config))
    assert not any(name.endswith(".part") for name in files(config))


def test_a_kill_at_any_write_costs_a_retry(
    config: Config, streams: Streams, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(influx, "home", [*minute_of(0), *minute_of(2), START_S + DAY_S + 5])
    snapshot(config, streams, START_S + 2 * HOUR_S)
    write, writes, deadly = files_adapter.write_whole, 0, 1

    def killed(file: Path, content: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes == deadly:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.with_name(file.name + ".part").write_bytes(content[:9])
            raise KeyboardInterrupt
        write(file, content)

    ChangedHours(Path(config.data_dir)).note("home", [START_S * 1000])
    fill(influx, "home", [START_S + 5], seed=9)
    with monkeypatch.context() as patch:
        patch.setattr("edge.adapters.snapshot_folder.write_whole", killed)
        while True:
            writes = 0
            try:
                snapshot(config, streams, START_S + 2 * DAY_S)
                break
            except KeyboardInterrupt:
                deadly += 1
            assert deadly < 30
    assert deadly > 5
    assert same(config, influx)
    snapshot(config, streams, START_S + 2 * DAY_S)
    assert len(files(config)) == 10


def test_influxdb_away_or_redis_away_is_said_and_tried_again(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", minute_of(0))
    away = replace(config, influx=replace(config.influx, url="http://127.0.0.1:1"))
    assert "InfluxDB" in str(snapshot(away, streams, START_S + DAY_S + SOON_S)["failed"])
    silent = Streams.connect("redis://127.0.0.1:1/0")
    assert "Redis is away" in str(snapshot(config, silent, START_S + DAY_S + SOON_S)["failed"])
    assert files(config) == []
    assert snapshot(config, streams, START_S + DAY_S + SOON_S)["failed"] == []
    assert same(config, influx)


def test_a_full_disk_is_said_and_the_next_run_goes_on(config: Config, influx: Influx, tmp_path: Path) -> None:
    fill(influx, "home", [int(time.time()) - 3 * DAY_S + n for n in range(0, 7200)])
    small = tmp_path / "small"
    small.mkdir()
    file = tmp_path / "config.toml"
    file.write_text(to_toml(replace(config, data_dir=str(small))))
    command = f'{sys.executable} -m edge snapshot --config "{file}" --json'
    script = f"""
mount -t tmpfs -o size=600k none "{small}" && head -c 500k /dev/zero > "{small}/other"
{command}; echo "first $?"; find "{small}" -name '*.part'
rm "{small}/other"; mount -o remount,size=20m "{small}"
{command}; echo "second $?"; ls "{small}/snapshots/building=home"/*
"""
    before = ["unshare", "--mount", "bash", "-c"] if os.geteuid() == 0 else ["unshare", "-rm", "bash", "-c"]
    done = subprocess.run([*before, script], capture_output=True, text=True, timeout=60, check=False)
    assert "No space left on device" in done.stderr
    assert "first 1\n" in done.stdout
    assert ".part\n" not in done.stdout
    assert "second 0\n" in done.stdout, done.stderr
    assert "manifest.json\n" in done.stdout


def test_a_torn_file_keeps_the_day_in_influxdb(config: Config, streams: Streams, influx: Influx) -> None:
    fill(influx, "home", [START_S + 5])
    snapshot(config, streams, START_S + 2 * DAY_S)
    place = Path(config.data_dir) / "snapshots" / "building=home" / "date=2026-01-05"
    (mains,) = place.glob("mains-*")
    content = bytearray(mains.read_bytes())
    content[50] ^= 1
    mains.write_bytes(content)
    assert snapshot(config, streams, START_S + 60 * DAY_S)["buildings"]["home"]["deleted_from_influx"] == []
    snapshot(config, streams, START_S + 60 * DAY_S)  # makes the day again, and then deletes it
    assert not in_influx(influx, "home")["mains"]
    assert len(in_parquet(config, "home")["mains"]) == 1


def test_one_snapshot_at_a_time(config: Config, influx: Influx, tmp_path: Path) -> None:
    influx.prepare()
    (tmp_path / "snapshots").mkdir()
    holder = lock(tmp_path / "snapshots" / ".lock")
    assert holder
    with holder, pytest.raises(NilmError, match="at work"):
        run(config)
    assert run(config)["failed"] == []
