"""The grid's voltage, and what a meter makes of the true power: noise, whole watts, repeated seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dice import Dice, Floats
from .household import Household

Watts = NDArray[np.float32]


def voltage(house: Household, nominal_w: Watts, dice: Dice) -> Floats:
    """Voltage at the meter: the street's wander, tap changes, and the drop over the service line by own load."""
    size = house.seconds
    level_v = house.nominal_v * dice.between(0.985, 1.035)
    line_ohm = dice.between(0.08, 0.45) * (0.5 if house.small_supply else 1.0)
    unit_v = house.nominal_v / 230.0
    volts = 1.6 * dice.wander(size, 5400)
    for share_v, step_s in ((0.7, 240), (0.25, 11)):
        volts += share_v * dice.wander(size, step_s)
    volts += 0.06 * dice.noise(size)
    volts *= unit_v
    volts += level_v
    volts -= nominal_w * (line_ohm / house.nominal_v)
    return volts


def reading(true_w: Watts, scale: float, dice: Dice) -> Watts:
    """What the meter says each second: whole watts; now and then a second repeats the one before.

    `scale` is mains watts over circuit watts, above 1 where the mains meter counts apparent power.
    """
    size = len(true_w)
    noise_w, share = dice.skewed(0.1, 2.2), dice.skewed(0.0002, 0.002)
    read_w = scale * true_w
    noise = dice.noise(size)
    noise *= noise_w + share * read_w
    noise += read_w
    read_w = np.round(noise, out=noise)
    lost = dice.noise(size) < -2.449 * (1.0 - (2.0 * dice.skewed(0.00005, 0.002)) ** 0.5)
    held = lost.copy()
    held[0] = False
    if dice.chance(0.3):
        # A radio link that fades: a lost second takes up to three more with it.
        for shift in (1, 2, 3):
            held[shift:] |= lost[:-shift]
        held[:4] = False
    kept = np.maximum.accumulate(np.where(held, 0, np.arange(size)))
    return np.asarray(read_w[kept], np.float32)
