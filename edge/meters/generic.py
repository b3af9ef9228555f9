"""Any meter that sends a plain number or JSON: the configuration says where the power stands and in which unit."""

import orjson

from edge.meters.family import Family
from edge.meters.reading import W_PER, NoSample, Reading, at_path, at_paths, plain_number, read_json, read_time_ms
from edge.settings import Meter


class Reader:
    """Each message stands for itself."""

    def __init__(self, meter: Meter) -> None:
        self._path, self._time = meter.power, meter.time
        self._w_per = W_PER.get(meter.unit, 1.0)

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A message, by the meter's `power`, `unit` and `time`."""
        del topic, now_ms
        if not self._path:
            value = plain_number(payload, "payload")
            return value if isinstance(value, NoSample) else Reading(value * self._w_per)
        message = read_json(payload)
        power = at_paths(message, self._path)
        if power is None:
            return NoSample(f"{self._path} has no value now")
        at_ms = read_time_ms(at_path(message, self._time)) if self._time else None
        return Reading(power * self._w_per, at_ms)


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The second as JSON: `power = "power_w"`, `time = "at_ms"`."""
    return [(topic, orjson.dumps({"at_ms": at_ms, "power_w": power_w, "voltage_v": voltage_v}))]


FAMILY = Family(topic="#", example="meter/mains", every_s=1, hold_s=10, reader=Reader, simulate=simulate)
