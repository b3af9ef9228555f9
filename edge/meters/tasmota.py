"""Tasmota: `tele/<device>/SENSOR`, every 300 s unless TelePeriod says otherwise (10 s at least).

`ENERGY.Power` in W, an array where there are phases; `Total` in kWh. A smart meter script sends a group of its own,
often `SML` with `Power_curr` in W; other names go into `power`. `Time` has no zone and is not used.
"""

from typing import Any

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import NoSample, Reading, at_paths, mean, plain_text, read_object, summed
from edge.settings import Meter


class Reader:
    """Each message stands for itself."""

    def __init__(self, meter: Meter) -> None:
        self._path = meter.power

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A SENSOR message."""
        del now_ms
        last = topic.rpartition("/")[2]
        if last == "LWT":
            return NoSample(f"the device says that it is {plain_text(payload)[:20]}")
        if last in {"STATE", "UPTIME"} or last.startswith("INFO"):
            return NoSample(f"{last} has no power")
        if last not in {"SENSOR", "STATUS8", "STATUS10"}:
            raise BadReading("the topic does not end in SENSOR")
        message = read_object(payload)
        message = message.get("StatusSNS", message)
        if self._path:
            power_w = at_paths(message, self._path)
            return NoSample(f"{self._path} has no value now") if power_w is None else Reading(power_w)
        for group, name, energy in (("ENERGY", "Power", "Total"), ("SML", "Power_curr", "Total_in")):
            values = message.get(group) if isinstance(message, dict) else None
            if isinstance(values, dict) and name in values:
                return _reading(values, name, energy)
        raise BadReading("neither ENERGY.Power nor SML.Power_curr in the message; say with power where it stands")


def _reading(values: dict[str, Any], name: str, energy: str) -> Reading | NoSample:
    power_w = summed(values[name], name)
    if power_w is None:
        return NoSample(f"{name} has no value now")
    energy_kwh = summed(values.get(energy), energy)
    return Reading(
        power_w,
        None,
        mean(values.get("Voltage"), "Voltage"),
        summed(values.get("Current"), "Current"),
        None if energy_kwh is None else energy_kwh * 1000,
    )


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The message of a second; whole W, as Tasmota shows them."""
    del at_ms
    energy = {"Total": 6.294, "Period": 0, "Power": round(power_w), "Voltage": round(voltage_v)}
    return [(topic, orjson.dumps({"Time": "2018-02-15T17:37:10", "ENERGY": energy}))]


FAMILY = Family(
    topic="tele/+/SENSOR",
    example="tele/mains/SENSOR",
    every_s=300,
    hold_s=310,
    reader=Reader,
    simulate=simulate,
)
