"""Home Assistant's statestream: `<base>/sensor/<name>/state`, a number in text, when it changes.

`<base>/sensor/<name>/unit_of_measurement` says the unit where attributes are published; otherwise `unit` must.
"""

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import W_PER, NoSample, Reading, plain_number, plain_text
from edge.settings import Meter


class Reader:
    """Remembers each sensor's unit."""

    def __init__(self, meter: Meter) -> None:
        self._unit = meter.unit if meter.unit in W_PER else ""
        self._units: dict[str, str] = {}

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A state or an attribute."""
        del now_ms
        root, _, last = topic.rpartition("/")
        if len(topic.split("/")) < 4 or root.split("/")[-2] != "sensor":
            raise BadReading("the topic is not <base>/sensor/<name>/state")
        if last == "unit_of_measurement":
            self._units[root] = plain_text(payload)[:20]
            return NoSample(f"the unit is {self._units[root]}")
        if last != "state":
            return NoSample(f"{last[:30]} is not the state")
        unit = self._units.get(root, self._unit)
        value = plain_number(payload, "state")
        if isinstance(value, NoSample):
            return value
        if not unit:
            return NoSample("the unit is not known: set unit, or publish_attributes in Home Assistant")
        if unit not in W_PER:
            raise BadReading(f"the sensor is in {unit}, which is no power")
        return Reading(value * W_PER[unit], why="" if root in self._units else f"taken as {unit}, as configured")


def _status(topic: str) -> tuple[str, ...]:
    return (f"{topic.rpartition('/')[0]}/unit_of_measurement",)


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The state of a second and its unit."""
    del at_ms, voltage_v
    return [(_status(topic)[0], b'"W"'), (topic, f"{power_w:.1f}".encode())]


FAMILY = Family(
    topic="+/sensor/+/state",
    example="homeassistant/sensor/mains_power/state",
    every_s=10,
    hold_s=65,
    reader=Reader,
    simulate=simulate,
    status=_status,
)
