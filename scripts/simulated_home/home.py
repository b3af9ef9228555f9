"""A whole simulated home: thirteen appliances, everything else, one meter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from . import any_make, cooling, heating, kitchen, laundry, vehicles, water
from .background import background
from .dice import Dice
from .household import DAY_S, Household
from .load import Load
from .meter import reading, voltage

FIRST_TRAINING_SEED = 1000
"""Training seeds are this or above; those below are for shipping, tests and validation, and are never trained on."""

OWNED = {
    "HeatPump": 0.45,
    "Dishwasher": 0.75,
    "WashingMachine": 0.95,
    "Dryer": 0.55,
    "Oven": 0.85,
    "Stove": 0.85,
    "RangeHood": 0.7,
    "EVCharger": 0.35,
    "EVSocket": 0.3,
    "RainwaterPump": 0.4,
    "Fridge": 0.98,
    "Microwave": 0.85,
    "Kettle": 0.8,
}
"""Each appliance's share of homes that have it; the order is the order of columns everywhere."""

OWNED_AT_120_V = {
    "HeatPump": 0.08,
    "Dryer": 0.75,
    "Oven": 0.65,
    "Stove": 0.65,
    "RangeHood": 0.4,
    "EVCharger": 0.08,
    "EVSocket": 0.08,
    "RainwaterPump": 0.1,
    "Microwave": 0.95,
    "Kettle": 0.2,
}
"""Where 120 V homes are otherwise."""

OF_ONE_MAKE = 0.4
"""Share of 230 V homes, the shipped one among them, whose dishwasher, microwave, stove and gadgets work in one way."""


@dataclass(frozen=True)
class Home:
    """One home's seconds; watts are what was really drawn. Appliances it lacks are zeros and not in `owned`."""

    time: NDArray[np.int64]
    mains_w: NDArray[np.float32]
    voltage_v: NDArray[np.float32]
    appliances: dict[str, NDArray[np.float32]]
    owned: frozenset[str]
    mains_scale: float

    def digest(self) -> str:
        """sha256 over all arrays: the same seed gives the same one on every machine."""
        whole = sha256()
        for array in (self.time, self.mains_w, self.voltage_v, *self.appliances.values()):
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()


def simulate(
    seed: int, days: float, start: date | datetime, *, all_appliances: bool = False, vary_scale: bool = False
) -> Home:
    """The home of this seed from `start` (UTC) for `days`; a longer simulation begins with the shorter one.

    `vary_scale` makes the mains read 1.0 to 1.6 times the circuits in a third of homes, as some real meters do.
    """
    begin = start if isinstance(start, datetime) else datetime(start.year, start.month, start.day)  # noqa: DTZ001
    begin = begin.replace(tzinfo=UTC) if begin.tzinfo is None else begin.astimezone(UTC)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    skipped_s = int((begin - midnight) / timedelta(seconds=1))
    length_s = round(days * DAY_S)
    house = Household(seed, midnight.date(), -(-(skipped_s + length_s) // DAY_S))
    dice = Dice(seed, "home")
    shares = OWNED | OWNED_AT_120_V if house.small_supply else OWNED
    owned = frozenset(name for name, share in shares.items() if dice.chance(share) or all_appliances)
    mains_scale = dice.between(1.0, 1.6) if dice.chance(0.35) and vary_scale else 1.0
    of_any_make = house.small_supply or not Dice(seed, "makes").chance(OF_ONE_MAKE)
    loads = _appliances(house, of_any_make=of_any_make)
    rest = background(house, of_any_make=of_any_make)
    used = [loads[name] for name in OWNED if name in owned] + [rest]
    nominal_w = used[0].heat_w + used[0].drive_w
    for load in used[1:]:
        nominal_w += load.heat_w
        nominal_w += load.drive_w
    del used, load  # each load's memory goes as soon as its watts are known
    volts = voltage(house, nominal_w, Dice(seed, "voltage"))
    strength = np.square(volts / house.nominal_v).astype(np.float32)
    window = slice(skipped_s, skipped_s + length_s)
    true_w = rest.heat_w * strength + rest.drive_w
    del rest, nominal_w
    appliances = {}
    for name in OWNED:
        power_w = np.zeros(length_s, np.float32)
        if name in owned:
            load = loads.pop(name)
            drawn_w = load.heat_w * strength + load.drive_w
            true_w += drawn_w
            power_w = np.round(2.0 * np.maximum(drawn_w[window], 0.0)) * np.float32(0.5)
        appliances[name] = power_w
    mains_w = reading(true_w, mains_scale, Dice(seed, "meter"))
    first_ms = int(begin.timestamp()) * 1000
    return Home(
        first_ms + 1000 * np.arange(length_s, dtype=np.int64),
        mains_w[window],
        (np.round(10.0 * volts[window]) / 10.0).astype(np.float32),
        appliances,
        owned,
        mains_scale,
    )


def _appliances(house: Household, *, of_any_make: bool) -> dict[str, Load]:
    """Every appliance's load, each from its own stream; some follow another's runs."""
    loads = {
        name: model(house, Dice(house.seed, name))
        for name, model in (
            ("HeatPump", heating.heat_pump),
            ("Dishwasher", any_make.dishwasher if of_any_make else laundry.dishwasher),
            ("WashingMachine", laundry.washing_machine),
            ("Oven", kitchen.oven),
            ("Stove", any_make.stove if of_any_make else kitchen.stove),
            ("EVCharger", vehicles.ev_charger),
            ("EVSocket", vehicles.ev_socket),
            ("Fridge", cooling.fridge),
            ("Microwave", any_make.microwave if of_any_make else kitchen.microwave),
            ("Kettle", kitchen.kettle),
        )
    }
    washed = loads["WashingMachine"].runs
    cooking = loads["Stove"].runs + loads["Oven"].runs
    loads["Dryer"] = laundry.dryer(house, Dice(house.seed, "Dryer"), washed)
    loads["RangeHood"] = kitchen.range_hood(house, Dice(house.seed, "RangeHood"), cooking)
    loads["RainwaterPump"] = water.rainwater_pump(house, Dice(house.seed, "RainwaterPump"), washed)
    return loads
