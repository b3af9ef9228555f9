"""`sudo ./scripts/install.sh` in a clone: into a system that does not run, as for an image, and into one that does."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.appliance.booted import Booted, bootable_tree, scratch
from tests.appliance.machine import Machine, _environment, checked
from tests.appliance.test_fresh_machine import CHECKOUT, clone
from tests.appliance.test_installed import RECEIVES, check_nothing_is_left, check_page, check_units
from tests.appliance.way_out import way_out

pytestmark = pytest.mark.appliance


def install(machine: Machine, options: str = "", code: int = 0) -> str:
    done = machine.run(f'cd "{CHECKOUT}" && ./scripts/install.sh {options}')
    assert done.returncode == code, done.stdout
    return done.stdout


def is_there(machine: Machine, package: str) -> bool:
    return machine.run(f"dpkg-query -W -f='${{db:Status-Status}}' {package} | grep -qx installed").returncode == 0


@pytest.mark.parametrize("suite", ["bookworm"])
def test_from_a_clone_to_an_image_and_back(machine: Machine, bundle: Path) -> None:
    clone(machine, bundle)
    machine.run(f'useradd anna && chown -R anna "{CHECKOUT}"')
    assert "unknown option --nonsense" in install(machine, "--nonsense", code=2)

    install(machine, "--influx-url http://nas.local:8086 --mqtt-host broker.local:1884")
    assert [is_there(machine, name) for name in ("nilm-edge", "redis-server", "influxdb", "mosquitto")] == [
        *(True, True, False, False)
    ]
    said = machine.run("nilm-edge config").stdout
    for line in ('url = "http://nas.local:8086"', 'host = "broker.local"', "port = 1884"):
        assert line in said
    assert machine.run("stat -c '%U %G %a' /etc/nilm-edge/config.toml").stdout.split() == ["root", "nilm-edge", "640"]
    assert machine.run("systemctl is-enabled nilm-edge.target nilm-ingest").stdout.split() == ["enabled"] * 2
    left = machine.run(f'find "{CHECKOUT}" -user root').stdout
    assert left == ""  # nothing that its owner could not remove

    assert "is installed as it is" in install(machine)
    assert "stays as it is" not in install(machine, "--influx-url http://nas.local:8086")
    machine.run(f'echo "# new" >>"{CHECKOUT}/README.md"')
    assert "stays as it is" in install(machine, "--influx-url http://other.local:8086", code=2)

    install(machine, "--uninstall")
    assert not is_there(machine, "nilm-edge")
    assert "nas.local" in machine.run("cat /etc/nilm-edge/config.toml").stdout
    install(machine, "--purge")
    found = machine.run("find / -xdev -iname '*nilm*' -not -path '/home/*' -not -path '/proc/*'").stdout.splitlines()
    assert [path for path in found if not path.startswith(("/var/lib/apt/", "/var/cache/", "/var/log/"))] == []


BUILD_TOOLS = "python3 python3-venv python3-dev gcc libc6-dev pkg-config libsystemd-dev"


@pytest.mark.parametrize("suite", ["trixie"])
def test_a_clone_installs_on_a_running_debian(suite: str, bundle: Path, record: Callable[[str, float], None]) -> None:
    """What apt takes is downloaded before, for such a machine has no network; pip goes through this host's."""
    with scratch(suite, "clone") as folder:
        tree = folder / "tree"
        checked("cp", "--archive", "--reflink=auto", str(bootable_tree(suite)), str(tree))
        with Machine(tree) as bare:
            done = bare.run(f"apt-get update && apt-get install -y --download-only {BUILD_TOOLS}")
            assert done.returncode == 0, done.stdout
        shutil.copy(bundle, tree / "srv/nilm.bundle")
        with Booted(tree) as machine, way_out(machine.network) as proxy:
            names = {**_environment(), "HTTPS_PROXY": proxy}
            environment = " ".join(f"{name}='{value}'" for name, value in names.items())
            machine.check(f"useradd anna && git clone -q /srv/nilm.bundle '{CHECKOUT}' && chown -R anna '{CHECKOUT}'")
            script = f"cd '{CHECKOUT}' && {environment} ./scripts/install.sh"
            began_s = time.monotonic()
            assert "http://127.0.0.1:8080/" in machine.check(script, 1500)
            record("scripts/install.sh on a running system, s", time.monotonic() - began_s)
            machine.check("systemctl enable --now nilm-simulator && sleep 12")
            machine.wait_for(RECEIVES, 90)
            check_units(machine)
            check_page(machine)
            assert "is installed as it is in this clone" in machine.check(script)
            machine.check(f"{script} --purge && rm -rf '{CHECKOUT}' /srv/nilm.bundle")
            check_nothing_is_left(machine)
