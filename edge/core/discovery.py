"""What Home Assistant is told of a building: a device, and its entities, as its MQTT discovery has them.

Fields as documented at home-assistant.io: MQTT (discovery, availability), MQTT sensor, MQTT binary sensor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
MAINS, EXPORTED, OTHER = "mains", "exported", "other"
"""What is told besides the appliances: what comes in, what goes out, what no appliance explains."""


@dataclass(frozen=True, slots=True)
class Site:
    """Who announces, and where: the discovery prefix, our own topics' root and id, our version."""

    prefix: str
    root: str
    id: str
    version: str

    @property
    def status_topic(self) -> str:
        """Where it stands that we are there, by our last will that we are not."""
        return f"{self.root}/status"

    def building_topic(self, building: str) -> str:
        """Where it stands whether a building's powers are known now."""
        return f"{self.root}/{building}/status"

    def state_topic(self, building: str, name: str, what: str) -> str:
        """Where a value stands: `what` is power, energy or running."""
        return f"{self.root}/{building}/{name}/{what}"


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: where its configuration goes, the configuration, and where its value stands."""

    config_topic: str
    config: dict[str, Any]
    state_topic: str


def entities(site: Site, building: str, appliances: Sequence[str]) -> list[Entity]:
    """All of a building's entities."""
    found = []
    for name in (MAINS, OTHER, *appliances):
        found += [_power(site, building, name), _energy(site, building, name)]
    found.append(_energy(site, building, EXPORTED))
    return found + [_running(site, building, name) for name in appliances]


def _power(site: Site, building: str, name: str) -> Entity:
    more = {"device_class": "power", "unit_of_measurement": "W", "state_class": "measurement"}
    return _entity(site, building, (name, "power"), "sensor", {**more, "suggested_display_precision": 0})


def _energy(site: Site, building: str, name: str) -> Entity:
    more = {"device_class": "energy", "unit_of_measurement": "kWh", "state_class": "total_increasing"}
    return _entity(site, building, (name, "energy"), "sensor", {**more, "suggested_display_precision": 2})


def _running(site: Site, building: str, name: str) -> Entity:
    more = {"device_class": "running", "payload_on": "ON", "payload_off": "OFF"}
    return _entity(site, building, (name, "running"), "binary_sensor", more)


def _entity(site: Site, building: str, value: tuple[str, str], component: str, more: dict[str, Any]) -> Entity:
    name, what = value
    device_id = _id(f"{site.id}_{building}")
    unique_id = _id(f"{site.id}_{building}_{name}_{what}")
    state_topic = site.state_topic(building, name, what)
    config = {
        "name": f"{name.replace('_', ' ').capitalize()} {what}",
        "unique_id": unique_id,
        "state_topic": state_topic,
        "qos": 1,
        "availability": [{"topic": site.status_topic}, {"topic": site.building_topic(building)}],
        "availability_mode": "all",
        "device": {
            "identifiers": [device_id],
            "name": f"nilm-edge {building}",
            "manufacturer": "nilm-edge",
            "model": "Energy by appliance",
            "sw_version": site.version,
        },
        "origin": {"name": "nilm-edge", "sw_version": site.version},
        **more,
    }
    return Entity(f"{site.prefix}/{component}/{unique_id}/config", config, state_topic)


def _id(text: str) -> str:
    """`text` with what an id may not have written as its number, so that two texts stay two ids."""
    return _NOT_IN_AN_ID.sub(lambda found: f"-{ord(found[0]):x}-", text)
