"""Smappee energy monitors: `servicelocation/<uuid>/realtime`, one message a second.

Payload: `totalPower` in W, `voltages[].voltage` in V, `utcTimeStamp` in ms (Smappee local MQTT interface).
"""

from typing import Any

from edge.errors import BadReading
from edge.meters.reading import Reading, read_json, read_number, read_time_ms
from edge.settings import Meter


def read(meter: Meter, payload: bytes) -> Reading:
    """A realtime message as a Reading; BadReading where it has no total power."""
    del meter
    message = read_json(payload)
    if not isinstance(message, dict) or "totalPower" not in message:
        raise BadReading("no totalPower in the message")
    power_w = read_number(message["totalPower"], "totalPower")
    return Reading(power_w, read_time_ms(message.get("utcTimeStamp")), _mean_voltage_v(message.get("voltages")))


def _mean_voltage_v(phases: Any) -> float | None:
    if not isinstance(phases, list):
        return None
    volts = [
        read_number(phase["voltage"], "voltage") for phase in phases if isinstance(phase, dict) and "voltage" in phase
    ]
    return sum(volts) / len(volts) if volts else None
