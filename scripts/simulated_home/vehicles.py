"""Electric cars: a wallbox of 3.6 to 11 kW and a portable charger on a socket."""

from __future__ import annotations

import numpy as np

from .dice import Dice, Floats
from .household import Day, Household
from .load import Load, join


def ev_charger(house: Household, dice: Dice) -> Load:
    """A wallbox: one or three phases at 10 to 32 A; starts on arrival or at a tariff's hour; some follow a limit."""
    load = Load(house.seconds)
    load.standby(dice.between(2.0, 8.0))
    power_w = dice.pick((3680.0, 4600.0, 7360.0, 7360.0, 11040.0, 11040.0)) * dice.between(0.95, 1.0)
    if house.small_supply:
        power_w = dice.pick((3600.0, 5760.0, 7200.0, 9600.0)) * dice.between(0.95, 1.0)
    _charging(load, house, dice, power_w=power_w, use_wh=dice.between(3500.0, 11000.0), limited=dice.chance(0.2))
    return load


def ev_socket(house: Household, dice: Dice) -> Load:
    """A portable charger at 6 to 10 A, most often a plug-in hybrid's: fewer kWh, longer."""
    load = Load(house.seconds)
    load.standby(dice.between(0.5, 3.0))
    power_w = dice.between(1300.0, 1500.0) if house.small_supply else dice.between(1400.0, 2300.0)
    _charging(load, house, dice, power_w=power_w, use_wh=dice.between(2200.0, 6000.0), limited=False)
    return load


def _charging(load: Load, house: Household, dice: Dice, *, power_w: float, use_wh: float, limited: bool) -> None:
    """Fill what the days used, each evening or when it has become much; tapers at the end of a full charge."""
    empty_wh, busy_s = dice.between(0.3, 2.0) * use_wh, -1.0
    patience = dice.pick((0.6, 1.2, 2.5, 3.5))
    tariff_h = dice.pick((None, None, 22.0, 0.5, 2.0))
    taper_s, ramp_s = dice.between(300.0, 1500.0), dice.between(4.0, 25.0)
    preheats = dice.chance(0.3)
    for day in house.days:
        empty_wh += dice.near(use_wh, 0.28) if day.lived else 0.0
        if preheats and day.lived and not day.weekend and day.outdoor_c < 8.0 and dice.chance(0.5):
            warm_s = dice.between(400.0, 900.0)
            warmed_s = max(day.spans[0][1] - warm_s, busy_s + 60.0)
            _warm_up(load, dice, warmed_s, warm_s, min(power_w, 2600.0))
            busy_s = warmed_s + warm_s
        if not day.lived or empty_wh < patience * use_wh:
            continue
        start_s = _plugged_s(day, tariff_h, dice)
        if start_s < busy_s + 1200.0:
            continue
        stays_wh = power_w * dice.between(6.0, 13.0)
        charged_wh = min(empty_wh, stays_wh)
        # A car told to stop at four fifths ends at full current; a full battery tapers.
        tail_s = taper_s if charged_wh == empty_wh and dice.chance(0.6) else 0.0
        course = _session(dice, charged_wh=charged_wh, power_w=power_w, taper_s=tail_s, ramp_s=ramp_s, limited=limited)
        load.current(start_s, course)
        busy_s = start_s + len(course)
        load.runs.append((start_s, busy_s))
        empty_wh -= charged_wh


def _plugged_s(day: Day, tariff_h: float | None, dice: Dice) -> float:
    """When charging begins: back home for the last time, or the cheap hour after."""
    home_s = day.spans[-1][0] + dice.skewed(60.0, 5400.0) if len(day.spans) > 1 else day.moment_s(dice)
    if tariff_h is None:
        return home_s
    cheap_s = day.start_s + 3600.0 * (tariff_h if tariff_h > 12.0 else tariff_h + 24.0)
    return max(home_s, cheap_s + dice.between(0.0, 20.0))


def _session(dice: Dice, *, charged_wh: float, power_w: float, taper_s: float, ramp_s: float, limited: bool) -> Floats:
    """Current ramps up in steps, holds, and falls to a sixth while the cells balance."""
    hold_s = max(3600.0 * charged_wh / power_w - 0.55 * taper_s, 300.0)
    # The car asks for current in steps of an ampere: eight of them make the ramp.
    rising = np.ceil(8.0 * np.arange(1, int(ramp_s) + 1) / ramp_s) / 8.0
    held = 1.0 + 0.0015 * dice.wander(int(hold_s), 13)
    if limited:
        # Another consumer or the sun sets the limit: amperes move every minute or so.
        share = 0.72 + 0.22 * dice.wander(int(hold_s), 1500) + 0.05 * dice.wander(int(hold_s), 45)
        held *= np.clip(np.floor(16.0 * share) / 16.0, 0.38, 1.0)
    falling = 1.0 - 0.84 * np.floor(np.arange(int(taper_s)) / taper_s * 24.0) / 24.0
    return power_w * join(rising, held, falling if taper_s else np.zeros(0))


def _warm_up(load: Load, dice: Dice, start_s: float, duration_s: float, power_w: float) -> None:
    """Cabin heating from the plug before leaving, weaker once warm."""
    course = np.interp(np.arange(int(duration_s)), np.array([0.0, 20.0, 0.6 * duration_s]), np.array([0.2, 1.0, 1.0]))
    course[int(0.6 * duration_s) :] *= dice.between(0.5, 1.0)
    load.current(start_s, course * power_w)
    load.runs.append((start_s, start_s + duration_s))
