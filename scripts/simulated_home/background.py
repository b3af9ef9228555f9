"""Everything else in a home: what no model covers, and what looks like what they cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .cooling import freezer
from .dice import Dice
from .household import Day, Household
from .load import Load, flat, pulses, settling


@dataclass(frozen=True)
class Gadget:
    """A load used by hand: ranges between homes, a moment of the day, and how it switches while in use."""

    name: str
    owned: float
    power_w: tuple[float, float]
    use_s: tuple[float, float]
    per_day: tuple[float, float]
    when: str = "any"
    heats: bool = True
    cycle_s: tuple[float, float] | None = None
    excess: float = 0.0
    ripple: float = 0.0


GADGETS = (
    Gadget("toaster", 0.75, (650, 1200), (80, 260), (0.1, 1.0), "breakfast"),
    Gadget("coffee machine", 0.6, (900, 1500), (30, 90), (0.5, 4.0), "meals"),
    Gadget("filter coffee", 0.3, (600, 1100), (240, 600), (0.2, 1.2), "breakfast"),
    Gadget("coffee warmer", 0.2, (60, 1200), (1200, 4800), (0.2, 1.0), "breakfast", cycle_s=(9, 110)),
    Gadget("hair dryer", 0.65, (900, 2100), (60, 480), (0.1, 1.2), "wake", ripple=0.02),
    Gadget("iron", 0.55, (1400, 2500), (600, 2700), (0.05, 0.35), "day", cycle_s=(14, 40)),
    Gadget("vacuum cleaner", 0.8, (550, 1700), (300, 1800), (0.1, 0.5), "day", heats=False, excess=0.5, ripple=0.03),
    Gadget("robot dock", 0.25, (18, 40), (3600, 10800), (0.2, 1.0), "day", heats=False),
    Gadget("rice cooker", 0.15, (400, 800), (900, 2000), (0.1, 0.7), "meals"),
    Gadget("slow cooker", 0.12, (150, 1000), (2400, 9000), (0.05, 0.3), "day", cycle_s=(60, 180)),
    Gadget("deep fryer", 0.2, (1200, 2300), (900, 2400), (0.02, 0.15), "meals", cycle_s=(45, 70)),
    Gadget("sandwich grill", 0.3, (700, 1600), (420, 1200), (0.03, 0.25), "meals", cycle_s=(40, 35)),
    Gadget("air fryer", 0.3, (1200, 1900), (600, 1800), (0.05, 0.5), "meals", cycle_s=(50, 25)),
    Gadget("blender", 0.6, (250, 900), (8, 90), (0.1, 0.8), "meals", heats=False, excess=0.8, ripple=0.06),
    Gadget("waste disposal", 0.2, (300, 550), (6, 40), (0.3, 2.0), "meals", heats=False, excess=1.5),
    Gadget("fan heater", 0.3, (900, 2200), (900, 7200), (0.05, 0.5), "evening", cycle_s=(300, 240)),
    Gadget("infrared towel heater", 0.2, (300, 800), (1200, 3600), (0.3, 1.0), "wake"),
    Gadget("printer", 0.35, (250, 650), (20, 90), (0.05, 0.6), "day", cycle_s=(3, 6)),
    Gadget("game console", 0.35, (60, 220), (1800, 12000), (0.2, 0.9), "evening", heats=False, ripple=0.08),
    Gadget("television", 0.95, (40, 190), (1800, 14000), (0.6, 2.2), "evening", heats=False, ripple=0.10),
    Gadget("computer", 0.75, (45, 260), (1500, 18000), (0.4, 2.0), "any", heats=False, ripple=0.16),
    Gadget("laptop", 0.85, (25, 80), (1800, 9000), (0.5, 3.0), "any", heats=False, ripple=0.05),
    Gadget("phone", 0.95, (5, 18), (2400, 7200), (0.8, 4.0), "any", heats=False),
    Gadget("hi-fi", 0.4, (20, 90), (1200, 9000), (0.2, 1.2), "any", heats=False, ripple=0.12),
    Gadget("garage door", 0.35, (250, 600), (12, 20), (0.5, 4.0), "any", heats=False, excess=1.0),
    Gadget("power tool", 0.3, (350, 1400), (10, 240), (0.05, 0.8), "day", heats=False, excess=0.6, ripple=0.08),
    Gadget("electric shower", 0.10, (4500, 9000), (200, 600), (0.4, 1.6), "wake"),
    Gadget("bathroom fan", 0.5, (10, 45), (400, 1800), (0.8, 3.0), "any", heats=False, excess=0.3),
    Gadget("electric blanket", 0.15, (50, 150), (1800, 9000), (0.2, 0.8), "evening", cycle_s=(60, 90)),
)


def gadget(spec: Gadget, house: Household, dice: Dice) -> Load:
    """One home's gadget of this kind, used at its moments."""
    load = Load(house.seconds)
    power_w, often = dice.skewed(*spec.power_w), house.bustle * dice.between(*spec.per_day)
    if house.small_supply:
        power_w = min(power_w, 1700.0) if spec.power_w[1] < 4000.0 else power_w
    stretch = dice.between(0.7, 1.4)
    ripple = spec.ripple * dice.skewed(0.1, 1.0)
    for day in house.days:
        for _ in range(dice.count(often) if day.lived else 0):
            use_s = dice.skewed(*spec.use_s)
            if spec.cycle_s:
                course = power_w * pulses(dice, use_s, stretch * spec.cycle_s[0], stretch * spec.cycle_s[1], 0.2)
            else:
                course = settling(use_s, power_w * dice.pick((1.0, 1.0, 1.0, 0.6)), spec.excess, 1.5)
            if ripple:
                course *= 1.0 + ripple * (dice.wander(len(course), 6) + 0.4 * dice.noise(len(course)))
            (load.heat if spec.heats else load.drive)(_moment_s(spec.when, day, dice), course)
    return load


def _moment_s(when: str, day: Day, dice: Dice) -> float:
    """When a use starts; a day without the wanted meal takes any time awake."""
    if when == "wake":
        return day.wake_s + dice.skewed(300.0, 3600.0)
    if when == "evening":
        return max(day.spans[-1][0], day.sleep_s - dice.between(1800.0, 21_600.0))
    if when == "day":
        return min(day.moment_s(dice), day.sleep_s - 7200.0)
    eaten = [meal for meal in day.meals if when in ("meals", meal.name)]
    return dice.pick(eaten).start_s + dice.between(-600.0, 1800.0) if eaten else day.moment_s(dice)


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
    """A boiler's circulation pump and burner (or a furnace's fan) in cycles that follow the cold."""
    load = Load(house.seconds)
    fan = house.small_supply and dice.chance(0.7)
    power_w, burner_w = (dice.between(250.0, 650.0) if fan else dice.between(8.0, 80.0)), dice.between(20.0, 110.0)
    at_s, on_s = dice.between(0.0, 1800.0), dice.between(240.0, 900.0)
    while at_s < house.seconds:
        cold_k = 17.0 - house.outdoor_c[int(at_s // 60)]
        if cold_k <= 0:
            at_s += 3600.0
            continue
        running_s = dice.near(on_s, 0.2)
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


def always(house: Household, dice: Dice) -> Load:
    """Router, stand-by, chargers, aquarium: a base that creeps, with some small periodic loads in it."""
    load = Load(house.seconds)
    base_w = dice.skewed(25.0, 160.0)
    load.drive(0.0, base_w + 0.02 * base_w * dice.wander(house.seconds, 900) + 0.8 * dice.wander(house.seconds, 7))
    for _ in range(dice.whole(0, 3)):
        power_w, on_s = dice.skewed(3.0, 60.0), dice.between(5.0, 900.0)
        load.drive(0.0, power_w * pulses(dice, float(house.seconds), on_s, on_s * dice.between(0.5, 12.0), 0.1))
    return load


LOADS: tuple[tuple[str, float, Callable[[Household, Dice], Load]], ...] = (
    ("always", 1.0, always),
    ("lights", 1.0, lights),
    ("freezer", 0.5, freezer),
    ("second freezer", 0.12, freezer),
    ("circulation", 0.7, circulation),
    ("boiler", 0.15, boiler),
    ("floor heating", 0.2, floor_heating),
    ("air conditioner", 0.2, air_conditioner),
    *((spec.name, spec.owned, partial(gadget, spec)) for spec in GADGETS),
)


def background(house: Household) -> Load:
    """All of a home's other loads together."""
    total = Load(house.seconds)
    for name, owned, simulate in LOADS:
        dice = Dice(house.seed, name)
        if dice.chance(owned):
            load = simulate(house, dice)
            np.add(total.heat_w, load.heat_w, out=total.heat_w)
            np.add(total.drive_w, load.drive_w, out=total.drive_w)
    return total
