"""Whether a service lives, from the heartbeat it left in Redis."""

from collections.abc import Mapping
from typing import Any

UP_FOR_S = 10.0
"""A service beats every 2 s; after five missed beats it counts as down."""
SERVICES = ("ingest", "infer", "persist", "gateway")


def heartbeat_age_s(state: Mapping[str, Any], now_ms: int) -> float | None:
    """Seconds since the last beat; None where there was none."""
    beat_ms = state.get("beat_ms")
    if not isinstance(beat_ms, int | float):
        return None
    return max(0.0, (now_ms - beat_ms) / 1000)


def is_up(state: Mapping[str, Any], now_ms: int) -> bool:
    """Whether the last beat is recent."""
    age_s = heartbeat_age_s(state, now_ms)
    return age_s is not None and age_s <= UP_FOR_S
