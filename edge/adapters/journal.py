"""What systemd's journal has of units; of our services with the fields that edge/log.py gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.errors import Unavailable

_LEVELS = ("error", "error", "error", "error", "warning", "info", "info", "debug")
"""By syslog's priority."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `service` is what NILM_SERVICE says, empty for what is not ours."""

    unit: str
    at_ms: int
    level: str
    service: str
    message: str


def journal(units: Sequence[str], number: int, folder: str | None = None) -> list[Entry]:
    """The newest entries of these units, oldest first; Unavailable where the journal may not be read.

    `folder`: of another journal than this machine's.
    """
    try:
        from systemd.journal import Reader  # noqa: PLC0415 - for whoever asks
    except ImportError as error:
        raise Unavailable(f"the journal cannot be read here: {error}") from error
    try:
        with Reader(path=folder) as reader:
            reader.seek_tail()
            if not reader.get_previous():
                raise Unavailable(
                    "the journal may not be read, or is empty: nilm-gateway needs SupplementaryGroups=systemd-journal"
                )
            for unit in units:
                reader.add_match(_SYSTEMD_UNIT=unit)  # of the same field, any of them
            reader.seek_tail()
            found: list[Entry] = []
            while len(found) < number and (entry := reader.get_previous()):
                found.append(_entry(entry))
            return found[::-1]
    except OSError as error:
        raise Unavailable(f"the journal cannot be read: {error.strerror}") from error


def _entry(entry: Mapping[str, Any]) -> Entry:
    at_ms = round(entry["__REALTIME_TIMESTAMP"].timestamp() * 1000)
    level = _LEVELS[int(entry.get("PRIORITY", 6))]
    return Entry(entry["_SYSTEMD_UNIT"], at_ms, level, _text(entry, "NILM_SERVICE"), _text(entry, "MESSAGE"))


def _text(entry: Mapping[str, Any], field: str) -> str:
    said = entry.get(field, "")
    return said if isinstance(said, str) else bytes(said).decode(errors="replace")
