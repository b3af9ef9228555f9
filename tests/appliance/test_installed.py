"""The package on a booted Debian: installed as a user does, ill-treated, upgraded, removed; every sample counted."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.appliance.booted import Booted, fresh, scratch
from tests.appliance.figures import figures
from tests.appliance.long_running import (
    LONG_RUNNING,
    SIMULATED,
    central_server,
    kill_each,
    run_them_all,
    stop_each_until_its_watchdog_ends_it,
)
from tests.appliance.machine import REPOSITORY, Machine
from tests.appliance.outside_meter import TOPIC
from tests.appliance.packages import as_version, made_for
from tests.servers import wait_until

pytestmark = pytest.mark.appliance

LIVE = ["nilm-ingest", "nilm-infer", "nilm-persist", "nilm-gateway"]
SERVERS = ["mosquitto", "redis-server", "influxdb"]
MOST_EXPOSURE = 1.5
METER = {"family": "generic", "topic": TOPIC, "power": "power_w", "time": "at_ms"}
RECEIVES = "nilm-edge ready --within 60 --json | grep -q '\"receives\": true'"
Record = Callable[[str, float], None]


@pytest.fixture
def folder(suite: str) -> Iterator[Path]:
    with scratch(suite, "installed") as folder:
        yield folder


@pytest.fixture
def machine(suite: str, folder: Path) -> Iterator[Booted]:
    with fresh(suite, folder) as machine:
        yield machine


class OutsideMeter:
    """Measures from now on; at its end says what became of its readings."""

    def __init__(self, machine: Booted, *central: str) -> None:
        self._process = subprocess.Popen(
            [*machine.beside, sys.executable, "-m", "tests.appliance.outside_meter", *central],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def count(self) -> dict[str, object]:
        said, _ = self._process.communicate("\n", timeout=120)
        found: dict[str, object] = json.loads(said)
        return found

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def central(machine: Booted, folder: Path) -> Iterator[str]:
    with central_server(machine, folder) as url:
        yield url


@pytest.fixture
def meter(machine: Booted, central: str) -> Iterator[Callable[[], OutsideMeter]]:
    started: list[OutsideMeter] = []

    def start() -> OutsideMeter:
        started.append(OutsideMeter(machine, central))
        return started[-1]

    yield start
    for one in started:
        one.close()


def nothing_lost(found: dict[str, object]) -> dict[str, object]:
    """What a count says where all that was sent is there as it was sent."""
    return {
        **{"sent": found["sent"], "acknowledged": found["sent"], "unacknowledged": 0, "not_forwarded": []},
        **{"missing": [], "doubled": 0, "altered": 0, "invented": 0, "unpredicted": []},
    }


def install(machine: Booted, package: Path) -> str:
    """As a user does; what apt and the package said."""
    shutil.copy(package, machine.tree / "root")
    return machine.check(
        f"cd /root && DEBIAN_FRONTEND=noninteractive apt-get install -y --allow-downgrades ./{package.name}"
    )


def write_meter_down(machine: Booted) -> None:
    """As with an editor: the lines stand there as comments."""
    file = machine.tree / "etc/nilm-edge/config.toml"
    head, meters = file.read_text().split("[[meters]]")
    for key, value in METER.items():
        meters, changed = re.subn(rf"^#{key} = .*$", f'{key} = "{value}"', meters, count=1, flags=re.MULTILINE)
        assert changed == 1, key
    file.write_text(f"{head}[[meters]]{meters}")


def check_units(machine: Booted, services: Sequence[str] = LIVE) -> None:
    """Each is active, has notified systemd, and is as little exposed as its file promises."""
    for name in services:
        said = machine.properties(name, "ActiveState", "SubState", "StatusText", "Result")
        assert (said["ActiveState"], said["SubState"], said["Result"]) == ("active", "running", "success"), (name, said)
        assert said["StatusText"], name
    for name in ("nilm-snapshot.timer", "nilm-backfill.timer", "nilm-backfill.path", "nilm-gateway.socket"):
        assert machine.properties(name, "ActiveState")["ActiveState"] == "active", name
    exposed = json.loads(machine.check("systemd-analyze security --no-pager --json=short"))
    ours = {unit["unit"]: float(unit["exposure"]) for unit in exposed if unit["unit"].startswith("nilm-")}
    assert {f"{name}.service" for name in services} <= ours.keys()
    assert max(ours.values()) <= MOST_EXPOSURE, ours
    assert machine.check("systemctl --failed --no-legend --plain") == ""


def check_page(machine: Booted) -> None:
    for path, part in (("/", "<html"), ("/live", '"live":true')):
        assert part in visited(machine, path)


def visited(machine: Booted, path: str, *token: str) -> str:
    """What the page answers."""
    ask = [*machine.beside, sys.executable, "-m", "tests.appliance.visitor", f"http://127.0.0.1:8080{path}", *token]
    done = subprocess.run(ask, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def token_of_an_admin(machine: Booted) -> str:
    """The first account's, made now."""
    said = machine.check("echo 'a long password' | nilm-edge user add anna >/dev/null && nilm-edge user token anna")
    return said.split()[-1]


def check_log(machine: Booted) -> None:
    """The page shows an admin what the journal has of a unit."""
    token = token_of_an_admin(machine)
    for service, part in (("simulate", f"playing {SIMULATED}"), ("redis", '"service":"redis"')):
        assert part in visited(machine, f"/admin/log?service={service}", token)


def test_nothing_is_lost_through_it_all(
    machine: Booted,
    suite: str,
    folder: Path,
    *,
    central: str,
    meter: Callable[[], OutsideMeter],
    record: Record,
    measure_s: float,
) -> None:
    package = made_for(suite)
    before_mb = float(machine.check("du -smx --exclude=/root --exclude=/var/cache / | cut -f1"))
    began_s = time.monotonic()
    said = install(machine, package)
    record("apt install of the package with its servers, s", time.monotonic() - began_s)
    for part in ("hears no meter yet", "http://127.0.0.1:8080/", "nilm-edge user add"):
        assert part in said
    record("package, MB", package.stat().st_size / 1e6)
    after_mb = float(machine.check("du -smx --exclude=/root --exclude=/var/cache / | cut -f1"))
    record("on the disk, with python3 and the servers, MB", after_mb - before_mb)
    write_meter_down(machine)
    machine.check("nilm-edge-apply")  # from now on the broker keeps what it takes from the meter
    running = meter()
    machine.wait_for(RECEIVES, 90)
    check_units(machine)
    check_page(machine)
    for name, figure in figures(machine, LIVE, SERVERS, measure_s).items():
        record(name, figure)

    run_them_all(machine, central)
    kill_each(machine)
    machine.wait_for(RECEIVES, 90)
    check_units(machine, LONG_RUNNING)
    stop_each_until_its_watchdog_ends_it(machine)
    machine.wait_for(RECEIVES, 90)
    check_units(machine, LONG_RUNNING)
    check_log(machine)
    machine.check(f"systemctl restart {' '.join(SERVERS)}")
    machine.wait_for(RECEIVES, 90)
    the_page_is_never_refused(machine)
    safe_mode(machine)
    machine.reboot()
    machine.wait_for(RECEIVES, 90)
    check_units(machine, LONG_RUNNING)
    check_the_simulated_building(machine)

    config = (machine.tree / "etc/nilm-edge/config.toml").read_bytes()
    again_and_again(machine, package)
    upgrade_and_fail_to(machine, package, folder)
    assert (machine.tree / "etc/nilm-edge/config.toml").read_bytes() == config

    found = running.count()
    record("seconds measured through it all", float(str(found["sent"])))
    assert found == nothing_lost(found)
    machine.check("DEBIAN_FRONTEND=noninteractive apt-get remove -y nilm-edge")
    check_what_is_left_is_the_data(machine)
    machine.check("DEBIAN_FRONTEND=noninteractive apt-get purge -y nilm-edge")
    check_nothing_is_left(machine)


def check_the_simulated_building(machine: Booted) -> None:
    """Its last seconds are stored, and the journal can be asked for it."""

    def complete() -> bool:
        status = json.loads(machine.check("nilm-edge status --json --last 8"))
        check = status["buildings"][SIMULATED]["check"]
        return bool(check["complete"] and check["samples"] == 8)

    wait_until(complete, 30, f"the last 8 seconds of {SIMULATED}")
    assert "NILM_SERVICE=ingest" in machine.check("journalctl NILM_BUILDING=home -o export")


def the_page_is_never_refused(machine: Booted) -> None:
    """systemd holds the port while the page restarts: whoever comes waits for a moment."""
    machine.check("systemctl restart --no-block nilm-gateway")
    for _ in range(10):
        check_page(machine)


def safe_mode(machine: Booted) -> None:
    machine.check("systemctl start nilm-edge-safe.target")
    running = machine.check("systemctl list-units --plain --no-legend --state=running 'nilm-*.service'")
    assert {line.split()[0] for line in running.splitlines()} == {"nilm-persist.service", "nilm-gateway.service"}
    machine.check("systemctl start nilm-edge.target")
    machine.wait_for("! systemctl -q is-active nilm-edge-safe.target", 10)
    machine.wait_for(RECEIVES, 90)


def again_and_again(machine: Booted, package: Path) -> None:
    """Installing what is installed changes nothing."""
    before = {name: machine.properties(name, "MainPID") for name in SERVERS}
    machine.check(f"cd /root && apt-get install -y --reinstall ./{package.name}")
    assert {name: machine.properties(name, "MainPID") for name in SERVERS} == before
    machine.wait_for(RECEIVES, 90)


def upgrade_and_fail_to(machine: Booted, package: Path, folder: Path) -> None:
    """The next version takes over; one that cannot hear the meter does not."""
    (old,) = re.findall(r"_([^+]+)\+", package.name)
    install(machine, as_version(package, "99.1", folder))
    assert machine.check("nilm-edge --version").strip() == "nilm-edge 99.1"
    assert machine.check("readlink /opt/nilm-edge/previous").strip() == old
    machine.wait_for(RECEIVES, 90)
    assert "going back to 99.1" in install(machine, as_version(package, "99.2", folder, broken="ingest"))
    assert machine.check("nilm-edge --version").strip() == "nilm-edge 99.1"
    machine.wait_for(RECEIVES, 90)
    check_units(machine)


def check_what_is_left_is_the_data(machine: Booted) -> None:
    assert machine.run("systemctl list-units --plain --no-legend --all 'nilm-*'").stdout == ""
    assert (machine.tree / "etc/nilm-edge/config.toml").exists()
    assert (machine.tree / "var/lib/nilm-edge").is_dir()
    assert not (machine.tree / "opt/nilm-edge").exists()
    assert machine.check("redis-cli exists nilm:home:window").strip() == "1"


def check_no_file_is_left(machine: Booted | Machine) -> None:
    """Nor user or group; but for what apt and the journal remember."""
    found = machine.run("find / -xdev -iname '*nilm*' -not -path '/root/*' -not -path '/var/log/*'")
    assert found.returncode == 0, found.stdout
    assert [
        path for path in found.stdout.splitlines() if "/var/lib/apt/" not in path and "/var/cache/" not in path
    ] == []
    assert machine.run("getent passwd nilm-edge; getent group nilm-edge").stdout == ""


def check_nothing_is_left(machine: Booted) -> None:
    check_no_file_is_left(machine)
    assert machine.check("redis-cli --scan --pattern 'nilm:*'") == ""
    databases = "http://127.0.0.1:8086/query?q=SHOW+DATABASES"
    said = machine.check(f"python3 -c 'import urllib.request as u; print(u.urlopen(\"{databases}\").read())'")
    assert "nilm" not in said
    assert machine.check("systemctl --failed --no-legend --plain") == ""
