"""Dishwashers, microwaves and stoves of any make, where laundry.py and kitchen.py have one way of working each.

Their ranges are wide on purpose. A network that is taught one kind of dishwasher finds that one only, and a real home's
is another.
"""

from __future__ import annotations

from .dice import Dice, Floats
from .household import Household
from .kitchen import MICROWAVE_SHARES, cook, servings, weaker
from .laundry import dishes
from .load import Load, flat, join, pulses, settling


def dishwasher(house: Household, dice: Dice) -> Load:
    """Fills, washes by turns with pauses that draw nothing, heats long with the motor on or off, drains, dries."""
    load = Load(house.seconds)
    load.standby(dice.skewed(0.0, 2.0))
    machine = _Dishwasher(dice, small_supply=house.small_supply)
    for start_s in dishes(house, dice, (1200.0, 7200.0)):
        load.runs.append((start_s, machine.wash(load, start_s)))
    return load


class _Dishwasher:
    """One machine: its powers and its way of washing; each programme differs a little."""

    def __init__(self, dice: Dice, *, small_supply: bool) -> None:
        self._dice = dice
        self._motor_w = dice.between(80.0, 320.0) if small_supply else dice.between(30.0, 200.0)
        self._kick = dice.pick((0.0, 0.5, 2.5))
        self._heater_w = dice.between(500.0, 1400.0) if small_supply else dice.between(1500.0, 2400.0)
        self._wash_s, self._pause_s = dice.skewed(30.0, 600.0), dice.skewed(4.0, 90.0)
        self._drain_w, self._valve_w = self._motor_w * dice.between(0.15, 0.6), dice.between(3.0, 15.0)
        self._heated = (dice.chance(0.5), True, dice.chance(0.3), dice.chance(0.4), dice.chance(0.5))
        self._heat_s, self._washes_hot = dice.skewed(300.0, 2700.0), dice.chance(0.5)
        self._thermostat = dice.pick((0.0, 0.0, 0.0, dice.between(60.0, 600.0)))
        self._drying = dice.pick(("off", "flat", "pulsed"))
        self._dry_w = self._heater_w * dice.pick((1.0, dice.between(0.3, 0.8)))
        self._phases, self._unsteady = dice.whole(3, 5), dice.skewed(0.01, 0.12)

    def wash(self, load: Load, at_s: float) -> float:
        """One programme from `at_s`; returns its end."""
        dice = self._dice
        begin_s, length = at_s, dice.near(1.0, 0.15)
        for heated in self._heated[: self._phases]:
            load.drive(at_s, flat(dice.between(40.0, 140.0), self._valve_w))
            at_s += dice.between(60.0, 150.0)
            washing_s = dice.between(120.0, 800.0) * length
            at_s = self._spray(load, at_s, washing_s)
            if heated:
                heat_s = max(self._heat_s * length * dice.near(1.0, 0.2), 120.0)
                on_s = self._thermostat or heat_s
                load.heat(at_s, self._heater_w * pulses(dice, heat_s, on_s, 0.4 * self._thermostat + 1.0))
                if self._washes_hot:
                    self._spray(load, at_s, heat_s)
                at_s = self._spray(load, at_s + heat_s, dice.skewed(60.0, 700.0))
            load.drive(at_s, flat(dice.between(25.0, 100.0), self._drain_w))
            at_s += dice.between(30.0, 200.0)
        drying_s = dice.between(300.0, 2400.0)
        if self._drying == "flat":
            load.heat(at_s, flat(drying_s, self._dry_w))
        elif self._drying == "pulsed":
            load.heat(at_s, self._dry_w * pulses(dice, drying_s, dice.between(60.0, 600.0), dice.between(60.0, 300.0)))
        end_s = at_s + (drying_s if self._drying != "off" else 0.0)
        load.drive(begin_s, flat(end_s - begin_s, 2.0))
        return end_s

    def _spray(self, load: Load, at_s: float, duration_s: float) -> float:
        dice = self._dice
        turns = pulses(dice, duration_s, self._wash_s, self._pause_s, 0.35)
        turns[0] *= 1.0 + self._kick
        load.drive(at_s, self._motor_w * turns * (1.0 + self._unsteady * dice.wander(len(turns), 25)))
        return at_s + duration_s


def microwave(house: Household, dice: Dice) -> Load:
    """Full power, or pulses of it; lamp and fan before and after, or not."""
    load = Load(house.seconds)
    load.standby(dice.between(0.0, 5.0))
    full_w, fan_w = dice.between(900.0, 1800.0), dice.between(20.0, 130.0)
    # Where few homes have a kettle the microwave heats the water too: 7 and 12 runs a day in REDD 3 and 1.
    often = dice.between(2.0, 13.0) if house.small_supply else dice.skewed(0.8, 9.0)
    early_s, late_s = dice.pick((0.0, 0.0, 4.0)), dice.pick((0.0, 0.0, 20.0, 90.0))
    warms, sinks, sinks_s = dice.pick((0.1, 0.5, 1.0)), dice.between(-0.01, 0.08), dice.between(20.0, 200.0)
    period_s, inverter = dice.between(15.0, 40.0), dice.chance(0.25)
    short_s, long_s = dice.skewed(8.0, 40.0), dice.between(90.0, 360.0)
    for wanted_s in servings(house, dice, often, 0.6):
        start_s = load.free_s(wanted_s)
        share = dice.pick(MICROWAVE_SHARES)
        duration_s = dice.skewed(short_s, long_s) if share == 1.0 else dice.skewed(60.0, 560.0)
        beam = settling(duration_s, full_w, sinks, sinks_s)
        beam[:2] *= warms
        load.current(start_s, beam * weaker(dice, duration_s, share, 0.0 if inverter else period_s))
        load.drive(start_s - early_s, flat(duration_s + early_s + dice.skewed(0.0, late_s), fan_w))
        load.runs.append((start_s, start_s + duration_s))
    return load


def stove(house: Household, dice: Dice) -> Load:
    """Coils or radiant zones, pulsed by a regulator from the start or after heating up; many uses are short."""
    load = Load(house.seconds)
    load.standby(dice.between(0.0, 5.0))
    zones_w = [dice.between(400.0, 1600.0), dice.between(1100.0, 2700.0), dice.between(900.0, 2200.0)]
    period_s, short, light_w = dice.skewed(10.0, 120.0), dice.between(0.1, 0.8), dice.pick((0.0, 0.0, 40.0))

    def course(zone_w: float, effort: float) -> Floats:
        return _zone(dice, zone_w, effort, period_s, short)

    cook(load, house, dice, zones_w, add=load.heat, course=course)
    for start_s, end_s in load.runs:
        load.drive(start_s, flat(end_s - start_s, light_w))
    return load


def _zone(dice: Dice, zone_w: float, effort: float, period_s: float, short: float) -> Floats:
    if dice.chance(short):
        return flat(dice.skewed(15.0, 240.0), zone_w)
    courses = [flat(dice.skewed(5.0, 420.0), zone_w)]
    for _ in range(dice.whole(1, 2)):
        share = dice.between(0.1, 0.8)
        duration_s = dice.near(900.0 * (0.25 + effort), 0.25)
        courses.append(zone_w * pulses(dice, duration_s, share * period_s, (1.0 - share) * period_s))
    return join(*courses)
