"""The heat pump: a controller that meets the house's heat demand, minute by minute, and the tap water's."""

from __future__ import annotations

import numpy as np

from .dice import Dice, Floats
from .household import DAY_S, Household
from .load import Load, settling


class _Pump:
    """One home's machine: size by the house's loss, modulating or fixed speed, its defrost and tap-water habits."""

    def __init__(self, house: Household, dice: Dice) -> None:
        self.fixed = dice.chance(0.3)
        self.loss_w_per_k = dice.between(70.0, 260.0)
        self.gain_k = dice.between(2.0, 5.0)
        self.setback_k = dice.pick((0.0, 0.0, dice.between(0.5, 2.5)))
        self.quality = dice.between(0.8, 1.15)
        design_w = self.loss_w_per_k * 30.0 / self.cop(-8.0, 35.0)
        self.full_w = min(max(design_w * dice.between(0.8, 1.2), 700.0), 5200.0)
        self.least_w = self.full_w * (1.0 if self.fixed else dice.between(0.22, 0.4))
        self.band_wh = self.loss_w_per_k * dice.between(4.0, 14.0)
        self.defrosts = dice.chance(0.75)
        self.frost_minutes = dice.between(50.0, 120.0)
        self.water_hours = dice.pick(((5.0,), (13.0,), (4.0, 15.0), (21.0,), (5.5, 17.0)))
        self.water_minutes = dice.between(20.0, 50.0) * (0.7 + 0.15 * house.members)
        self.rod_w = dice.pick((0.0, 0.0, dice.between(2000.0, 6000.0)))
        self.water_shift_h = dice.between(-0.8, 0.8)
        self.inrush, self.circulator_w = dice.between(4.0, 25.0), dice.between(15.0, 70.0)

    def cop(self, outdoor_c: float, flow_c: float) -> float:
        """Heat per work: falls with the lift; a line through usual values, 4.6 at 7/35 °C and 2.9 at 7/55 °C."""
        return self.quality * max(1.6, 4.6 + 0.09 * (outdoor_c - 7.0) - 0.085 * (flow_c - 35.0))


def heat_pump(house: Household, dice: Dice) -> Load:
    """Electric power of an air or ground source heat pump; about 60 s steps with inverter ramps between."""
    pump, load = _Pump(house, dice), Load(house.seconds)
    load.standby(dice.between(4.0, 18.0))
    knots_s, knots_w, rod = _controller(pump, house, dice)
    seconds = np.arange(house.seconds)
    power_w: Floats
    if pump.fixed:
        power_w = knots_w[np.searchsorted(knots_s, seconds, side="right") - 1]
        for at in np.flatnonzero(np.diff(knots_w) > 0.5 * pump.full_w) + 1:
            load.drive(knots_s[at], settling(90.0, 0.04 * pump.full_w, pump.inrush, 1.2))
    else:
        power_w = np.asarray(np.interp(seconds, knots_s, knots_w), np.float64)
        turns = power_w > 0.3 * pump.least_w
        power_w *= 1.0 + turns * (0.010 * dice.wander(house.seconds, 17) + 0.004 * dice.noise(house.seconds))
    load.drive(0.0, power_w + (power_w > 100.0) * pump.circulator_w)
    for start_s, duration_s in rod:
        load.heat(start_s, np.full(int(duration_s), pump.rod_w))
    return load


def _controller(pump: _Pump, house: Household, dice: Dice) -> tuple[Floats, Floats, list[tuple[float, float]]]:
    """Times and power targets, and the immersion heater's runs: demand fills a deficit, running empties it."""
    knots_s, knots_w, rod = [0.0], [0.0], []
    at_s, deficit_wh, running, frost = 0.0, dice.uniform() * pump.band_wh, dice.chance(0.5), 0.0
    water_left, defrost_left = 0.0, 0.0
    level, outdoor_c = 0.0, house.outdoor_c
    while at_s < house.seconds:
        minute = int(at_s // 60)
        hour = (at_s % DAY_S) / 3600.0
        step_s = dice.between(48.0, 72.0)
        cold_c = outdoor_c[minute]
        night = hour < 5.0 or hour > 22.5
        target_c = 20.5 - (pump.setback_k if night else 0.0)
        demand_w = max(0.0, pump.loss_w_per_k * (target_c - pump.gain_k - cold_c)) if cold_c < 15.0 else 0.0
        deficit_wh += demand_w * step_s / 3600.0
        if any(0 <= hour - h - pump.water_shift_h < step_s / 3600.0 for h in pump.water_hours):
            water_left = dice.near(pump.water_minutes, 0.25)
            if pump.rod_w and (cold_c < -4.0 or dice.chance(0.12)):
                rod.append((at_s + 60.0 * water_left, dice.between(300.0, 1500.0)))
        if defrost_left > 0:
            defrost_left -= 1
            power_w = pump.full_w * (0.10 if defrost_left > 0 and not pump.fixed else 0.35)
        elif water_left > 0:
            water_left -= 1
            power_w = max(pump.least_w, pump.full_w * (0.95 - 0.009 * min(water_left, 40.0)))
        else:
            running = deficit_wh > (0.0 if running else pump.band_wh)
            flow_c = 33.0 + 0.5 * max(0.0, 15.0 - cold_c)
            wanted_w = demand_w / pump.cop(cold_c, flow_c) + 0.25 * deficit_wh / 4.0
            power_w = min(max(wanted_w, pump.least_w), pump.full_w) if running else 0.0
            deficit_wh -= power_w * pump.cop(cold_c, flow_c) * step_s / 3600.0
        frost += 1.0 if power_w > 0 and -9.0 < cold_c < 4.5 else 0.0
        if pump.defrosts and frost > pump.frost_minutes and water_left <= 0:
            defrost_left, frost = float(dice.whole(3, 7)), 0.0
        level = power_w if pump.fixed or power_w == 0 else level + 0.45 * (power_w - level)
        at_s += step_s
        knots_s.append(at_s)
        knots_w.append(level)
    return np.array(knots_s), np.array(knots_w), rod
