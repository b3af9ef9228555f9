"""Versions on a booted Debian: tried out, taken, given up by themselves and by hand, with every sample counted.

And one file on the boot partition that makes the box, at its next boot.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.data_version import FILE, STEPS, version_of
from tests.appliance.booted import Booted, fresh, scratch
from tests.appliance.machine import REPOSITORY, checked
from tests.appliance.packages import FAILS, HANGS, as_version, made_before, made_for
from tests.appliance.test_installed import (
    RECEIVES,
    OutsideMeter,
    check_nothing_is_left,
    install,
    nothing_lost,
    token_of_an_admin,
    visited,
    write_meter_down,
)

pytestmark = pytest.mark.appliance

WITHOUT_S = 5.0
FLEET = """\
[gateway]
port = 8090
admin_token = "a token of more than thirty-two letters"

[account]
name = "anna"
password = "the first password"

[homeassistant]
id = "nilm-{id}"
"""
ASK = """\
import sys, urllib.request as u
url, header, value, body = sys.argv[1:]
print(u.urlopen(u.Request(url, body.encode() or None, {header: value})).status)
"""
THEIR_OWN, AS_BEFORE = ("active", True), ("inactive", False)
Record = Callable[[str, float], None]


@pytest.fixture
def folder(suite: str) -> Iterator[Path]:
    with scratch(suite, "versions") as folder:
        yield folder


@pytest.fixture
def machine(suite: str, folder: Path) -> Iterator[Booted]:
    with fresh(suite, folder) as machine:
        yield machine


def upgrade(machine: Booted, package: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(package, machine.tree / "root")
    return machine.run(f"nilm-edge upgrade /root/{package.name}")


def runs(machine: Booted) -> tuple[str, str]:
    """The version that its links name, and the one that answers."""
    said = machine.check("readlink /opt/nilm-edge/current; nilm-edge --version").split()
    return said[0], said[-1]


class Lag:
    """Looks from outside how far what is stored is behind."""

    def __init__(self, machine: Booted) -> None:
        self._process = subprocess.Popen(
            [*machine.beside, sys.executable, "-m", "tests.appliance.stored_lag"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def worst_s(self) -> float:
        return float(self._process.communicate("\n", timeout=30)[0])


def test_versions_come_and_go_without_a_second_lost(machine: Booted, suite: str, folder: Path, record: Record) -> None:
    package = made_for(suite)
    install(machine, package)
    first = runs(machine)[0]
    write_meter_down(machine)
    machine.check("nilm-edge-apply")
    meter = OutsideMeter(machine)  # the broker keeps what it says from now on: somebody listens
    try:
        machine.wait_for(RECEIVES, 90)

        next_one = as_version(package, "99.1", folder)
        refused_without_room(machine, next_one)
        lag = Lag(machine)
        done = upgrade(machine, next_one)
        without_s = lag.worst_s()
        assert (done.returncode, runs(machine)) == (0, ("99.1", "99.1")), done.stdout
        record("upgrade: newest stored second behind at worst, s", without_s)

        broken = upgrade(machine, as_version(package, "99.2", folder, broken="ingest", how=FAILS))
        assert (broken.returncode, runs(machine)) == (1, ("99.1", "99.1"))
        assert "nothing was changed" in broken.stdout

        hangs = upgrade(machine, as_version(package, "99.3", folder, broken="ingest", how=HANGS))
        assert (hangs.returncode, runs(machine)) == (1, ("99.1", "99.1")), hangs.stdout
        assert "99.1 runs again" in hangs.stdout
        machine.wait_for(RECEIVES, 90)

        back = upgrade(machine, as_version(package, "99.4", folder, novelty=True))
        assert (back.returncode, runs(machine), units(machine)) == (0, ("99.4", "99.4"), THEIR_OWN), back.stdout
        machine.check("nilm-edge rollback")
        assert (runs(machine), units(machine)) == (("99.1", "99.1"), AS_BEFORE)
        machine.wait_for(RECEIVES, 90)
        assert first != "99.1"

        made_by_one_file(machine)
        assert units(machine) == AS_BEFORE
        machine.check("nilm-edge rollback")
        assert (runs(machine), units(machine)) == (("99.4", "99.4"), THEIR_OWN)
        machine.check("nilm-edge rollback")
        done = upgrade(machine, as_version(package, "99.5", folder))  # which does not have what 99.4 had
        assert (done.returncode, runs(machine), units(machine)) == (0, ("99.5", "99.5"), AS_BEFORE), done.stdout
        machine.check("nilm-edge rollback")
        machine.wait_for(RECEIVES, 90)
        found = meter.count()
    finally:
        meter.close()
    assert found == nothing_lost(found)
    machine.check("DEBIAN_FRONTEND=noninteractive apt-get purge -y nilm-edge")
    (machine.tree / "boot/firmware/nilm-edge.done.toml").unlink()
    check_nothing_is_left(machine)
    assert without_s - 1 <= WITHOUT_S  # a second is stored once it is over


def test_an_earlier_version_s_data_goes_along(machine: Booted, suite: str, folder: Path) -> None:
    """From the first package that there was, whose data has no version, to this one, and back, and here again."""
    data = machine.tree / "var/lib/nilm-edge"
    install(machine, made_before(suite))
    first = runs(machine)
    write_meter_down(machine)
    machine.check("nilm-edge-apply")
    meter = OutsideMeter(machine)
    try:
        machine.wait_for(RECEIVES, 90)
        token = token_of_an_admin(machine)
        config = (machine.tree / "etc/nilm-edge/config.toml").read_bytes()
        assert not (data / FILE).exists()

        install(machine, as_version(made_for(suite), "99.1", folder))
        machine.wait_for(RECEIVES, 90)
        assert runs(machine) == ("99.1", "99.1")
        assert version_of(data) == len(STEPS)
        assert (machine.tree / "etc/nilm-edge/config.toml").read_bytes() == config
        assert '"service":"redis"' in visited(machine, "/admin/log?service=redis", token)

        machine.check("nilm-edge rollback")
        machine.wait_for(RECEIVES, 90)
        assert (runs(machine), version_of(data)) == (first, 0)
        machine.check("/opt/nilm-edge/previous/bin/nilm-edge rollback")  # the earlier one has no such command
        machine.wait_for(RECEIVES, 90)
        assert (runs(machine), version_of(data)) == (("99.1", "99.1"), len(STEPS))
        found = meter.count()
    finally:
        meter.close()
    assert found == nothing_lost(found)


def refused_without_room(machine: Booted, package: Path) -> None:
    """By apt, where the version that runs lies on a disk with little room: it goes on, and dpkg knows it as whole."""

    def state() -> str:
        services = "systemctl show nilm-ingest nilm-persist nilm-gateway -P MainPID"
        return machine.check(f"{services}; dpkg-query -W nilm-edge; dpkg --audit; find /opt/nilm-edge | sort")

    shutil.copy(package, machine.tree / "root")
    before = state()
    machine.check(
        "mkdir /run/small && mount -t tmpfs -o size=$(($(du -sm /opt/nilm-edge | cut -f 1) + 64))M tmpfs /run/small &&"
        "cp -a /opt/nilm-edge/. /run/small && mount --bind /run/small /opt/nilm-edge"
    )
    done = machine.run(f"cd /root && apt-get install -y ./{package.name}")
    after = state()
    machine.check("umount /opt/nilm-edge /run/small && rmdir /run/small")
    assert done.returncode
    assert "MB are needed for 99.1; nothing was changed" in done.stdout
    assert after == before


def units(machine: Booted) -> tuple[str, bool]:
    """Whether the service that 99.4 alone has runs, and whether nilm-infer is as 99.4 has it."""
    novelty = machine.run("systemctl is-active nilm-novelty").stdout.strip()
    machine.wait_for("systemctl -q is-active nilm-infer", 30)
    return novelty, "NILM_NOVELTY" in machine.check(
        "tr '\\0' '\\n' </proc/$(systemctl show nilm-infer -P MainPID)/environ"
    )


def made_by_one_file(machine: Booted) -> None:
    """At the next boot, before services start."""
    boot = machine.tree / "boot/firmware"
    boot.mkdir(parents=True)
    (boot / "nilm-edge.toml").write_text(FLEET)
    machine.reboot()
    machine.wait_for(RECEIVES, 90)
    number = machine.check("nilm-edge provision --id").strip()
    config = json.loads(machine.check("nilm-edge config --json"))
    assert (config["gateway"]["port"], config["homeassistant"]["id"]) == (8090, f"nilm-{number}")
    assert {file.name for file in boot.iterdir()} == {"nilm-edge.done.toml"}
    assert "the first password" not in (boot / "nilm-edge.done.toml").read_text()
    assert not list((machine.tree / "var/lib/nilm-edge/new-accounts").iterdir())
    kept = machine.check("stat -c '%a %U' /etc/nilm-edge/secrets/gateway/admin_token /etc/nilm-edge/config.toml")
    assert kept.split() == ["600", "root", "640", "root"]
    assert "the first password" not in machine.check("journalctl --no-pager -o json")
    for path, header, value, body in (
        ("metrics", "Authorization", "Bearer a token of more than thirty-two letters", ""),
        ("api/login", "Content-Type", "application/json", '{"name": "anna", "password": "the first password"}'),
    ):
        url = f"http://127.0.0.1:8090/{path}"
        assert checked(*machine.beside, sys.executable, "-c", ASK, url, header, value, body).strip() == "200"
