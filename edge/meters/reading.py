"""What a meter's message says, and how to take it from a payload."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge.errors import BadReading

PAYLOAD_LIMIT_BYTES = 65_536
"""A longer payload is no meter's reading."""

SANE_MS = range(1_577_836_800_000, 4_102_444_800_000)
"""2020 to 2100: a device clock outside of it was never set."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One message's values; `at_ms` is the meter's own time, None where it sent none that can be trusted."""

    power_w: float
    at_ms: int | None = None
    voltage_v: float | None = None
    current_a: float | None = None


def read_json(payload: bytes) -> Any:
    """The payload as JSON; BadReading where it is none, or too long."""
    if len(payload) > PAYLOAD_LIMIT_BYTES:
        raise BadReading(f"payload of {len(payload)} bytes is too long")
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadReading(f"payload is no JSON: {error}") from error


def read_number(value: Any, name: str) -> float:
    """A number, or a number in quotes; BadReading for anything else, and for what is not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadReading(f"{name} is {_short(value)}, not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise BadReading(f"{name} is {_short(value)}, not a number") from None
    if not math.isfinite(number):
        raise BadReading(f"{name} is {_short(value)}, not finite")
    return number


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
    return repr(value)[:60]
