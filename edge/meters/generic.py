"""Any meter that sends a plain number or JSON: the configuration says where the power stands and in which unit."""

from typing import Any

from edge.errors import BadReading
from edge.meters.reading import PAYLOAD_LIMIT_BYTES, Reading, read_json, read_number, read_time_ms
from edge.settings import Meter

_W_PER = {"W": 1.0, "kW": 1000.0}


def read(meter: Meter, payload: bytes) -> Reading:
    """A message as a Reading, by the meter's `power`, `unit` and `time` settings; BadReading where nothing fits."""
    if not meter.power:
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            raise BadReading(f"payload of {len(payload)} bytes is too long")
        number = read_number(payload.decode("utf-8", errors="replace").strip().strip('"'), "payload")
        return Reading(number * _W_PER[meter.unit])
    message = read_json(payload)
    power_w = read_number(_at(message, meter.power), meter.power) * _W_PER[meter.unit]
    return Reading(power_w, read_time_ms(_at(message, meter.time)) if meter.time else None)


def _at(message: Any, path: str) -> Any:
    """The value at a dotted path, such as `ENERGY.Power` or `emeters.0.power`; BadReading where there is none."""
    value = message
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise BadReading(f"no {path} in the message")
    return value
