"""Wet programmes: dishwasher, washing machine and the dryer that follows it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .dice import Dice, Floats
from .household import Household
from .load import Load, Run, flat, join, pulses, settling


def dishwasher(house: Household, dice: Dice) -> Load:
    """Rinse, heat, wash, rinse, heat, dry: pump pulses under one or two heating blocks; after dinner or at night."""
    load = Load(house.seconds)
    load.standby(dice.between(0.2, 1.5))
    heater_w, pump_w = dice.between(1750.0, 2300.0), dice.between(45.0, 180.0)
    programme_heat_s = dice.between(500.0, 1500.0)
    for start_s in dishes(house, dice, (1800.0, 6000.0)):
        length = dice.near(1.0, 0.12)
        at_s = start_s
        plan = (
            (dice.between(240.0, 700.0), 0.0),
            (programme_heat_s * length, 1.0),
            (dice.between(600.0, 2400.0) * length, 0.0),
            (dice.between(200.0, 500.0), 0.0),
            (programme_heat_s * dice.between(0.5, 0.9), 1.0),
        )
        for duration_s, heating in plan:
            wash = join(flat(25.0, 0.3 * pump_w), _circulation(dice, duration_s, pump_w), flat(40.0, 28.0))
            load.drive(at_s, wash)
            load.heat(at_s + 60.0, flat(max(duration_s - 60.0, 0.0), heating * heater_w))
            at_s += len(wash)
        drying_s = dice.between(900.0, 2700.0)
        load.drive(at_s, flat(drying_s, dice.between(3.0, 25.0)))
        load.runs.append((start_s, at_s + drying_s))
    return load


def dishes(house: Household, dice: Dice, after_meal_s: Run) -> Iterator[float]:
    """When a dishwasher that is full is started: so long after the last meal, or at night."""
    fullness, per_day, delayed = dice.uniform(), min(0.16 + 0.14 * house.members, 1.1), dice.chance(0.25)
    for day in house.days:
        fullness += dice.near(per_day, 0.3) * (1.0 if day.lived else 0.0)
        if fullness < 1.0:
            continue
        fullness -= 1.0
        start_s = day.sleep_s + dice.skewed(0.0, 7200.0) if delayed else day.moment_s(dice)
        if day.meals and not delayed:
            start_s = day.meals[-1].start_s + dice.between(*after_meal_s)
        yield start_s


def _circulation(dice: Dice, duration_s: float, pump_w: float) -> Floats:
    """The wash pump with a short rest now and then; its power shifts as the spray arms alternate."""
    running = pulses(dice, duration_s, dice.between(150.0, 600.0), 8.0)
    return running * pump_w * (1.0 + 0.05 * dice.wander(len(running), 40))


def washing_machine(house: Household, dice: Dice) -> Load:
    """Fill, heat while tumbling, rinse, spin; a cold-water agitator in half of the 120 V homes."""
    load = Load(house.seconds)
    load.standby(dice.between(0.2, 2.0))
    agitator = house.small_supply and dice.chance(0.7)
    heater_w, tumble_w = dice.between(1700.0, 2350.0), dice.between(90.0, 260.0)
    spin_w, drain_w = dice.between(250.0, 750.0), dice.between(20.0, 45.0)
    tumble = (dice.between(6.0, 14.0), dice.between(3.0, 9.0))
    basket, per_day = dice.uniform(), 0.10 + dice.between(0.07, 0.16) * house.members
    for day in house.days:
        basket += dice.near(per_day, 0.3) * (1.0 if day.lived else 0.3)
        if not day.lived or basket < 1.0 or not dice.chance(0.9 if day.weekend else 0.6):
            continue
        at_s = max(day.moment_s(dice), day.wake_s + 600.0)
        while basket >= 1.0:
            basket -= 1.0
            start_s = at_s
            if agitator:
                at_s = _agitator(load, dice, at_s, 2.2 * tumble_w)
            else:
                at_s = _drum(load, dice, at_s, (heater_w, tumble_w, spin_w, drain_w), tumble)
            load.runs.append((start_s, at_s))
            at_s += dice.between(300.0, 2400.0)
    return load


def _drum(load: Load, dice: Dice, at_s: float, powers_w: tuple[float, float, float, float], tumble: Run) -> float:
    """One front-loader programme from `at_s`; returns its end."""
    heater_w, tumble_w, spin_w, drain_w = powers_w
    heat_s = dice.pick((dice.between(120.0, 350.0), dice.between(350.0, 900.0), dice.between(800.0, 1500.0)))
    wash_s = heat_s + dice.between(700.0, 3000.0)
    load.heat(at_s + 150.0, flat(heat_s, heater_w))
    if dice.chance(0.4):
        # The thermostat calls for heat again during the main wash.
        load.heat(at_s + 150.0 + heat_s + dice.between(200.0, 500.0), flat(dice.between(40.0, 180.0), heater_w))
    load.drive(at_s, _tumbling(dice, wash_s, tumble_w, tumble))
    at_s += wash_s
    for rinse in range(dice.whole(2, 3)):
        load.drive(at_s, flat(dice.between(40.0, 70.0), drain_w))
        if rinse:
            load.drive(at_s + 60.0, _spin(dice, dice.between(60.0, 130.0), 0.5 * spin_w))
        rinse_s = dice.between(300.0, 700.0)
        load.drive(at_s + 240.0, _tumbling(dice, rinse_s, 0.9 * tumble_w, tumble))
        at_s += 240.0 + rinse_s
    spin_s = dice.between(200.0, 620.0)
    load.drive(at_s, flat(spin_s + 90.0, drain_w))
    load.drive(at_s + 40.0, _spin(dice, spin_s, spin_w))
    load.drive(at_s + spin_s + 110.0, _tumbling(dice, dice.between(40.0, 150.0), 0.8 * tumble_w, tumble))
    return at_s + spin_s + 200.0


def _tumbling(dice: Dice, duration_s: float, power_w: float, tumble: Run) -> Floats:
    """Turns to the left and to the right; the load lies differently each time."""
    turning = pulses(dice, duration_s, *tumble)
    return np.asarray(turning * power_w * (1.0 + 0.15 * dice.wander(len(turning), 11)) + 6.0)


def _spin(dice: Dice, duration_s: float, power_w: float) -> Floats:
    """Speed rises in steps with power, peaks while it accelerates, ends coasting."""
    knots_s = np.array([0.0, 0.1, 0.18, 0.35, 0.45, 0.62, 0.97, 1.0]) * duration_s
    course = np.interp(np.arange(int(duration_s)), knots_s, np.array([0.1, 0.35, 0.3, 0.62, 0.5, 1.0, 0.72, 0.0]))
    return np.asarray(course * power_w * (1.0 + 0.03 * dice.noise(len(course))))


def _agitator(load: Load, dice: Dice, at_s: float, motor_w: float) -> float:
    """One top-loader programme from `at_s`: agitate, drain, spin, twice; returns its end."""
    for duration_s in (dice.between(420.0, 900.0), dice.between(180.0, 360.0)):
        at_s += dice.between(120.0, 260.0)
        load.drive(at_s, motor_w * pulses(dice, duration_s, dice.between(0.7, 4.0), dice.between(0.4, 3.0), 0.05))
        at_s += duration_s + 60.0
        spin_s = dice.between(150.0, 400.0)
        load.drive(at_s, settling(spin_s, 0.8 * motor_w, 0.9, 5.0))
        at_s += spin_s
    return at_s


def dryer(house: Household, dice: Dice, washed: list[Run]) -> Load:
    """After most washes: heated air by thermostat, or a heat pump's slow hump; the drum turns throughout."""
    load = Load(house.seconds)
    load.standby(dice.between(0.2, 2.0))
    compressor = not house.small_supply and dice.chance(0.5)
    heater_w = dice.between(4200.0, 5600.0) if house.small_supply else dice.between(1700.0, 2600.0)
    drum_w, pump_w = dice.between(140.0, 320.0), dice.between(350.0, 750.0)
    habit, tumbles_after, busy_s = dice.between(0.55, 0.95), dice.chance(0.4), -1.0
    for _, washed_s in washed:
        habit_now = dice.chance(habit)
        start_s = max(washed_s + dice.between(150.0, 1800.0), busy_s + 300.0)
        duration_s = dice.between(4500.0, 8400.0) if compressor else dice.between(2000.0, 5400.0)
        if not habit_now:
            continue
        drum = settling(duration_s, drum_w, 1.2, 1.5) * (1.0 + 0.03 * dice.wander(int(duration_s) + 1, 8))
        load.drive(start_s, drum)
        if compressor:
            knots_s = np.array([0.0, 0.02, 0.25, 0.6, 0.93, 0.94]) * duration_s
            hump = np.interp(np.arange(int(duration_s)), knots_s, np.array([0.0, 0.7, 1.0, 1.04, 0.92, 0.0]))
            load.drive(start_s + 20.0, hump * pump_w)
        else:
            full_s, heated_s = 0.55 * duration_s, 0.92 * duration_s
            holding = pulses(dice, heated_s - full_s, dice.between(60.0, 240.0), dice.between(40.0, 200.0), 0.2)
            load.heat(start_s + 10.0, heater_w * join(flat(full_s, 1.0), holding))
        if tumbles_after:
            load.drive(start_s + duration_s + 60.0, drum_w * pulses(dice, 1800.0, 12.0, 110.0))
        busy_s = start_s + duration_s
        load.runs.append((start_s, busy_s))
    return load
