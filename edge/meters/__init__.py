"""One file per meter family: a message becomes total active power in W."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.meters.family import Family

FAMILIES = {
    "smappee": "smappee",
    "shelly-gen1": "shelly_gen1",
    "shelly-gen2": "shelly_gen2",
    "tasmota": "tasmota",
    "dsmr": "dsmr",
    "emon": "emon",
    "vzlogger": "vzlogger",
    "zigbee2mqtt": "zigbee2mqtt",
    "victron": "victron",
    "statestream": "statestream",
    "evcc": "evcc",
    "homie": "homie",
    "thin-edge": "thin_edge",
    "generic": "generic",
}
"""Each family's name and the file that reads it; a new family is one line here and one file with a FAMILY."""


def family_of(name: str) -> "Family":
    """The family of that name; its file is loaded now."""
    found: Family = import_module(f"edge.meters.{FAMILIES[name]}").FAMILY
    return found
