"""What is missing in the local InfluxDB, building by building and day by day, and why."""

from datetime import tzinfo
from pathlib import Path
from typing import Any

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.gaps import UNKNOWN, Gap, gaps_between, reason
from edge.core.sample import Flags
from edge.errors import Unavailable
from edge.local_time import days, iso
from edge.settings import Config
from edge.stored_mains import QUARTER_MS, StoredMains
from edge.unstored import oldest_unstored_ms

SETTLING_MS = 60_000
"""The newest seconds may still be on their way."""
MAX_DAYS = 31
_TOLD = 500
DAY_MS = 86_400_000


class Gaps:
    """Looks for gaps. Unavailable without InfluxDB; without Redis no reason is known."""

    def __init__(self, config: Config, streams: Streams, influx: Influx) -> None:
        self._data_dir = Path(config.data_dir)
        self._streams = streams
        self._stored = StoredMains(config, influx)

    def summary(self, buildings: list[str], now_ms: int, days_back: int, where: tzinfo) -> dict[str, Any]:
        """Each building's last days, ready to be JSON; days are those of the zone `where`."""
        end_ms = (now_ms - SETTLING_MS) // 1000 * 1000
        found = {}
        for building in buildings:
            first_ms = self._stored.first_ms(building)
            start_ms = min(max(end_ms - days_back * DAY_MS, first_ms or end_ms), end_ms)
            found[building] = self._building(building, start_ms, end_ms, where)
        return {"from": iso(end_ms - days_back * DAY_MS), "to": iso(end_ms), "buildings": found}

    def _building(self, building: str, start_ms: int, end_ms: int, where: tzinfo) -> dict[str, Any]:
        span = (building, start_ms, end_ms)
        counted = {
            "held": self._stored.flagged(Flags.HELD, *span),
            "estimated": self._stored.flagged(Flags.ESTIMATED, *span),
            "predicted": self._stored.predicted(*span),
        }
        gaps = gaps_between(self._stored.jumps(*span), *self._stored.edges_ms(*span), start_ms, end_ms)
        longest = sorted(sorted(gaps, key=lambda gap: gap.start_ms - gap.end_ms)[:_TOLD], key=lambda gap: gap.start_ms)
        return {
            **_sums(counted, gaps, start_ms, end_ms),
            "days": [
                {"date": date, **_sums(counted, gaps, from_ms, until_ms)}
                for date, from_ms, until_ms in days(start_ms, end_ms, where)
            ],
            "gaps": self._with_reasons(building, longest),
            "gaps_left_out": len(gaps) - len(longest),
        }

    def _with_reasons(self, building: str, gaps: list[Gap]) -> list[dict[str, Any]]:
        try:
            events = self._streams.events(building)
            waiting_ms = oldest_unstored_ms(self._streams, self._data_dir, building)
            reasons = [reason(gap, events, waiting_ms) for gap in gaps]
        except Unavailable:  # nobody else knows
            reasons = [UNKNOWN] * len(gaps)
        return [
            {
                "start": iso(gap.start_ms),
                "end": iso(gap.end_ms),
                "seconds": (gap.end_ms - gap.start_ms) // 1000,
                "reason": why,
            }
            for gap, why in zip(gaps, reasons, strict=True)
        ]


def as_text(found: dict[str, Any]) -> str:
    """`summary` for a person."""
    lines = []
    for building, said in found["buildings"].items():
        lines.append(f"{building}: {_said(said)}")
        lines += [f"  {day['date']}  {_said(day)}" for day in said["days"]]
        lines += [f"    {gap['start']} to {gap['end']}  {gap['seconds']} s  {gap['reason']}" for gap in said["gaps"]]
        if said["gaps_left_out"]:
            lines.append(f"    and {said['gaps_left_out']} shorter gaps")
    return "\n".join(lines) or "no building yet"


def _sums(counted: dict[str, dict[int, int]], gaps: list[Gap], start_ms: int, end_ms: int) -> dict[str, int]:
    """What a span has; of a quarter of an hour that the span cuts, only its seconds in the whole span were counted."""
    missing_ms = sum(max(0, min(gap.end_ms, end_ms) - max(gap.start_ms, start_ms)) for gap in gaps)
    seconds, missing = (end_ms - start_ms) // 1000, missing_ms // 1000
    from_ms = start_ms // QUARTER_MS * QUARTER_MS
    sums = {
        name: sum(count for at_ms, count in quarters.items() if from_ms <= at_ms < end_ms)
        for name, quarters in counted.items()
    }
    without = max(0, seconds - missing - sums.pop("predicted"))
    return {
        "seconds": seconds,
        "missing": missing,
        "stored": seconds - missing,
        **sums,
        "without_prediction": without,
    }


def _said(sums: dict[str, Any]) -> str:
    rest = [f"{sums[name]} {name.replace('_', ' ')}" for name in ("held", "estimated", "without_prediction")]
    share = 100 * sums["stored"] / sums["seconds"] if sums["seconds"] else 100
    return f"{sums['missing']} s missing of {sums['seconds']} ({int(share * 100) / 100:g} % there), {', '.join(rest)}"
