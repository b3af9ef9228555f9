"""Asks every check at the same time, none for longer than LIMIT_S: the whole takes that long at most."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from queue import Empty, Queue
from typing import Any

from edge.adapters.streams import Streams
from edge.doctor import files, flow, machine, page, servers, units
from edge.doctor.finding import Finding, Level, Look, fault
from edge.errors import NilmError, Unavailable

LIMIT_S = 7.0
_HEARTBEATS_S = 1.5
Check = Callable[[Look], Iterable[Finding]]
CHECKS: dict[str, Check] = {
    "safe mode": flow.safe_mode,
    "files": files.permissions,
    "broker": servers.broker,
    "redis": servers.redis,
    "influxdb": servers.influxdb,
    "disk": machine.disk,
    "clock": machine.clock,
    "services": flow.services,
    "systemd": units.units,
    "samples": flow.samples,
    "models": files.models,
    "backlog": flow.backlog,
    "central server": servers.central,
    "page": page.page,
    "exposure": page.exposure,
    "accounts": page.accounts,
    "time zone": machine.time_zone,
    "memory": machine.memory,
    "SD card": machine.sd_card,
}
_MARK = {Level.OK: "ok     ", Level.WARNING: "WARNING", Level.FAULT: "FAULT  "}


def examine(look: Look, checks: dict[str, Check] = CHECKS, limit_s: float = LIMIT_S) -> list[Finding]:
    """Every finding, in the order of `checks`."""
    end_s = time.monotonic() + limit_s
    look = _with_heartbeats(look)
    answers: Queue[tuple[str, list[Finding]]] = Queue()
    for name, check in checks.items():
        threading.Thread(target=_ask, args=(name, check, look, answers), daemon=True).start()
    found: dict[str, list[Finding]] = {}
    while len(found) < len(checks):
        try:
            name, said = answers.get(timeout=max(0.0, end_s - time.monotonic()))
        except Empty:
            break
        found[name] = said
    for name in checks.keys() - found.keys():
        means = "What it asks hangs: a name that does not resolve, a server that takes calls and says nothing."
        found[name] = [fault(name, f"no answer in {limit_s:.0f} s", means, "Look at the network, and at that server.")]
    return [one for name in checks for one in found[name]]


def _with_heartbeats(look: Look) -> Look:
    try:
        return replace(look, services=Streams.connect(look.config.redis.url, timeout_s=_HEARTBEATS_S).services())
    except Unavailable as error:
        return replace(look, redis_is_away=str(error))


def _ask(name: str, check: Check, look: Look, answers: "Queue[tuple[str, list[Finding]]]") -> None:
    found = []
    try:
        for one in check(look):
            found.append(one)
    except NilmError as error:
        found.append(fault(name, str(error), "This could not be checked to its end.", "See the other findings first."))
    except Exception as error:  # a doctor that falls over helps nobody
        found.append(fault(name, f"the check itself failed: {error!r}", "That is a mistake of ours.", "Report it."))
    answers.put((name, found))


def exit_code(found: Iterable[Finding]) -> int:
    """0 where nothing is worse than a warning, 1 for a fault."""
    return int(any(one.level is Level.FAULT for one in found))


def as_text(found: list[Finding]) -> str:
    """For a person: what is wrong first, then what is well."""
    lines = []
    for level in (Level.FAULT, Level.WARNING, Level.OK):
        for one in (one for one in found if one.level is level):
            lines.append(f"{_MARK[level]}  {one.check}: {one.said}")
            lines += [f"         {text}" for text in (one.means, f"Do: {one.do}" if one.do else "") if text]
    counts = {level: sum(one.level is level for one in found) for level in Level}
    verdict = f"{counts[Level.FAULT]} faults, {counts[Level.WARNING]} warnings, {counts[Level.OK]} ok"
    return "\n".join([*lines, "", verdict])


def as_json(found: list[Finding]) -> dict[str, Any]:
    """For a machine."""
    worst = [level for level in (Level.FAULT, Level.WARNING, Level.OK) if any(one.level is level for one in found)]
    return {
        "level": str(worst[0]) if worst else "ok",
        "findings": [
            {"check": one.check, "level": str(one.level), "said": one.said, "means": one.means, "do": one.do}
            for one in found
        ],
    }
