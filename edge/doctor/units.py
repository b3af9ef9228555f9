"""The check of what systemd says of our units and of the servers'."""

from collections.abc import Iterator

from edge.adapters.processes import output_of
from edge.doctor.finding import Finding, Look, fault, ok, warning

_SERVERS = ("mosquitto.service", "redis-server.service", "influxdb.service")
_ASKED = "Id,LoadState,ActiveState,SubState,Result,NRestarts"
_MANY = 3
_Found = Iterator[Finding]


def units(look: Look) -> _Found:
    """The state of each unit, where systemd is at work and has any of ours."""
    if not (look.root / "run/systemd/system").exists():
        yield ok("systemd", "is not at work here")
        return
    said = output_of(["systemctl", "show", "--no-pager", f"--property={_ASKED}", "nilm-*", *_SERVERS], 5)
    if said is None:
        means = "The units' state is not known."
        yield warning("systemd", "systemctl gave no answer in 5 s", means, "Look at it by hand: systemctl status")
        return
    yield from of_units(said)


def of_units(said: str) -> _Found:
    """What `systemctl show` says, judged."""
    shown = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in said.split("\n\n")]
    there = [unit for unit in shown if unit.get("LoadState") == "loaded"]
    ours = [unit for unit in there if unit["Id"].startswith("nilm-")]
    if not ours:
        yield ok("systemd", "none of our units is started here")
        return
    good = True
    for unit in there:
        name, log = unit["Id"], f"journalctl -u {unit['Id']} -n 50"
        if unit["ActiveState"] == "failed":
            means = "It is down, and systemd does not start it again by itself."
            yield fault("systemd", f"{name} has failed ({unit.get('Result')})", means, f"{log}; then start it again.")
        elif unit.get("SubState") == "auto-restart":
            yield fault("systemd", f"{name} keeps ending", "It does not get to work.", log)
        elif int(unit.get("NRestarts") or 0) > _MANY:
            means = "It was started again by itself; nothing is lost by that, but something is wrong."
            yield warning("systemd", f"{name} ended {unit['NRestarts']} times", means, log)
        else:
            continue
        good = False
    if good:
        yield ok("systemd", f"{len(ours)} units of ours, none of them failed")
