"""Counts in InfluxDB, second by second and series by series, against what the meter sent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.adapters.influx import Influx, Series
from edge.adapters.onnx_model import load_models
from edge.core.disaggregator import Disaggregator
from edge.core.line_protocol import OTHER
from edge.core.sample import Flags
from edge.models import SHIPPED_DIR
from edge.settings import Config

Row = tuple[Any, ...]
_HOUR_S = 3600
_MAINS = "SELECT power_w, flags FROM mains WHERE building=$b AND time>=$start AND time<$end GROUP BY *"
_APPLIANCE = (
    'SELECT power_w, p_on, low_w, high_w, "on", warmup, model FROM appliance '
    "WHERE building=$b AND time>=$start AND time<$end GROUP BY *"
)


@dataclass(slots=True)
class Count:
    """Seconds published and stored as sent; points of mains and appliances lost, doubled, altered; the first faults."""

    published: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Count") -> None:
        for name in ("published", "stored", "lost", "doubled", "altered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults = (self.faults + other.faults)[:20]

    @property
    def good(self) -> bool:
        """Nothing lost, doubled or altered, and something was published."""
        return self.published == self.stored > 0 and not (self.lost or self.doubled or self.altered)

    def fault(self, what: str, of: str) -> None:
        setattr(self, what, getattr(self, what) + 1)
        if len(self.faults) < 20:
            self.faults.append(f"{what}: {of}")


class Checker:
    """Told the seconds in order, it says of each appliance at each second what a process that never stopped would."""

    def __init__(self, influx: Influx, config: Config, building: str) -> None:
        self._influx, self._config, self._building = influx, config, building
        self._models = Disaggregator(load_models(SHIPPED_DIR)[0])
        self.names = {*(column.appliance for column in self._models.columns), OTHER}
        self.values_too = True
        """Whether predictions must be those of live inference without any fault; off where samples come late."""
        self.any_model = False
        """Whether any model id will do: the models are exchanged meanwhile."""

    def count(self, sent: Mapping[int, float] | Mapping[int, tuple[float, ...]]) -> Count:
        """Compare what is stored between the first and the last of these seconds, all of which must be there."""
        count = Count()
        if not sent:
            return count
        first_s, last_s = min(sent), max(sent)
        for start_s in range(first_s, last_s + 1, _HOUR_S):
            end_s = min(start_s + _HOUR_S, last_s + 1)
            part = {at_s: sent[at_s] for at_s in range(start_s, end_s) if at_s in sent}
            held = self._count_mains(count, part, start_s, end_s)
            self._count_predictions(count, part, held, start_s, end_s)
        return count

    def _count_mains(self, count: Count, sent: Mapping[int, Any], start_s: int, end_s: int) -> set[int]:
        """Count one stretch of mains; which seconds are there that nobody sent, held over a silence."""
        count.published += len(sent)
        seen: Counter[int] = Counter()
        held: set[int] = set()
        for at_ms, power_w, flags in _rows(self._ask(self._config.influx.bucket_raw, _MAINS, start_s, end_s)):
            at_s = at_ms // 1000
            seen[at_s] += 1
            if at_ms % 1000 or seen[at_s] > 1:
                count.fault("doubled", f"mains at {at_ms} ms")
            elif at_s not in sent:
                if flags & Flags.HELD:
                    held.add(at_s)
                else:
                    count.fault("doubled", f"mains at {at_s}, which nobody sent")
            elif flags & Flags.HELD or power_w not in _allowed(sent[at_s]):
                count.fault("altered", f"mains at {at_s}: {power_w} W, flags {flags}, sent {sent[at_s]}")
            else:
                count.stored += 1
        for at_s in sent.keys() - seen.keys():
            count.fault("lost", f"mains at {at_s}, {at_s - start_s} s after {start_s}")
        return held

    def _count_predictions(
        self, count: Count, sent: Mapping[int, Any], held: set[int], start_s: int, end_s: int
    ) -> None:
        found = {name: Counter[int]() for name in self.names}
        expected = self._expected(sent) if self.values_too else {}
        for series in self._ask(self._config.influx.bucket_pred, _APPLIANCE, start_s, end_s):
            name = series.tags["appliance"]
            for at_ms, *row in series.values:
                at_s = at_ms // 1000
                if name not in found or at_ms % 1000 or found[name][at_s] or at_s not in sent.keys() | held:
                    count.fault("doubled", f"{name} at {at_ms} ms")
                    continue
                found[name][at_s] += 1
                if name != OTHER and None in row:
                    count.fault("altered", f"{name} at {at_s}: {row}")
                elif self.values_too and at_s in sent:
                    self._compare(count, name, at_s, row, expected[at_s][name])
        for name, seconds in found.items():
            for at_s in sent.keys() - seconds.keys():
                count.fault("lost", f"{name} at {at_s}, {at_s - start_s} s after {start_s}")

    def _compare(self, count: Count, name: str, at_s: int, row: list[Any], expected: Row) -> None:
        said, wanted = tuple(row), expected
        if self.any_model:
            said, wanted = said[:-1], wanted[:-1]
        if said != wanted:
            count.fault("altered", f"{name} at {at_s}: {said}, expected {wanted}")

    def _expected(self, sent: Mapping[int, float]) -> dict[int, dict[str, Row]]:
        said: dict[int, dict[str, Row]] = {}
        for at_s, power_w in sent.items():
            tick = self._models.predict(self._building, at_s * 1000, power_w)
            rows = said[at_s] = {OTHER: (_stored(tick.other_w), None, None, None, None, None, None)}
            for column, (w, p_on, low_w, high_w, on, warmup) in zip(tick.columns, tick.values.tolist(), strict=True):
                numbers = (_stored(w), _stored(p_on), _stored(low_w), _stored(high_w))
                rows[column.appliance] = (*numbers, on, warmup, column.model)
        return said

    def _ask(self, bucket: str, query: str, start_s: int, end_s: int) -> list[Series]:
        bounds: dict[str, str | int | float] = {"b": self._building, "start": start_s * 10**9, "end": end_s * 10**9}
        return self._influx.query(bucket, query, bounds)


def _rows(found: Iterable[Series]) -> Iterable[list[Any]]:
    return (row for series in found for row in series.values)


def _allowed(sent: Any) -> tuple[float, ...]:
    return sent if isinstance(sent, tuple) else (sent,)


def _stored(value: float) -> float:
    """What is left of a value in InfluxDB: seven digits."""
    return float(f"{value:.7g}")
