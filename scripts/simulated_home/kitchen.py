"""Cooking: oven, stove, the hood above them, microwave and kettle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .dice import Dice, Floats
from .household import Household, Meal
from .load import Load, Run, flat, join, pulses, settling

MICROWAVE_SHARES = (1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.5, 0.3)
"""The settings of a microwave's power, full power mostly."""


def meals(house: Household) -> list[Meal]:
    """Every meal at home, in order."""
    return [meal for day in house.days for meal in day.meals]


def stove(house: Household, dice: Dice) -> Load:
    """A radiant hob (thermostat pulses) or an induction hob (steady levels, low ones pulsed); 1 to 3 zones a meal."""
    load = Load(house.seconds)
    load.standby(dice.between(0.0, 2.0))
    induction = dice.chance(0.5)
    zones_w = [dice.between(1000.0, 1500.0), dice.between(1600.0, 2300.0), dice.between(1100.0, 2000.0)]
    period_s = dice.between(1.5, 5.0) if induction else dice.between(12.0, 45.0)
    kind, add = (_induction, load.drive) if induction else (_radiant, load.heat)
    cook(load, house, dice, zones_w, add=add, course=lambda zone_w, effort: kind(dice, zone_w, effort, period_s))
    return load


def cook(
    load: Load,
    house: Household,
    dice: Dice,
    zones_w: Sequence[float],
    *,
    add: Callable[[float, Floats], None],
    course: Callable[[float, float], Floats],
) -> None:
    """Use 1 to 3 zones at most meals: `add` to the load what `course` makes of a zone's power and a meal's effort."""
    for meal in meals(house):
        if not dice.chance(0.4 + 0.7 * meal.effort):
            continue
        start_s, ends_s = load.free_s(meal.start_s + dice.between(0.0, 300.0)), []
        first = dice.whole(0, 2)
        for zone in range(1 + dice.chance(0.6 * meal.effort) + dice.chance(0.4 * meal.effort)):
            begin_s = start_s + zone * dice.between(60.0, 500.0)
            used_w = course(zones_w[(zone + first) % 3], meal.effort)
            add(begin_s, used_w)
            ends_s.append(begin_s + len(used_w))
        load.runs.append((start_s, max(ends_s)))


def _radiant(dice: Dice, zone_w: float, effort: float, period_s: float) -> Floats:
    """Full power to heat up, then one or two settings kept by a switching regulator."""
    courses = [flat(dice.between(120.0, 420.0), zone_w)]
    if effort < 0.35 and dice.chance(0.6):
        # An egg or a reheated pan: full power and off.
        return flat(dice.skewed(40.0, 360.0), zone_w)
    for _ in range(dice.whole(1, 2)):
        share = dice.between(0.15, 0.75)
        duration_s = dice.near(900.0 * (0.35 + effort), 0.25)
        courses.append(zone_w * pulses(dice, duration_s, share * period_s, (1.0 - share) * period_s))
    return join(*courses)


def _induction(dice: Dice, zone_w: float, effort: float, period_s: float) -> Floats:
    """Boost, then hand-set levels; below a third of its power the inverter pulses instead."""
    courses = [settling(dice.between(60.0, 300.0), zone_w * dice.between(0.9, 1.7), -0.35, 1.0)]
    for _ in range(dice.whole(2, 4)):
        level, duration_s = dice.between(0.08, 0.8), dice.near(420.0 * (0.4 + effort), 0.28)
        if level < 0.34:
            on_s = period_s * level / 0.4
            course = 0.4 * zone_w * pulses(dice, duration_s, on_s, period_s - on_s, 0.03)
        else:
            course = flat(duration_s, level * zone_w)
        # A pan's temperature and place change its coupling by a few per cent.
        courses.append(course * (1.0 + 0.015 * dice.wander(len(course), 9)))
    return join(*courses)


def oven(house: Household, dice: Dice) -> Load:
    """Preheating at full power, then thermostat cycles, with lamp and fan; more at weekends."""
    load = Load(house.seconds)
    load.standby(dice.between(0.5, 3.0))
    full_w, fan_w = dice.between(1900.0, 3500.0), dice.between(20.0, 80.0)
    on_s, likely = dice.between(12.0, 70.0), dice.between(0.15, 0.45)
    for day in house.days:
        for meal in day.meals:
            odds = likely * (1.6 if day.weekend else 1.0) * (0.4 + meal.effort)
            if not dice.chance(0.15 * odds if meal.name == "breakfast" else odds):
                continue
            start_s = load.free_s(meal.start_s + dice.between(-600.0, 900.0))
            preheat_s, bake_s = dice.between(300.0, 900.0), dice.between(600.0, 3300.0)
            share = dice.between(0.18, 0.42)
            holding = pulses(dice, bake_s, on_s, on_s * (1.0 - share) / share, 0.15)
            # The pause after the first overshoot, before cycling begins.
            course = join(flat(preheat_s, full_w), flat(dice.between(30.0, 150.0), 0.0), full_w * holding)
            load.heat(start_s, course * (1.0 - 0.02 * np.minimum(np.arange(len(course)) / 300.0, 1.0)))
            load.drive(start_s, flat(len(course) + dice.between(0.0, 600.0), fan_w))
            load.runs.append((start_s, start_s + len(course)))
    return load


def range_hood(house: Household, dice: Dice, cooking: list[Run]) -> Load:
    """A fan of three or four steps and a lamp while something cooks, and for some minutes after."""
    load = Load(house.seconds)
    load.standby(dice.between(0.0, 1.0))
    top_w, lamp_w = dice.between(70.0, 250.0), dice.pick((dice.between(3.0, 12.0), dice.between(3.0, 12.0), 40.0))
    steps = [0.32, 0.5, 0.7, 1.0] if dice.chance(0.5) else [0.4, 0.65, 1.0]
    habit, busy_s = dice.between(0.6, 0.95), -1.0
    for begin_s, end_s in sorted(cooking):
        if begin_s < busy_s or not dice.chance(habit):
            continue
        at_s = begin_s + dice.skewed(10.0, 300.0)
        stop_s = end_s + dice.skewed(-120.0, 900.0)
        if stop_s - at_s < 120.0:
            continue
        load.runs.append((at_s, stop_s))
        load.drive(at_s, flat(stop_s - at_s + dice.skewed(0.0, 900.0), lamp_w))
        while at_s < stop_s:
            duration_s = min(dice.skewed(120.0, 1800.0), stop_s - at_s)
            load.drive(at_s, settling(duration_s, top_w * dice.pick(steps), dice.between(0.05, 0.25), 2.0))
            at_s += duration_s
        busy_s = stop_s
    return load


def microwave(house: Household, dice: Dice) -> Load:
    """Heating at full power, weaker settings as long pulses; fan and lamp throughout; a clock all day."""
    load = Load(house.seconds)
    load.standby(dice.between(1.0, 5.0))
    full_w, fan_w = dice.between(950.0, 1750.0), dice.between(35.0, 80.0)
    often = dice.skewed(0.8, 9.0)
    period_s = dice.between(18.0, 34.0)
    inverter = dice.chance(0.25)
    for wanted_s in servings(house, dice, often, 0.65):
        start_s = load.free_s(wanted_s)
        share = dice.pick(MICROWAVE_SHARES)
        duration_s = dice.skewed(20.0, 230.0) if share == 1.0 else dice.skewed(80.0, 560.0)
        # The magnetron's cathode warms for 2 s, then its power falls by some per cent as it heats.
        beam = settling(duration_s, full_w, 0.06, 60.0)
        beam[:2] *= 0.12
        load.current(start_s, beam * weaker(dice, duration_s, share, 0.0 if inverter else period_s))
        load.drive(start_s - 3.0, flat(duration_s + 3.0 + dice.skewed(0.0, 20.0), fan_w))
        load.runs.append((start_s, start_s + duration_s))
    return load


def servings(house: Household, dice: Dice, often: float, at_meals: float) -> Iterator[float]:
    """When a microwave is wanted, `often` times a day, a share of them around meals."""
    for day in house.days:
        starts_s = []
        for _ in range(dice.count(often) if day.lived else 0):
            near_meal = day.meals and dice.chance(at_meals)
            meal_s = dice.pick(day.meals).start_s + dice.between(-600.0, 1800.0) if near_meal else 0.0
            starts_s.append(meal_s if near_meal else day.moment_s(dice))
        yield from sorted(starts_s)


def weaker(dice: Dice, duration_s: float, share: float, period_s: float) -> Floats | float:
    """What a setting leaves of a microwave's beam: pulses, or the share all the time (an inverter, period 0)."""
    if not period_s or share == 1.0:
        return share
    return pulses(dice, duration_s, share * period_s, (1.0 - share) * period_s, 0.02)


def kettle(house: Household, dice: Dice) -> Load:
    """Boiling by volume, 115 Wh a litre with losses; at breakfast and by habit; at times warmed up again."""
    load = Load(house.seconds)
    load.standby(dice.pick((0.0, 0.0, dice.between(0.3, 1.5))))
    power_w = dice.between(1050.0, 1500.0) if house.small_supply else dice.between(1750.0, 3050.0)
    often, largest_l = dice.between(0.5, 5.0), dice.between(1.0, 1.7)
    keeps_warm = dice.chance(0.1)
    for day in house.days:
        if not day.lived:
            continue
        starts_s = [day.wake_s + dice.skewed(300.0, 2400.0)] if dice.chance(0.75) else []
        starts_s += [day.moment_s(dice) for _ in range(dice.count(often))]
        for wanted_s in sorted(starts_s):
            start_s = load.free_s(wanted_s)
            duration_s = 3600.0 * 115.0 * dice.between(0.25, largest_l) / power_w
            course = flat(duration_s, dice.near(power_w, 0.004))
            if keeps_warm and dice.chance(0.5):
                course = join(course, power_w * (1.0 - pulses(dice, 900.0, 90.0, 8.0)))
            load.heat(start_s, course)
            end_s = start_s + len(course)
            if dice.chance(0.12):
                end_s += dice.between(120.0, 700.0)
                load.heat(end_s, flat(dice.between(15.0, 50.0), power_w))
                end_s += 50.0
            load.runs.append((start_s, end_s))
    return load
