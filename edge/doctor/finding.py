"""What a check found: how bad it is, what it means, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from edge.settings import Config


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check. `means` and `do` are empty where all is well."""

    check: str
    level: Level
    said: str
    means: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What the checks look at; `root` is where /proc, /etc, /run and /sys are found."""

    config: Config
    config_file: Path | None
    now_ms: int
    root: Path = Path("/")
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The services' heartbeats."""
    redis_is_away: str = ""
    """Why there are none to be had; empty where Redis answers."""


def ok(check: str, said: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, said)


def warning(check: str, said: str, means: str, do: str) -> Finding:
    """It works, and may not always."""
    return Finding(check, Level.WARNING, said, means, do)


def fault(check: str, said: str, means: str, do: str) -> Finding:
    """Something does not work."""
    return Finding(check, Level.FAULT, said, means, do)
