"""Everything else in a home: what no model covers, and what looks like what they cover."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .cooling import freezer
from .dice import Dice
from .gadgets import GADGETS, GADGETS_OF_ANY_MAKE, gadget, gadget_of_any_make
from .household import Household
from .load import Load, flat, pulses, settling, started


def lights(house: Household, dice: Dice) -> Load:
    """A dozen rooms' lamps, on in the dark while somebody is awake; bulbs and dimmers in older homes."""
    load = Load(house.seconds)
    bulbs = dice.chance(0.25)
    rooms_w = [dice.skewed(4.0, 40.0) * (4.0 if bulbs else 1.0) for _ in range(dice.whole(6, 14))]
    for day in house.days:
        for start_s, end_s in day.spans:
            for room_w in rooms_w:
                for _ in range(dice.count(1.6 * house.bustle)):
                    at_s = dice.between(start_s, end_s)
                    dark = not day.sunrise_s < at_s < day.sunset_s
                    if dark or dice.chance(0.12):
                        on_s = min(dice.skewed(60.0, 9000.0), end_s - at_s)
                        (load.heat if bulbs else load.drive)(at_s, flat(on_s, room_w))
    return load


def circulation(house: Household, dice: Dice) -> Load:
    """A boiler's circulation pump and burner, or a furnace's fan and what lights it, in cycles that follow the cold."""
    load = Load(house.seconds)
    fan = house.small_supply and dice.chance(0.7)
    power_w, burner_w = (dice.between(250.0, 900.0) if fan else dice.between(8.0, 80.0)), dice.between(20.0, 110.0)
    igniter_w = dice.pick((0.0, dice.between(200.0, 600.0))) if fan else 0.0
    at_s, on_s = dice.between(0.0, 1800.0), dice.between(240.0, 900.0)
    while at_s < house.seconds:
        cold_k = 17.0 - house.outdoor_c[int(at_s // 60)]
        if cold_k <= 0:
            at_s += 3600.0
            continue
        running_s = dice.near(on_s, 0.2)
        if igniter_w:
            load.heat(at_s - 40.0, flat(40.0, igniter_w))
        load.drive(at_s, settling(running_s, burner_w, 0.5, 4.0))
        load.drive(at_s + 30.0, settling(running_s + (60.0 if fan else 300.0), power_w, 0.3 if fan else 0.0, 5.0))
        at_s += running_s * max(1.3, 38.0 / cold_k) + dice.between(60.0, 240.0)
    return load


def boiler(house: Household, dice: Dice) -> Load:
    """An electric water heater: long blocks after use or at night, short ones to keep warm."""
    load = Load(house.seconds)
    power_w, night = dice.between(1200.0, 4500.0), dice.chance(0.5)
    for day in house.days:
        for _ in range(dice.whole(2, 5)):
            load.heat(day.start_s + dice.between(0.0, 86_400.0), flat(dice.between(120.0, 500.0), power_w))
        if day.lived:
            start_s = day.start_s + dice.between(3600.0, 4200.0) if night else day.wake_s + dice.between(600.0, 3600.0)
            load.heat(start_s, flat(3600.0 * house.members * dice.between(500.0, 1500.0) / power_w, power_w))
    return load


def floor_heating(house: Household, dice: Dice) -> Load:
    """A bathroom's electric floor or a radiator on a thermostat, mornings and evenings of cold days."""
    load = Load(house.seconds)
    power_w, on_s = dice.between(250.0, 1600.0), dice.between(120.0, 900.0)
    for day in house.days:
        if day.lived and day.outdoor_c < 12.0:
            for start_s in (day.wake_s - 3600.0, day.sleep_s - 10_800.0):
                off_s = on_s * (0.4 + 0.12 * max(day.outdoor_c + 5.0, 0.0))
                load.heat(start_s, power_w * pulses(dice, dice.between(5400.0, 12_000.0), on_s, off_s))
    return load


def air_conditioner(house: Household, dice: Dice) -> Load:
    """Cooling on hot days: a fixed-speed window unit's cycles."""
    load = Load(house.seconds)
    power_w, on_s = dice.between(500.0, 2200.0), dice.between(300.0, 1200.0)
    for day in house.days:
        if day.lived and day.outdoor_c > 20.0:
            start_s = day.start_s + dice.between(39_600.0, 64_800.0)
            course = pulses(dice, dice.between(5400.0, 28_800.0), on_s, on_s * dice.between(0.3, 1.5))
            load.drive(start_s, power_w * course * (1.0 + 0.04 * dice.wander(len(course), 120)))
    return load


def central_air(house: Household, dice: Dice) -> Load:
    """A 120 V home's central unit on hot and on cold days: a fan, then a compressor that starts hard and settles."""
    load = Load(house.seconds)
    if not house.small_supply:
        return load
    power_w, fan_w = dice.between(800.0, 4500.0), dice.between(100.0, 700.0)
    on_s, ahead_s, inrush = dice.between(240.0, 1500.0), dice.between(0.0, 40.0), dice.between(0.0, 4.0)
    start = (dice.skewed(0.0, 30.0), dice.between(-0.2, 0.5), dice.between(10.0, 200.0))
    for day in house.days:
        if day.lived and not 8.0 < day.outdoor_c < 18.0:
            at_s = day.start_s + dice.between(0.0, 64_800.0)
            for _ in range(dice.whole(1, 12)):
                running_s = dice.near(on_s, 0.2)
                course = started(flat(running_s, power_w), *start)
                course[0] *= 1.0 + inrush
                load.drive(at_s, flat(running_s + 2.0 * ahead_s, fan_w))
                load.drive(at_s + ahead_s, course * (1.0 + 0.02 * dice.wander(len(course), 20)))
                at_s += running_s + on_s * dice.between(0.4, 4.0)
    return load


def always(house: Household, dice: Dice) -> Load:
    """Router, stand-by, chargers, aquarium: a base that creeps, with some small periodic loads in it."""
    load = Load(house.seconds)
    base_w = dice.skewed(25.0, 160.0)
    load.drive(0.0, base_w + 0.02 * base_w * dice.wander(house.seconds, 900) + 0.8 * dice.wander(house.seconds, 7))
    for _ in range(dice.whole(0, 3)):
        power_w, on_s = dice.skewed(3.0, 60.0), dice.between(5.0, 900.0)
        load.drive(0.0, power_w * pulses(dice, float(house.seconds), on_s, on_s * dice.between(0.5, 12.0), 0.1))
    return load


Loads = tuple[tuple[str, float, Callable[[Household, Dice], Load]], ...]
"""Name, share of homes that have it, and what simulates one."""

LOADS: Loads = (
    ("always", 1.0, always),
    ("lights", 1.0, lights),
    ("freezer", 0.5, freezer),
    ("second freezer", 0.12, freezer),
    ("circulation", 0.7, circulation),
    ("boiler", 0.15, boiler),
    ("floor heating", 0.2, floor_heating),
    ("air conditioner", 0.2, air_conditioner),
)
OF_ONE_MAKE: Loads = tuple((spec.name, spec.owned, partial(gadget, spec)) for spec in GADGETS)
OF_ANY_MAKE: Loads = (
    ("central air", 0.5, central_air),
    *((spec.name, spec.owned, partial(gadget_of_any_make, spec)) for spec in GADGETS_OF_ANY_MAKE),
)


def background(house: Household, *, of_any_make: bool) -> Load:
    """All of a home's other loads together."""
    total = Load(house.seconds)
    for name, owned, simulate in (*LOADS, *(OF_ANY_MAKE if of_any_make else OF_ONE_MAKE)):
        dice = Dice(house.seed, name)
        if dice.chance(owned):
            load = simulate(house, dice)
            np.add(total.heat_w, load.heat_w, out=total.heat_w)
            np.add(total.drive_w, load.drive_w, out=total.drive_w)
    return total
