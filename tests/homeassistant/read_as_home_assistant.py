"""Runs with Home Assistant's packages, not with ours: puts configurations through its own schemas.

In: a JSON list of [component, configuration]. Out: what Home Assistant takes of each, or in which words it refuses.
"""

import json
import sys
from typing import Any

import voluptuous
from homeassistant.components.mqtt import binary_sensor, sensor
from homeassistant.const import __version__

SCHEMAS = {"sensor": sensor.DISCOVERY_SCHEMA, "binary_sensor": binary_sensor.DISCOVERY_SCHEMA}


def main() -> None:
    """Read, judge, say."""
    json.dump({"version": __version__, "said": [_said(*one) for one in json.load(sys.stdin)]}, sys.stdout)


def _said(component: str, config: dict[str, Any]) -> Any:
    try:
        return {str(name): _plain(value) for name, value in SCHEMAS[component](config).items()}
    except voluptuous.Invalid as error:
        return str(error)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return getattr(value, "value", value)


if __name__ == "__main__":
    main()
