"""The rainwater pump: pressure for toilets, washing machine and garden."""

from __future__ import annotations

from .dice import Dice
from .household import DAY_S, Household
from .load import Load, Run, join, pulses, settling


def rainwater_pump(house: Household, dice: Dice, washed: list[Run]) -> Load:
    """Short runs with inrush after each flush (or every few), at the machine's fillings and in the garden in summer."""
    load = Load(house.seconds)
    load.standby(dice.between(0.5, 4.0))
    power_w, inrush, vessel = dice.between(400.0, 1100.0), dice.between(0.8, 2.5), dice.pick((1, 1, 2, 3))
    flush_s, garden = dice.between(9.0, 32.0), dice.chance(0.6)
    per_day = house.members * dice.between(2.5, 5.5)
    drawn, filled = 0, list(washed)
    for day in house.days:
        starts: list[Run] = []
        times_s = [day.moment_s(dice) for _ in range(dice.count(per_day))] if day.lived else []
        if day.lived and dice.chance(0.8):
            times_s.append(day.wake_s + dice.between(60.0, 900.0))
        for time_s in sorted(times_s):
            drawn += 1
            if drawn % vessel == 0:
                starts.append((time_s, dice.near(flush_s * (0.5 + 0.5 * vessel), 0.12)))
        while filled and filled[0][0] < day.start_s + DAY_S:
            begin_s, end_s = filled.pop(0)
            for part in (0.01, 0.45, 0.6, 0.75):
                starts.append((begin_s + part * (end_s - begin_s), dice.between(15.0, 55.0)))
        if garden and day.lived and day.outdoor_c > 16.0 and dice.chance(0.4):
            starts.append((day.sunset_s + dice.between(-3600.0, 900.0), dice.skewed(300.0, 2400.0)))
        for wanted_s, duration_s in sorted(starts):
            start_s, level_w = load.free_s(wanted_s), dice.near(power_w, 0.02)
            course = settling(duration_s, level_w, inrush, 0.6)
            if duration_s > 300.0 and dice.chance(0.5):
                course = join(course[:60], level_w * pulses(dice, duration_s - 60.0, 40.0, 25.0))
            load.drive(start_s, course)
            load.runs.append((start_s, start_s + duration_s))
    return load
