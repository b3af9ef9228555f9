"""`nilm-edge doctor`: what it finds on a machine without asking a server, and its self-test."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from edge.doctor import files, machine
from edge.doctor.finding import Finding, Level, Look
from edge.models_folder import SHIPPED_DIR
from edge.safe_mode import FLAG, RUNNING, why_safe
from edge.self_test import self_test
from edge.settings import Config
from edge.unit import now_ms


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine's /proc and /etc, to be filled in."""
    for folder in ("proc", "etc/systemd/journald.conf.d", "run"):
        (tmp_path / "root" / folder).mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def look(tmp_path: Path, root: Path) -> Look:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    return Look(replace(Config(), data_dir=str(data_dir)), None, now_ms(), root)


def alone(found: Iterator[Finding], level: Level) -> Finding:
    (one,) = found
    assert one.level is level, one
    assert bool(one.do and one.means) is (level is not Level.OK)
    return one


def test_a_disk_with_room_with_little_and_with_none(look: Look) -> None:
    free_mb = shutil.disk_usage(look.config.data_dir).free // 1_000_000
    assert alone(machine.disk(look), Level.OK)
    little = replace(look, config=replace(look.config, disk_reserve_mb=min(free_mb // 2, 1_000_000)))
    assert "MB free" in alone(machine.disk(little), Level.WARNING).said
    none = replace(look, config=replace(look.config, disk_reserve_mb=2 * free_mb))
    assert "InfluxDB is given nothing" in alone(machine.disk(none), Level.FAULT).means


class Disk(NamedTuple):
    f_bavail: int = 10**9
    f_frsize: int = 4096
    f_files: int = 1000
    f_favail: int = 900
    f_flag: int = 0


@pytest.mark.parametrize(("disk", "said"), [(Disk(f_flag=1), "read-only"), (Disk(f_favail=3), "more files")])
def test_a_disk_that_takes_no_files(look: Look, disk: Disk, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "statvfs", lambda _place: disk)  # type: ignore[attr-defined]
    assert said in alone(machine.disk(look), Level.FAULT).said


def test_a_clock_that_cannot_be_right_or_that_nothing_keeps(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    in_1970 = replace(look, now_ms=10_000)
    assert "1970" in alone(machine.clock(in_1970), Level.FAULT).said
    assert "2100" in alone(machine.clock(replace(look, now_ms=4_102_444_800_000)), Level.FAULT).said
    for kept, level in ((True, Level.OK), (False, Level.WARNING)):
        monkeypatch.setattr(machine, "is_synchronised", lambda kept=kept: kept)
        assert alone(machine.clock(look), level)


def test_memory(look: Look) -> None:
    meminfo, vmstat = look.root / "proc/meminfo", look.root / "proc/vmstat"
    meminfo.write_text("MemTotal:  1000000 kB\nMemAvailable:  500000 kB\n")
    vmstat.write_text("nr_free_pages 12\noom_kill 0\n")
    assert alone(machine.memory(look), Level.OK)
    meminfo.write_text("MemTotal:  1000000 kB\nMemAvailable:  50000 kB\n")
    assert "50 of 1000 MB" in alone(machine.memory(look), Level.WARNING).said
    meminfo.unlink()
    vmstat.write_text("oom_kill 2\n")
    assert "ended 2 programs" in alone(machine.memory(look), Level.WARNING).said


def test_a_time_zone(look: Look) -> None:
    for name, level in (("Europe/Brussels", Level.OK), ("UTC", Level.OK), ("Mars/Base", Level.FAULT)):
        zoned = replace(look.config, history=replace(look.config.history, timezone=name))
        assert alone(machine.time_zone(replace(look, config=zoned)), level)


def test_a_machine_in_utc_by_default_is_told(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC

    monkeypatch.setattr(machine, "zone", lambda _name: UTC)
    assert "midnight UTC" in alone(machine.time_zone(look), Level.WARNING).means


def test_an_sd_card_is_spared_or_worn_out(look: Look) -> None:
    mounts = look.root / "proc/mounts"
    mounts.write_text("/dev/sda1 / ext4 rw,relatime 0 0\n")
    assert "none" in alone(machine.sd_card(look), Level.OK).said
    mounts.write_text("/dev/mmcblk0p2 / ext4 rw,relatime 0 0\n")
    (look.root / "proc/swaps").write_text("Filename Type\n/var/swap file 102396 0 -2\n")
    hints = alone(machine.sd_card(look), Level.WARNING).said
    assert "noatime" in hints
    assert "SystemMaxUse" in hints
    assert "dphys-swapfile" in hints
    mounts.write_text("/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n")
    (look.root / "proc/swaps").unlink()
    (look.root / "etc/systemd/journald.conf.d/nilm-edge.conf").write_text("[Journal]\nSystemMaxUse=100M\n")
    assert "spared" in alone(machine.sd_card(look), Level.OK).said
    throttled = look.root / "sys/devices/platform/soc/soc:firmware/get_throttled"
    throttled.parent.mkdir(parents=True)
    throttled.write_text("50005\n")
    *_, power = machine.sd_card(look)
    assert (power.check, power.level) == ("power", Level.WARNING)


def test_secrets_are_private_and_there(look: Look, tmp_path: Path) -> None:
    assert alone(files.permissions(look), Level.OK)
    token = tmp_path / "token"
    influx = replace(look.config.influx, token_file=str(token))
    told = replace(look, config=replace(look.config, influx=influx))
    assert "influx.token_file" in alone(files.permissions(told), Level.FAULT).said
    token.write_text("secret")
    token.chmod(0o644)
    assert "chmod 600" in alone(files.permissions(told), Level.WARNING).do
    token.chmod(0o600)
    assert alone(files.permissions(told), Level.OK)
    credential = replace(look.config, influx=replace(influx, token_file="influx-token"))
    assert alone(files.permissions(replace(look, config=credential)), Level.OK)


def test_a_configuration_with_a_secret_is_private(look: Look, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    file.chmod(0o644)
    assert alone(files.permissions(replace(look, config_file=file)), Level.OK)
    secret = replace(look.config, redis=replace(look.config.redis, url="redis://:hunter2@127.0.0.1/0"))
    told = alone(files.permissions(replace(look, config_file=file, config=secret)), Level.WARNING)
    assert str(file) in told.said
    assert "hunter2" not in f"{told}"


def test_a_data_folder_that_is_not_there_or_open(look: Look) -> None:
    place = Path(look.config.data_dir)
    (place / "accounts.db").write_text("")
    (place / "accounts.db").chmod(0o644)
    assert "accounts.db" in alone(files.permissions(look), Level.WARNING).said
    (place / "accounts.db").unlink()
    place.rmdir()
    assert "No such file" in alone(files.permissions(look), Level.FAULT).said


def test_a_model_that_is_not_what_the_registry_says(look: Look, tmp_path: Path) -> None:
    assert alone(files.models(look), Level.OK)
    folder = tmp_path / "models"
    shutil.copytree(SHIPPED_DIR, folder)
    other = replace(look.config, infer=replace(look.config.infer, models_dir=str(folder)))
    graph = next(folder.glob("*-step.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    assert "sha256" in alone(files.models(replace(look, config=other)), Level.FAULT).said


def test_who_asked_for_safe_mode(look: Look) -> None:
    assert why_safe(look.config, look.root) == ""
    (look.root / "proc/cmdline").write_text("root=/dev/mmcblk0p2 nilm-edge.safe quiet\n")
    assert "kernel" in why_safe(look.config, look.root)
    (look.root / "proc/cmdline").write_text("root=/dev/mmcblk0p2 quiet\n")
    assert why_safe(look.config, look.root) == ""
    (look.root / RUNNING).parent.mkdir()
    (look.root / RUNNING).write_text("")
    assert "nilm-edge-safe.target" in why_safe(look.config, look.root)
    (look.root / RUNNING).unlink()
    (Path(look.config.data_dir) / FLAG).write_text("")
    assert "--safe" in why_safe(look.config, look.root)


def test_the_self_test_of_this_installation() -> None:
    found = self_test()
    assert {one.check for one in found} == {"imports", "step and window", "reference"}
    assert {one.level for one in found} == {Level.OK}, found


def test_the_self_test_finds_another_result(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(SHIPPED_DIR, folder)
    (file,) = folder.glob("*-reference.npz")
    with np.load(file) as stored:
        known = dict(stored)
    few, many = slice(0, 1), slice(None)
    changes = (
        ("layers", few, 1, Level.OK),
        ("layers", few, 2, Level.FAULT),
        ("layers", many, 1, Level.FAULT),
        ("y", few, 5.0, Level.FAULT),
    )
    for name, part, step, level in changes:
        other = known[name].copy()
        other[part, :3] += step
        other[part, 100:200] += step
        np.savez(file, **{**known, name: other})
        assert self_test(folder)[-1].level is level, (name, step)
    file.write_bytes(b"torn")
    assert "cannot be compared" in self_test(folder)[-1].means
    next(folder.glob("*-step.onnx")).unlink()
    assert "off" in self_test(folder)[-1].said
