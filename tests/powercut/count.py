"""What the meter's log and InfluxDB's content come to, second by second."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge.adapters.influx import Influx
from edge.core.sample import Flags
from tests.powercut.meter import Reading

BUILDING = "home"


@dataclass(frozen=True, slots=True)
class Stored:
    """InfluxDB's rows as they are: (ms, W, flags) of mains, and of each appliance its (ms)."""

    mains: list[tuple[int, float, int]]
    appliances: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Count:
    """Seconds, but for `worst_loss_s`."""

    acknowledged: int
    missing: list[int]
    """Acknowledged, and not in InfluxDB as the meter's own value."""
    worst_loss_s: float
    """Of the missing: how long before the power went was the first of them acknowledged."""
    doubled: int
    altered: int
    invented: int
    """In InfluxDB as measured, and never sent. Held seconds follow the meter's last one and are marked as such."""
    unpredicted: list[int]
    """In InfluxDB without exactly one prediction for each appliance."""


def stored(influx: Influx) -> Stored:
    """All that InfluxDB holds of the building."""
    where = f"WHERE building = '{BUILDING}'"
    mains = influx.query("nilm", f"SELECT power_w, flags FROM mains {where}", {})
    appliances = influx.query("nilm", f"SELECT power_w FROM appliance {where} GROUP BY appliance", {})
    return Stored(
        [(int(at_ms), power_w, int(flags)) for one in mains for at_ms, power_w, flags in one.values],
        {one.tags["appliance"]: [int(row[0]) for row in one.values] for one in appliances},
    )


def count(log: Mapping[int, Reading], found: Stored, cuts_s: Sequence[float]) -> Count:
    """Compare, with the moments at which the power was cut."""
    measured = [(at_ms, power_w) for at_ms, power_w, flags in found.mains if not flags & Flags.HELD]
    times = Counter(at_ms for at_ms, _, _ in found.mains)
    there = {at_ms // 1000 for at_ms, _ in measured}
    acknowledged = {at_s: reading.acknowledged_s for at_s, reading in log.items() if reading.acknowledged_s}
    missing = sorted(at_s for at_s in acknowledged if at_s not in there)
    predicted = [Counter(times_ms) for times_ms in found.appliances.values()]
    return Count(
        acknowledged=len(acknowledged),
        missing=missing,
        worst_loss_s=max((_until_cut_s(acknowledged[at_s], cuts_s) for at_s in missing), default=0.0),
        doubled=sum(times.values()) - len(times) + sum(sum(one.values()) - len(one) for one in predicted),
        altered=sum(at_ms // 1000 in log and log[at_ms // 1000].power_w != power_w for at_ms, power_w in measured),
        invented=sum(at_ms % 1000 != 0 or at_ms // 1000 not in log for at_ms, _ in measured),
        unpredicted=_unpredicted(times, predicted),
    )


def _until_cut_s(acknowledged_s: float, cuts_s: Sequence[float]) -> float:
    """Infinite for what no cut can have taken."""
    return min((cut_s - acknowledged_s for cut_s in cuts_s if cut_s >= acknowledged_s), default=float("inf"))


def _unpredicted(times: Iterable[int], predicted: Sequence[Mapping[int, int]]) -> list[int]:
    return sorted(at_ms // 1000 for at_ms in times if not predicted or any(one.get(at_ms, 0) != 1 for one in predicted))
