"""`sudo ./scripts/install.sh` in a clone, into a system that is not running: as where an image is made."""

from pathlib import Path

import pytest

from tests.appliance.machine import Machine
from tests.appliance.test_fresh_machine import CHECKOUT, clone

pytestmark = pytest.mark.appliance


def install(machine: Machine, options: str = "", code: int = 0) -> str:
    done = machine.run(f'cd "{CHECKOUT}" && ./scripts/install.sh {options}')
    assert done.returncode == code, done.stdout
    return done.stdout


def is_there(machine: Machine, package: str) -> bool:
    return machine.run(f"dpkg-query -W -f='${{db:Status-Status}}' {package} | grep -qx installed").returncode == 0


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
