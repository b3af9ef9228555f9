"""Homie 5: `homie/5/<device>/<node>/<property>`, a number in text, retained; the unit stands in `$description`."""

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import W_PER, NoSample, Reading, plain_number, plain_text, read_object
from edge.settings import Meter


class Reader:
    """Remembers the units of each device's properties."""

    def __init__(self, meter: Meter) -> None:
        self._unit = meter.unit if meter.unit in W_PER else ""
        self._units: dict[tuple[str, ...], dict[str, str]] = {}

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A property, or what a device says of itself."""
        del now_ms
        levels = topic.split("/")
        if len(levels) < 4 or levels[1] != "5":
            raise BadReading("the topic is not homie/5/<device>/<node>/<property>")
        device, rest = tuple(levels[:3]), levels[3:]
        if rest == ["$description"]:
            self._units[device] = _units(payload)
            return NoSample("what the device is made of")
        if rest[-1].startswith("$") or rest[-1] == "set":
            return NoSample(f"{rest[-1][:20]}: {plain_text(payload)[:20]}")
        if len(rest) != 2:
            raise BadReading("the topic is not homie/5/<device>/<node>/<property>")
        value = plain_number(payload, rest[1])
        if isinstance(value, NoSample):
            return value
        described = self._units.get(device, {}).get("/".join(rest))
        unit = self._unit if described is None else described
        if device not in self._units and not unit:
            return NoSample("the unit is not known: $description has not come, and unit is not set")
        if unit not in W_PER:
            raise BadReading(f"{'/'.join(rest)[:60]} is in {unit or 'no unit'}, which is no power")
        return Reading(value * W_PER[unit], why="" if described else f"taken as {unit}, as configured")


def _units(payload: bytes) -> dict[str, str]:
    """The unit of each property, by `<node>/<property>`; "" where it has none."""
    nodes = read_object(payload).get("nodes", {})
    found = {}
    for node_id, node in nodes.items() if isinstance(nodes, dict) else ():
        properties = node.get("properties", {}) if isinstance(node, dict) else {}
        for property_id, about in properties.items() if isinstance(properties, dict) else ():
            if isinstance(about, dict):
                found[f"{node_id}/{property_id}"] = str(about.get("unit", ""))[:20]
    return found


def _status(topic: str) -> tuple[str, ...]:
    return ("/".join([*topic.split("/")[:3], "$description"]),)


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The property of a second, after the device's description."""
    del at_ms, voltage_v
    node, name = topic.split("/")[-2:]
    described = {
        "homie": "5.0",
        "version": 1,
        "nodes": {node: {"properties": {name: {"datatype": "float", "unit": "W"}}}},
    }
    return [(_status(topic)[0], orjson.dumps(described)), (topic, f"{power_w:.1f}".encode())]


FAMILY = Family(
    topic="homie/5/+/+/+",
    example="homie/5/meter/mains/power",
    every_s=10,
    hold_s=65,
    reader=Reader,
    simulate=simulate,
    status=_status,
)
