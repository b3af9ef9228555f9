"""The end of the services' logs: from the files of `nilm-edge run`, else from systemd's journal."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from edge.adapters.journal import journal
from edge.errors import Unavailable
from edge.local_time import zone
from edge.log_lines import Line, read_line, read_lines

SERVICES = ("ingest", "infer", "persist", "gateway", "sync", "snapshot", "backfill", "announce", "simulate")
SERVERS = {"mosquitto": "mosquitto", "redis": "redis-server", "influxdb": "influxdb"}
UNITS = {**{name: f"nilm-{name}" for name in SERVICES}, "simulate": "nilm-simulator", **SERVERS}
"""Name, and that of its unit."""
_FILES = {**{name: name for name in SERVICES}, "mosquitto": "mosquitto", "redis": "redis-server", "influxdb": "influxd"}
NAMES = (*SERVICES, *SERVERS)
_TAIL_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest lines, oldest first, each with whose it is; and where they come from: files or journal."""

    source: str
    lines: list[tuple[str, Line]]


def tail(data_dir: Path, service: str | None, lines: int) -> Tail:
    """The newest `lines` of one of NAMES, or of all; Unavailable where neither files nor journal can be read."""
    names = NAMES if service is None else (service,)
    folder = data_dir / "log"
    if folder.is_dir():
        return Tail("files", _newest([(name, line) for name in names for line in _of_file(folder, name)], lines))
    return Tail("journal", _of_journal(names, lines))


def _of_file(folder: Path, name: str) -> list[Line]:
    file = folder / f"{_FILES[name]}.log"
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL_BYTES))
            text = stream.read(_TAIL_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Unavailable(f"cannot read {file}: {error.strerror}") from error
    found = text.split("\n")
    return read_lines(found[1:] if size > _TAIL_BYTES else found, zone(""))


def _of_journal(names: tuple[str, ...], lines: int) -> list[tuple[str, Line]]:
    units = {f"{UNITS[name]}.service": name for name in names}
    found = []
    for entry in journal(list(units), lines):
        line = read_line(entry.message, zone(""))
        logger = line.logger or (f"nilm.{entry.service}" if entry.service else "")
        found.append(
            (units[entry.unit], replace(line, at_ms=entry.at_ms, level=line.level or entry.level, logger=logger))
        )
    return found


def _newest(found: list[tuple[str, Line]], lines: int) -> list[tuple[str, Line]]:
    return sorted(found, key=lambda one: one[1].at_ms or 0)[-lines:]
