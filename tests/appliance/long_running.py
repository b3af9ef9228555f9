"""Every service that runs for ever, also those off by default: killed, and stopped until its watchdog ends it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.appliance.booted import Booted
from tests.appliance.machine import REPOSITORY
from tests.servers import central_influxd

LONG_RUNNING = sorted(
    file.stem for file in (REPOSITORY / "systemd").glob("nilm-*.service") if "Type=oneshot" not in file.read_text()
)
SIMULATED = "barn"
"""The building that nilm-simulator is the meter of; the meter outside is that of another one."""
_CENTRAL_PORT = 18086


@contextmanager
def central_server(machine: Booted, folder: Path) -> Iterator[str]:
    """Another InfluxDB in the machine's network, at this address."""
    server = subprocess.Popen(
        [*machine.beside, *central_influxd(folder / "central", _CENTRAL_PORT).command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{_CENTRAL_PORT}"
    finally:
        server.kill()
        server.wait(10)


def run_them_all(machine: Booted, central_url: str) -> None:
    """Have it forward, tell Home Assistant, and hear a second building's meter, which is simulated."""
    file = machine.tree / "etc/nilm-edge/config.toml"
    text = file.read_text()
    for section, lines in (
        ("central", f'url = "{central_url}"'),
        ("homeassistant", "enabled = true"),
        ("simulator", f'building = "{SIMULATED}"'),
    ):
        assert text.count(f"\n[{section}]\n") == 1
        text = text.replace(f"\n[{section}]\n", f"\n[{section}]\n{lines}\n")
    file.write_text(f'{text}\n[[meters]]\nbuilding = "{SIMULATED}"\n')
    machine.check("systemctl enable nilm-simulator && nilm-edge-apply")
    for name in LONG_RUNNING:
        machine.wait_for(f"systemctl -q is-active {name}", 20)


def kill_each(machine: Booted) -> None:
    """One after the other."""
    for name in LONG_RUNNING:
        before = machine.properties(name, "MainPID")["MainPID"]
        machine.check(f"systemctl kill --signal=KILL {name}")
        machine.wait_for(f"[ $(systemctl show {name} -P MainPID) != {before} ] && systemctl -q is-active {name}", 20)


def stop_each_until_its_watchdog_ends_it(machine: Booted) -> None:
    """All of them at once: one wait of a minute."""
    restarts = {name: int(machine.properties(name, "NRestarts")["NRestarts"]) for name in LONG_RUNNING}
    machine.check(f"systemctl kill --signal=STOP {' '.join(LONG_RUNNING)}")
    for name in LONG_RUNNING:
        machine.wait_for(f"[ $(systemctl show {name} -P NRestarts) -gt {restarts[name]} ]", 100)
        machine.wait_for(f"systemctl -q is-active {name}", 20)
        assert "atchdog timeout" in machine.check(f"journalctl --no-pager -u {name}"), name
