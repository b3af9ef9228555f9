"""Smappee energy monitors: `servicelocation/<uuid>/realtime`, one message a second.

Payload: `totalPower` in W, `channelPowers[].power` in W, `voltages[].voltage` in V, `utcTimeStamp` in ms.
"""

from typing import Any

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import NoSample, Reading, mean, number_or_none, read_object, read_time_ms
from edge.settings import Meter


class Reader:
    """Each message stands for itself."""

    def __init__(self, meter: Meter) -> None:
        del meter

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A realtime message."""
        del topic, now_ms
        message = read_object(payload)
        if "totalPower" not in message:
            raise BadReading("no totalPower in the message")
        power_w = number_or_none(message["totalPower"], "totalPower")
        if power_w is None:
            return NoSample("totalPower has no value now")
        voltage_v = mean([phase.get("voltage") for phase in _objects(message.get("voltages"))], "voltage")
        at_ms = read_time_ms(message.get("utcTimeStamp"))
        return Reading(power_w, at_ms, voltage_v, circuits=_circuits(message.get("channelPowers")))


def _circuits(channels: Any) -> dict[str, float]:
    found = {}
    for channel in _objects(channels):
        name = channel.get("publishIndex", channel.get("ctInput"))
        power_w = number_or_none(channel.get("power"), "channelPowers power")
        if isinstance(name, (int, str)) and power_w is not None:
            found[str(name)] = power_w
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The message of a second."""
    message = {
        "totalPower": round(power_w),
        "utcTimeStamp": at_ms,
        "channelPowers": [{"publishIndex": 0, "power": round(power_w), "phaseId": 0}],
        "voltages": [{"voltage": voltage_v, "phaseId": 0}],
    }
    return [(topic, orjson.dumps(message))]


FAMILY = Family(
    topic="servicelocation/+/realtime",
    example="servicelocation/4e3a1b5c/realtime",
    every_s=1,
    hold_s=10,
    reader=Reader,
    simulate=simulate,
)
