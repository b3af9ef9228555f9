"""Energy counters that only grow: the seconds of each power, added up in whole mW s, so that no rounding adds up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_MWS_PER_TENTH_WH = 360_000


@dataclass(slots=True)
class Totals:
    """What each name has drawn up to and with the second `at_ms`; in mW s."""

    at_ms: int
    mws: dict[str, int] = field(default_factory=dict)

    def count(self, at_ms: int, powers_w: Mapping[str, float]) -> None:
        """Add a second's powers; a second that is counted already, or below zero, adds nothing."""
        if at_ms <= self.at_ms:
            return
        for name, power_w in powers_w.items():
            self.mws[name] = self.mws.get(name, 0) + max(0, round(power_w * 1000))
        self.at_ms = at_ms

    def kwh(self, name: str) -> str:
        """A name's counter, in steps of 0.1 Wh."""
        return f"{self.mws.get(name, 0) // _MWS_PER_TENTH_WH / 10_000:.4f}"
