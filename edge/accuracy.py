"""The running accuracy: what was predicted against what was measured, counted hour by hour from InfluxDB into Redis."""

from typing import Any

import numpy as np

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.accuracy import HOUR_MS, SPANS_H, Sums, figures, hours_of, sums_of, to_json, together
from edge.models_folder import on_thresholds_w
from edge.settings import Config

_HOURS_A_TURN = 24
"""A week that was never counted takes seven turns: a question to InfluxDB for each appliance and hour."""
_AGAIN_MS = 60_000
_SETTLED_MS = 600_000
"""So long after its end an hour is counted again; what comes later still has it forgotten by whoever stores it."""
_ROWS = (
    'SELECT power_w, "on", warmup, measured_w FROM appliance '
    "WHERE building = $building AND appliance = $appliance AND time >= $start AND time < $end"
)


class Accuracy:
    """Counts what is due. Raises Unavailable while Redis or InfluxDB is away."""

    def __init__(self, config: Config, streams: Streams, influx: Influx) -> None:
        self._config = config
        self._streams = streams
        self._influx = influx
        self._bucket = config.influx.bucket_pred

    def turn(self, now_ms: int) -> int:
        """Count the newest hours of each building that are due; how many were."""
        counted = 0
        measured = {name: self._streams.measured_names(name) for name in self._streams.buildings()}
        known_w = on_thresholds_w(self._config) if any(measured.values()) else {}
        for building, names in measured.items():
            wanted_w = {name: known_w[name] for name in names if name in known_w}
            said = self._streams.accuracy(building) if wanted_w else {}
            due = [ms for ms in hours_of("week", now_ms) if _is_due(said.get(ms), wanted_w, ms, now_ms)]
            for hour_ms in due[::-1][:_HOURS_A_TURN] if wanted_w else []:
                of = {
                    name: {"on_threshold_w": least_w, **to_json(self._sums(building, name, hour_ms, least_w))}
                    for name, least_w in wanted_w.items()
                }
                self._streams.put_accuracy(building, hour_ms, {"counted_ms": now_ms, "of": of})
                counted += 1
            self._streams.forget_accuracy(building, [ms for ms in said if ms < hours_of("week", now_ms)[0]])
        return counted

    def _sums(self, building: str, appliance: str, hour_ms: int, on_threshold_w: float) -> Sums:
        bound: dict[str, str | int | float] = {"building": building, "appliance": appliance}
        bound |= {"start": hour_ms * 1_000_000, "end": (hour_ms + HOUR_MS) * 1_000_000}
        found = [row[1:] for series in self._influx.query(self._bucket, _ROWS, bound) for row in series.values]
        both = [row for row in found if row[0] is not None and row[3] is not None and not row[2]]
        power_w, on, _, measured_w = zip(*both, strict=True) if both else ((), (), (), ())
        return sums_of(
            np.array(power_w, np.float64), np.array(on, np.bool_), np.array(measured_w, np.float64), on_threshold_w
        )


def summary(streams: Streams, building: str, now_ms: int) -> dict[str, Any]:
    """A building's running accuracy, as JSON, from what was counted; Unavailable without Redis.

    By appliance, those alone of which a second of the week was measured.
    """
    said = streams.accuracy(building)
    newest = said[max(said)]["of"] if said else {}
    told = {
        name: {"on_threshold_w": of["on_threshold_w"]}
        | {span: figures(together(_of(said, name, hours_of(span, now_ms)))) for span in SPANS_H}
        for name, of in sorted(newest.items())
    }
    return {
        "appliances": {name: one for name, one in told.items() if one["week"]["seconds"]},
        "hours_to_count": sum(hour_ms not in said for hour_ms in hours_of("week", now_ms)) if newest else 0,
    }


def as_lines(found: dict[str, Any]) -> list[str]:
    """What `summary` found, a line an appliance."""
    return [
        f"{name} measured: " + "; ".join(f"last {span} {_in_words(said[span])}" for span in SPANS_H)
        for name, said in found["appliances"].items()
    ]


def _in_words(said: dict[str, Any]) -> str:
    if not said["seconds"]:
        return "nothing to compare"
    f1 = "never ran" if said["f1"] is None else f"F1 {said['f1']:.2f}"
    return f"off by {said['mae_w']:.1f} W on average (always 0 W: {said['always_zero_mae_w']:.1f}), {f1}"


def _of(said: dict[int, Any], name: str, hours_ms: range) -> list[Sums]:
    parts = [said[hour_ms]["of"].get(name) for hour_ms in hours_ms if hour_ms in said]
    return [Sums(**{key: value for key, value in part.items() if key != "on_threshold_w"}) for part in parts if part]


def _is_due(said: dict[str, Any] | None, wanted_w: dict[str, float], hour_ms: int, now_ms: int) -> bool:
    if said is None or {name: of["on_threshold_w"] for name, of in said["of"].items()} != wanted_w:
        return True
    counted_ms = said["counted_ms"]
    return bool(counted_ms < hour_ms + HOUR_MS + _SETTLED_MS and now_ms - counted_ms >= _AGAIN_MS)
