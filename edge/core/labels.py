"""Labels: which column of a recording is which appliance, by names that data sets use."""

import re
from collections.abc import Iterable, Sequence

MAINS = ("mains_w", "mains")
ALIASES = {
    "Dishwasher": ("dish_washer",),
    "Dryer": ("tumble_dryer", "clothes_dryer"),
    "EVCharger": ("electric_vehicle", "car_charger", "ev", "wallbox"),
    "Fridge": ("refrigerator", "fridge_freezer"),
    "HeatPump": ("heatpump",),
    "Kettle": ("electric_kettle",),
    "Microwave": ("microwave_oven",),
    "Oven": ("electric_oven",),
    "RangeHood": ("cooker_hood", "extractor_hood", "hood"),
    "Stove": ("hob", "cooktop", "electric_stove"),
    "WashingMachine": ("washer_dryer", "washer", "clothes_washer"),
}
"""Other names of an appliance; docs/evaluation.md lists them, a test compares."""


def match(columns: Iterable[str], appliances: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Each appliance's column, and those of which several columns could be it.

    Upper and lower case, _, - and blanks make no difference, nor does a `_w` at the end; an appliance's own name goes
    before its other names, and these in their order.
    """
    named: dict[str, list[str]] = {}
    for column in columns:
        named.setdefault(_plain(column), []).append(column)
    found: dict[str, str] = {}
    unclear: dict[str, list[str]] = {}
    for appliance in appliances:
        for name in (appliance, *ALIASES.get(appliance, ())):
            candidates = named.get(_plain(name), [])
            if len(candidates) == 1:
                found[appliance] = candidates[0]
            elif candidates:
                unclear[appliance] = candidates
            if candidates:
                break
    return found, unclear


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"(?i)[_ ]w$", "", name).lower())
