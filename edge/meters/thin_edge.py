"""thin-edge.io: `te/device/main///m/<type>`, `{"power": ..., "time": "<ISO 8601>"}`; groups of values one level deep.

W, unless `te/device/main///m/<type>/meta` says another unit. `power` names the value: `power`, `mains.power`.
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import W_PER, NoSample, Reading, at_path, at_paths, read_object, read_text, read_time_ms
from edge.settings import Meter


class Reader:
    """Remembers the units of each type of measurement."""

    def __init__(self, meter: Meter) -> None:
        self._path = meter.power or "power"
        self._unit = meter.unit if meter.unit in W_PER else "W"
        self._meta: dict[str, dict[str, Any]] = {}

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A measurement, or what is said of one."""
        del now_ms
        levels = topic.split("/")
        if len(levels) not in {7, 8} or levels[0] != "te" or levels[5] != "m":
            raise BadReading("the topic is not te/device/main///m/<type>")
        if levels[7:] == ["meta"]:
            self._meta["/".join(levels[:7])] = read_object(payload) if read_text(payload) else {}
            return NoSample("what the measurements are in")
        if len(levels) != 7:
            raise BadReading("the topic is not te/device/main///m/<type>")
        message = read_object(payload)
        power = at_paths(message, self._path)
        if power is None:
            return NoSample(f"{self._path} has no value now")
        unit = self._said(self._meta.get(topic, {}))
        if unit not in W_PER:
            raise BadReading(f"{self._path} is in {unit[:20]}, which is no power")
        return Reading(power * W_PER[unit], read_time_ms(message.get("time")))

    def _said(self, meta: dict[str, Any]) -> str:
        try:
            return str(at_path(meta, f"{self._path}.unit"))
        except BadReading:
            return self._unit


def _status(topic: str) -> tuple[str, ...]:
    return (f"{topic}/meta",)


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The measurement of a second."""
    del voltage_v
    time = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
    return [(topic, orjson.dumps({"power": round(power_w, 1), "time": time}))]


FAMILY = Family(
    topic="te/device/main///m/+",
    example="te/device/main///m/mains",
    every_s=10,
    hold_s=30,
    reader=Reader,
    simulate=simulate,
    status=_status,
)
