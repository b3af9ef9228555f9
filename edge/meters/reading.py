"""What a meter's message says, and how to take it from a payload."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from edge.core.sample import POWER_LIMIT_W
from edge.errors import BadReading
from edge.settings import Meter

PAYLOAD_LIMIT_BYTES = 65_536
"""A longer payload is no meter's reading."""

SANE_MS = range(1_577_836_800_000, 4_102_444_800_000)
"""2020 to 2100: a device clock outside of it was never set."""

W_PER = {"W": 1.0, "kW": 1000.0}

_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """One message's values; `at_ms` is the meter's own time, None where it sent none that can be trusted."""

    power_w: float
    at_ms: int | None = None
    voltage_v: float | None = None
    current_a: float | None = None
    energy_wh: float | None = None
    """The meter's own counter of what was imported; it may fall to 0. Power is never worked out from it."""
    circuits: Mapping[str, float] = field(default_factory=dict)
    """The power of single circuits in W, by the meter's own names."""
    more_follows: bool = False
    """Whether messages of the same moment are still to come, the other phases', so that this power is a mixture."""
    why: str = ""
    """What was taken for granted, for a person."""


@dataclass(frozen=True, slots=True)
class NoSample:
    """A message as it should be that tells no power: status, a part of a whole, a value that is missing."""

    why: str


def corrected(reading: Reading, meter: Meter) -> Reading:
    """The reading by the meter's `sign`, `scale`, `min_w` and `max_w`; BadReading for a power out of bounds."""
    power_w = reading.power_w * meter.scale * (-1.0 if meter.sign == "export" else 1.0) + 0.0
    low_w, high_w = max(meter.min_w, -POWER_LIMIT_W), min(meter.max_w, POWER_LIMIT_W)
    if not low_w <= power_w <= high_w:
        raise BadReading(f"{power_w:g} W is not between {low_w:g} and {high_w:g} W")
    return replace(reading, power_w=power_w)


def read_text(payload: bytes) -> str:
    """The payload as text without spaces around it; BadReading where it is none, or too long."""
    if len(payload) > PAYLOAD_LIMIT_BYTES:
        raise BadReading(f"payload of {len(payload)} bytes is too long")
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        raise BadReading("payload is no text") from None


def read_json(payload: bytes) -> Any:
    """The payload as JSON; BadReading where it is none, or too long."""
    try:
        return json.loads(read_text(payload))
    except (ValueError, RecursionError) as error:
        raise BadReading(f"payload is no JSON: {str(error)[:100]}") from error


def read_object(payload: bytes) -> dict[str, Any]:
    """The payload as a JSON object; BadReading where it is none."""
    message = read_json(payload)
    if not isinstance(message, dict):
        raise BadReading(f"payload is {_short(message)}, not a JSON object")
    return message


def read_number(value: Any, name: str) -> float:
    """A number, or a number in quotes; BadReading for anything else, and for what is not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadReading(f"{name} is {_short(value)}, not a number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise BadReading(f"{name} is {_short(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadReading(f"{name} is {_short(value)}, not finite")
    return number


def number_or_none(value: Any, name: str) -> float | None:
    """The same, and None for what is not there."""
    return None if value is None else read_number(value, name)


def plain_text(payload: bytes) -> str:
    """A plain value's text, its quotes taken off; "" for an empty payload, null, none, unknown and the like."""
    text = read_text(payload)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return "" if text.lower() in {"null", "none", "nil", "unknown", "unavailable", "\0"} else text


def plain_number(payload: bytes, name: str) -> float | NoSample:
    """A payload that is a number, in quotes or not; NoSample where it says that there is no value."""
    text = plain_text(payload)
    return read_number(text, name) if text else NoSample(f"{name} has no value now: {_short(payload.decode())}")


def summed(value: Any, name: str) -> float | None:
    """A number, or the sum of an array of them, one a phase; None where one of them is null."""
    if not isinstance(value, list):
        return number_or_none(value, name)
    if not value or len(value) > 12:
        raise BadReading(f"{name} is an array of {len(value)}")
    phases = [number_or_none(phase, name) for phase in value]
    return None if None in phases else sum(phase for phase in phases if phase is not None)


def mean(value: Any, name: str) -> float | None:
    """A number, or the mean of an array of them without nulls; None where there is none."""
    if not isinstance(value, list):
        return number_or_none(value, name)
    phases = [read_number(phase, name) for phase in value if phase is not None]
    return sum(phases) / len(phases) if phases else None


_INDEX = re.compile(r"\[(\d+)\]")


def at_path(message: Any, path: str) -> Any:
    """The value at a path: `ENERGY.Power`, `emeters.0.power`, as JSONPath `$.emeters[0].power`; BadReading for none."""
    value = message
    for part in _INDEX.sub(r".\1", path).removeprefix("$.").split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise BadReading(f"no {path} in the message")
    return value


def at_paths(message: Any, paths: str) -> float | None:
    """Numbers at dotted paths, added and taken off as ` + ` and ` - ` say; None where one of them is null."""
    total = 0.0
    for term in re.split(r" (?=[+-] )", paths.strip()):
        factor = -1.0 if term.startswith("- ") else 1.0
        path = term.removeprefix("+ ").removeprefix("- ").strip()
        value = summed(at_path(message, path), path)
        if value is None:
            return None
        total += factor * value
    return total


def read_time_ms(value: Any) -> int | None:
    """Unix seconds, Unix ms, or ISO 8601 with a zone, as UTC ms; None where it cannot be trusted."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            at_ms = moment.astimezone(UTC).timestamp() * 1000 if moment.tzinfo else 0.0
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            at_ms = value if value > 1e11 else value * 1000
        else:
            return None
        return int(at_ms) if int(at_ms) in SANE_MS else None
    except (ValueError, OverflowError):  # no date, no number, or one beyond the calendar
        return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
