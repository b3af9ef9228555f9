"""One setting: a field with its default, its comment, and what values it may take."""

from dataclasses import field
from typing import Any


def setting(
    default: Any,
    doc: str,
    *,
    secret: bool = False,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with its comment, and what values it may take."""
    return field(default=default, metadata={"doc": doc, "secret": secret, "low": low, "high": high, "choices": choices})
