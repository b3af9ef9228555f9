"""Compressors: the fridge that models find, and the freezer that they must not take for it."""

from __future__ import annotations

from .dice import Dice, Floats
from .household import DAY_S, Household
from .load import Load, flat, settling


def fridge(house: Household, dice: Dice) -> Load:
    """Thermostat cycles with inrush, longer when the kitchen is busy or warm; defrost heater; lamp at each opening."""
    load = Load(house.seconds)
    load.standby(dice.skewed(0.0, 4.0))
    inverter = dice.chance(0.25)
    power_w = dice.between(35.0, 85.0) if inverter else dice.between(65.0, 215.0)
    _cycles(load, house, dice.beside("cycles"), power_w=power_w, soft=inverter)
    lamp_w = dice.pick((dice.between(1.0, 5.0), dice.between(1.0, 5.0), 15.0, 40.0))
    for day in house.days:
        for meal in day.meals:
            for _ in range(dice.whole(2, 6)):
                load.drive(meal.start_s + dice.between(-900.0, 2400.0), flat(dice.skewed(4.0, 60.0), lamp_w))
        for _ in range(dice.count(1.2 * house.members) if day.lived else 0):
            load.drive(day.moment_s(dice), flat(dice.skewed(4.0, 30.0), lamp_w))
    return load


def freezer(house: Household, dice: Dice) -> Load:
    """Like a fridge, seldom opened and without a lamp."""
    load = Load(house.seconds)
    _cycles(load, house, dice.beside("cycles"), power_w=dice.between(50.0, 150.0), soft=dice.chance(0.2))
    return load


def _cycles(load: Load, house: Household, dice: Dice, *, power_w: float, soft: bool) -> None:
    """Add compressor cycles from a random phase on, and a defrost every so many compressor hours if it has one."""
    period_s, duty = dice.between(1700.0, 5000.0) * (1.5 if soft else 1.0), dice.between(0.22, 0.5)
    on_s, off_s = duty * period_s, (1.0 - duty) * period_s
    inrush, settle_s, sag = dice.between(1.5, 7.0), dice.between(0.5, 1.5), dice.between(0.0, 0.22)
    defrost_w, defrost_every_s = dice.pick((0.0, 0.0, dice.between(130.0, 480.0))), dice.between(6.0, 14.0) * 3600.0
    worked_s, at_s = dice.uniform() * defrost_every_s, -dice.uniform() * (on_s + off_s)
    while at_s < house.seconds:
        day = house.days[min(max(int(at_s // DAY_S), 0), house.day_count - 1)]
        warmth = 1.0 + 0.012 * (day.outdoor_c - 10.0)
        busy = 1.0 + (0.18 if day.home_at(at_s) else 0.0)
        running_s = max(dice.near(on_s * warmth * busy, 0.09), 120.0)
        load.drive(at_s, _compressor(dice, running_s, power_w, (inrush, settle_s, sag), soft))
        load.runs.append((at_s, at_s + running_s))
        worked_s += running_s
        at_s += running_s
        if defrost_w and worked_s > defrost_every_s:
            worked_s, heating_s = 0.0, dice.between(600.0, 1500.0)
            load.heat(at_s + 60.0, flat(heating_s, defrost_w))
            at_s += heating_s + 400.0
        at_s += max(dice.near(off_s / (warmth * busy), 0.09), 180.0)


def _compressor(dice: Dice, running_s: float, power_w: float, start: tuple[float, float, float], soft: bool) -> Floats:
    """Inrush, then a slow fall as the evaporator cools; an inverter instead steps down from a quick start."""
    inrush, settle_s, sag = start
    course = settling(running_s, power_w, sag, 400.0)
    if soft:
        course[: int(dice.between(200.0, 700.0))] *= 1.35
        return course
    course[:8] += settling(7.0, power_w, inrush, settle_s) - power_w
    return course
