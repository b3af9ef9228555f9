"""Zigbee2MQTT: `zigbee2mqtt/<friendly name>`, a JSON object of the device's state; the name may contain `/`.

`power` in W, `voltage` in V, `current` in A, `energy` in kWh. A device with phases has more powers: `power` says which.
"""

from typing import Any

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import NoSample, Reading, at_paths, number_or_none, read_object, read_text, read_time_ms
from edge.settings import Meter

_LAST = {"set", "get", "availability"}


class Reader:
    """Each message stands for itself."""

    def __init__(self, meter: Meter) -> None:
        self._path = meter.power or "power"

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A device's state."""
        del now_ms
        levels = topic.split("/")
        if len(levels) < 2 or levels[0] == "te":
            raise BadReading("the topic is not zigbee2mqtt/<friendly name>")
        if levels[1] == "bridge" or levels[-1] in _LAST or not read_text(payload):
            return NoSample(f"{levels[-1][:30]} has no power")
        message = read_object(payload)
        if not self._is_there(message):
            if "linkquality" in message or "last_seen" in message:
                return NoSample(f"no {self._path} in this message")
            raise BadReading(f"no {self._path} in the message")
        power_w = at_paths(message, self._path)
        if power_w is None:
            return NoSample(f"{self._path} has no value now")
        energy_kwh = number_or_none(message.get("energy"), "energy")
        return Reading(
            power_w,
            read_time_ms(message.get("last_seen")),
            number_or_none(message.get("voltage"), "voltage"),
            number_or_none(message.get("current"), "current"),
            None if energy_kwh is None else energy_kwh * 1000,
        )

    def _is_there(self, message: dict[str, Any]) -> bool:
        return self._path in message or " " in self._path or "." in self._path


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The plug's state of a second."""
    del at_ms
    state = {"current": round(abs(power_w / voltage_v), 2), "energy": 12.34, "linkquality": 120}
    return [(topic, orjson.dumps(state | {"power": round(power_w, 1), "state": "ON", "voltage": round(voltage_v)}))]


FAMILY = Family(
    topic="zigbee2mqtt/#",
    example="zigbee2mqtt/mains",
    every_s=10,
    hold_s=65,
    reader=Reader,
    simulate=simulate,
)
