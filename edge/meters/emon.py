"""OpenEnergyMonitor (emonPi, emonTx, emonHub): `emon/<node>/<name>`, a number; or `emon/<node>`, JSON of all of them.

Powers in W, `time` in Unix seconds. Which input is the mains is said by `power` (`power1 + power2`); otherwise it is
the first one, `power1` or `P1`.
"""

import re

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import (
    NoSample,
    Reading,
    at_paths,
    number_or_none,
    plain_number,
    read_json,
    read_number,
    read_object,
    read_time_ms,
)
from edge.settings import Meter

_FIRST = ("power1", "P1")
_POWER = re.compile(r"power|realPower|P\d", re.ASCII)
_INPUT = re.compile(r"(power|P)\d{1,2}", re.ASCII)
_OTHERS = ("power", "P", "E", "Vrms", "vrms", "T", "temp", "pulse", "rssi", "time", "MSG", "rssi", "realPower", "I")


class Reader:
    """Each message stands for itself."""

    def __init__(self, meter: Meter) -> None:
        self._path = meter.power
        self._named = "" if "+" in meter.topic or "#" in meter.topic else meter.topic.rpartition("/")[2]

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """One input, or a node's inputs."""
        del now_ms
        levels = topic.split("/")
        if payload.lstrip()[:1] == b"{":
            if len(levels) not in {2, 3}:
                raise BadReading("the topic is not emon/<node>")
            return self._node(payload)
        if len(levels) < 3:
            read_json(payload)
            raise BadReading("the topic is not emon/<node>/<name>, and the payload no JSON object")
        name = levels[-1]
        if name not in ((self._path,) if self._path else (*_FIRST, self._named if _POWER.match(name) else "")):
            if not name.startswith(_OTHERS):
                raise BadReading(f"an emon node has no input {name[:30]!r}; say with power which one is the mains")
            return NoSample(f"{name[:30]} is not {self._path or 'the first power input'}")
        power_w = plain_number(payload, name)
        return power_w if isinstance(power_w, NoSample) else Reading(power_w)

    def _node(self, payload: bytes) -> Reading | NoSample:
        message = read_object(payload)
        path = self._path or next((name for name in _FIRST if name in message), "")
        if not path:
            raise BadReading(f"none of {', '.join(_FIRST)} in the message; say with power which input is the mains")
        power_w = at_paths(message, path)
        if power_w is None:
            return NoSample(f"{path} has no value now")
        volts = number_or_none(message.get("vrms", message.get("Vrms")), "vrms")
        inputs = {
            name: read_number(value, name)
            for name, value in message.items()
            if _INPUT.fullmatch(name) and value is not None
        }
        return Reading(power_w, read_time_ms(message.get("time")), volts, circuits=inputs)


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The node's message of a second."""
    message = {"power1": round(power_w), "vrms": round(voltage_v, 2), "time": at_ms / 1000, "rssi": -60}
    return [(topic, orjson.dumps(message))]


FAMILY = Family(
    topic="emon/#",
    example="emon/emonpi",
    every_s=5,
    hold_s=15,
    reader=Reader,
    simulate=simulate,
)
