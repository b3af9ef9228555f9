"""Backup and restore between real servers: what was asked of the old machine is answered the same by the new one."""

import json
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.adapters.accounts import Accounts
from edge.adapters.changed_hours import ChangedHours
from edge.adapters.files import written_whole
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.backup import run as backup
from edge.backup_contents import look
from edge.config import parse_config
from edge.config_text import to_toml
from edge.core.backup_manifest import STATE
from edge.core.grants import Caller, Role
from edge.core.presence import State
from edge.core.sample import Sample
from edge.persist import Outlet
from edge.restore import own_servers
from edge.settings import Config
from edge.snapshot import run as snapshot
from edge.unit import now_ms
from tests.servers import Servers, wait_until
from tests.services.appliance import COMMAND, Appliance, nilm_edge
from tests.services.history import fill, in_influx, in_parquet

SQL = "SELECT building, date, count(*) AS rows, sum(energy_kwh) AS kwh FROM appliance_1m GROUP BY ALL ORDER BY ALL"
NO_STATE = {
    "config.toml",
    "restored-config.toml",
    "lock",
    "log",
    "safe-mode",
    "mosquitto",
    "redis",
    "influxdb",
    "models",
}
NO_STATE |= {"accounts.db", "snapshots", "snapshot.duckdb", "secrets"}


@pytest.fixture
def home(config: Config, influx: Influx, streams: Streams, tmp_path: Path) -> Config:
    """40 days ago (by now in Parquet alone), three days ago, yesterday, just now; an hour that changed; a known gap."""
    while not 210 < time.time() % 3600 < 3480:
        time.sleep(1)  # the hour that is not yet closed is one and the same in all that follows
    now_s = int(time.time())
    midnight_s = now_s - now_s % 86400
    fill(influx, "home", range(midnight_s - 40 * 86400, midnight_s - 40 * 86400 + 60))
    for n, start_s in enumerate((midnight_s - 3 * 86400 + 3600, midnight_s - 86400 + 7200)):
        fill(influx, "home", range(start_s, start_s + 300), n)
        fill(influx, "barn", range(start_s, start_s + 60), n)
    config = replace(config, data_dir=str(tmp_path / "old"))
    snapshot(config)
    fill(influx, "home", range(midnight_s - 86400 + 9000, midnight_s - 86400 + 9010), 7)
    ChangedHours(Path(config.data_dir)).note("home", [(midnight_s - 86400 + 9000) * 1000])
    fill(influx, "home", range(now_s - 200, now_s - 100), 9)
    streams.add_event("home", State.SILENT, (midnight_s - 86400 + 7500) * 1000)
    streams.add_samples([Sample("home", (now_s - 90 + n) * 1000, 100.0 + n) for n in range(20)])
    return config


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Servers]:
    """The servers of another machine."""
    running = Servers(tmp_path / "new servers")
    running.start()
    yield running
    running.stop()


def _file(config: Config, tmp_path: Path, name: str) -> str:
    file = tmp_path / f"{name}.toml"
    file.write_text(to_toml(config))
    return str(file)


def _backup(config: Config, file: Path) -> dict[str, Any]:
    with written_whole(file) as out:
        return backup(config, out, lambda _: None)


def _asked(config_file: str) -> dict[str, Any]:
    gaps = json.loads(nilm_edge("gaps", "--json", "--config", config_file).stdout)
    status = json.loads(nilm_edge("status", "--json", "--config", config_file).stdout)
    found = {
        name: (said["stored"], [(gap["start"], gap["reason"]) for gap in said["gaps"]][:-1])  # the last is the present
        for name, said in gaps["buildings"].items()
    }
    answer = nilm_edge("query", "--json", SQL, "--config", config_file)
    assert answer.returncode == 0, answer.stderr
    counters = {name: said["counters"] for name, said in status["buildings"].items()}
    return {"query": json.loads(answer.stdout), "gaps": found, "counters": counters}


def _restored(config: Config) -> Config:
    """What waits in the spool is stored by nilm-persist."""
    outlet = Outlet(config, Streams.connect(config.redis.url), Influx.connect(config.influx))
    for _ in range(10):
        outlet.turn(0.01)
    assert outlet.figures()["spool_segments"] == 0
    return config


def test_a_new_machine_answers_as_the_old_one(home: Config, new: Servers, streams: Streams, tmp_path: Path) -> None:
    old, file = _file(home, tmp_path, "old"), tmp_path / "home.tar"
    unmounted = nilm_edge("backup", str(tmp_path / "usb" / "home.tar"), "--config", old)
    assert (unmounted.returncode, unmounted.stderr) == (1, f"nilm-edge: there is no folder {tmp_path / 'usb'}\n")
    done = nilm_edge("backup", str(file), "--json", "--no-snapshot", "--config", old)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["buildings"], said["days"], said["newest_hours"]) == (["barn", "home"], 5, 2)
    assert file.stat().st_mode & 0o777 == 0o600
    assert nilm_edge("restore", str(file), "--check").returncode == 0
    config = replace(new.config, data_dir=str(tmp_path / "new"), history=home.history)
    there = _file(config, tmp_path, "new")
    Streams.connect(config.redis.url).beat("persist", {"beat_ms": now_ms()})
    refused = nilm_edge("restore", str(file), "--config", there)
    assert (refused.returncode, "persist must be stopped first" in refused.stderr) == (1, True)
    assert not Path(config.data_dir).exists()
    Streams.connect(config.redis.url).beat("persist", {"beat_ms": 0})
    done = nilm_edge("restore", str(file), "--config", there)
    assert done.returncode == 0, done.stderr
    Outlet(home, streams, Influx.connect(home.influx)).turn(0.01)  # the old machine stores what it had waiting
    _restored(config)
    for building in ("home", "barn"):
        assert in_influx(Influx.connect(config.influx), building) == in_influx(Influx.connect(home.influx), building)
        assert in_parquet(config, building) == in_parquet(home, building)
    assert _asked(there) == _asked(old)
    snapshot(config)
    snapshot(home)
    assert in_parquet(config, "home") == in_parquet(home, "home")
    noted, before = (ChangedHours(Path(one.data_dir)).waiting("sync")["home"] for one in (config, home))
    assert set(noted) >= set(before)


def test_nilm_edge_run_goes_on_in_a_restored_folder(home: Config, tmp_path: Path) -> None:
    tuned = replace(home, backfill=replace(home.backfill, days_back=3))
    file, there = tmp_path / "home.tar", tmp_path / "new home"
    with file.open("wb") as out:
        command = [*COMMAND, "backup", "-", "--config", _file(tuned, tmp_path, "old")]
        assert subprocess.run(command, stdout=out, timeout=60, check=False).returncode == 0
    with file.open("rb") as stream:
        command = [*COMMAND, "restore", "-", "--json", "--data-dir", str(there)]
        done = subprocess.run(command, stdin=stream, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["days_in_influx"] == 4
    stored = in_influx(Influx.connect(home.influx), "home")
    with Appliance(there, "--config", str(there / "restored-config.toml")) as appliance:
        appliance.wait_live(60)
        assert appliance.config.backfill.days_back == 3
        now = in_influx(appliance.influx, "home")
        of_simulator_ms = int(time.time() - 4000) * 1000
        for kind, rows in stored.items():
            assert now[kind] >= {row for row in rows if row[1] < of_simulator_ms}
        answer = nilm_edge("query", "--json", SQL, "--config", str(there / "config.toml"))
        assert len(json.loads(answer.stdout)) == 5
        live = nilm_edge("backup", str(tmp_path / "live.tar"), "--config", str(there / "config.toml"))
        assert live.returncode == 0, live.stdout
        names = {entry.name for entry in there.iterdir() if entry.suffix != ".json"}
        assert names <= NO_STATE | set(STATE), "is it state? Then name it in edge/core/backup_manifest.py, else here"
        again = nilm_edge("restore", str(file), "--data-dir", str(there))
        assert again.returncode == 1
        assert "is not empty" in again.stderr
        forced = nilm_edge("restore", str(file), "--data-dir", str(there), "--force")
        assert forced.returncode == 1
        assert "stop it first" in forced.stderr


def test_force_moves_aside_what_was_there(home: Config, tmp_path: Path) -> None:
    file, there = tmp_path / "home.tar", tmp_path / "new"
    assert _backup(home, file)["left_out"] == ()
    (there / "snapshots").mkdir(parents=True)
    (there / "snapshots" / "mine").write_text("mine")
    refused = nilm_edge("restore", str(file), "--data-dir", str(there))
    assert (refused.returncode, [*there.iterdir()]) == (1, [there / "snapshots"])
    done = nilm_edge("restore", str(file), "--data-dir", str(there), "--force")
    assert done.returncode == 0, done.stderr
    (aside,) = there.glob("before-restore-*")
    assert (aside / "snapshots" / "mine").read_text() == "mine"
    assert in_parquet(replace(home, data_dir=str(there)), "home") == in_parquet(home, "home")


def test_killed_at_any_moment_the_same_command_ends_it(home: Config, tmp_path: Path) -> None:
    file, there = tmp_path / "home.tar", tmp_path / "new"
    assert _backup(home, file)["left_out"] == ()
    command = [*COMMAND, "restore", str(file), "--data-dir", str(there)]
    killed = 0
    for after in ("restoring", "influxdb/data/nilm", "restoring/files/models", "snapshots"):
        victim = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(lambda after=after, victim=victim: (there / after).exists() or victim.poll() is not None)  # type: ignore[misc]
        victim.kill()
        victim.communicate(timeout=10)
        killed += (there / "restoring").exists()
        if after == "influxdb/data/nilm":
            refused = nilm_edge("run", "--data-dir", str(there))
            assert refused.returncode == 1
            assert "A restore into" in refused.stderr
    assert killed >= 3
    done = subprocess.run([*command, *([] if (there / "restoring").exists() else ["--force"])], timeout=60, check=False)
    assert done.returncode == 0
    assert not (there / "restoring").exists()
    assert in_parquet(replace(home, data_dir=str(there)), "home") == in_parquet(home, "home")
    with own_servers(replace(home, data_dir=str(there))) as servers:
        for building in ("barn", "home"):
            there_now = in_influx(Influx.connect(servers.influx), building)
            assert there_now == in_influx(Influx.connect(home.influx), building)


def test_secrets_come_along_only_when_asked_for(config: Config, influx: Influx, tmp_path: Path) -> None:
    fill(influx, "home", [int(time.time()) - 7200])
    token, password, admin = tmp_path / "token", tmp_path / "mqtt password", tmp_path / "admin"
    token.write_text("s3cret-token\n")
    password.write_text("s3cret-password\n")
    admin.write_text("s3cret-admin\n")
    url = config.redis.url.replace("redis://", "redis://:s3cret-url@")
    secret = replace(
        config,
        data_dir=str(tmp_path / "old"),
        influx=replace(config.influx, token="s3cret-inline", token_file=str(token)),
        mqtt=replace(config.mqtt, password_file=str(password)),
        redis=replace(config.redis, url=url),
        central=replace(config.central, url="https://me:s3cret-central@influx.example"),
        gateway=replace(
            config.gateway, admin_token_file=str(admin), jwt=replace(config.gateway.jwt, secret_file="by-systemd")
        ),
    )
    Accounts(tmp_path / "old").add(Caller("anna", Role.ADMIN, ()), "s3cret-hash")
    old, bare, whole = _file(secret, tmp_path, "old"), tmp_path / "bare.tar", tmp_path / "whole.tar"
    done = nilm_edge("backup", str(bare), "--config", old)
    assert (
        "Secrets are not in it: central.url, gateway.admin_token_file, gateway.jwt.secret_file, influx.token, "
        "influx.token_file, mqtt.password_file, redis.url, the accounts\n"
    ) in done.stdout
    assert b"s3cret" not in bare.read_bytes()
    done = nilm_edge("backup", str(whole), "--with-secrets", "--config", old)
    assert "It holds passwords and tokens" in done.stdout
    assert "Secrets are not in it: gateway.jwt.secret_file (the credential by-systemd)\n" in done.stdout
    assert whole.stat().st_mode & 0o777 == 0o600
    for word in ("inline", "token", "password", "url", "admin", "hash", "central"):
        assert f"s3cret-{word}".encode() in whole.read_bytes()
    there = tmp_path / "new"
    assert nilm_edge("restore", str(whole), "--data-dir", str(there)).returncode == 0
    assert (there / "secrets" / "influx.token_file").read_text() == "s3cret-token\n"
    assert (there / "secrets" / "influx.token_file").stat().st_mode & 0o777 == 0o600
    restored = parse_config((there / "restored-config.toml").read_text(), "")
    assert restored.influx.token_file == f"{there}/secrets/influx.token_file"
    assert restored.gateway.admin_token_file == f"{there}/secrets/gateway.admin_token_file"
    assert restored.gateway.jwt.secret_file == "by-systemd"
    assert (there / "restored-config.toml").stat().st_mode & 0o777 == 0o600
    assert Accounts(there).password_of("anna") == "s3cret-hash"
    assert (there / "accounts.db").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_had_is_left_out_and_told(home: Config, tmp_path: Path) -> None:
    part = min(Path(home.data_dir).glob("snapshots/building=barn/date=*/mains-day-*.parquet"))
    part.write_bytes(part.read_bytes()[:-5])
    away = replace(
        home,
        influx=replace(home.influx, url="http://127.0.0.1:1"),
        redis=replace(home.redis, url="redis://127.0.0.1:1/0"),
    )
    file = tmp_path / "home.tar"
    done = _backup(away, file)
    assert [part.name in why for why in done["left_out"]] == [False, False, True]
    with file.open("rb") as stream:
        assert look(stream).manifest.left_out == done["left_out"]


def test_standard_tools_open_it(home: Config, tmp_path: Path) -> None:
    file = tmp_path / "home.tar"
    assert _backup(home, file)["left_out"] == ()
    subprocess.run(["tar", "-xf", str(file), "-C", str(tmp_path)], check=True)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    with tarfile.open(file) as archive:
        assert archive.getnames() == [
            *(member["name"] for member in manifest["members"]),
            "manifest.json",
            "manifest.sha256",
        ]
    subprocess.run(["sha256sum", "--check", "--quiet", "manifest.sha256"], check=True, cwd=tmp_path)
    assert (tmp_path / "models" / "registry.json").exists()
