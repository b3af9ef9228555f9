"""Small loads used by hand, of one make each or of any."""

from __future__ import annotations

from dataclasses import dataclass

from .dice import Dice
from .household import Day, Household
from .load import Load, pulses, settling, started


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

GADGETS_OF_ANY_MAKE = (
    *GADGETS,
    Gadget("espresso machine", 0.15, (800, 1500), (900, 7200), (0.2, 1.5), "meals", cycle_s=(12, 90)),
    Gadget("griddle", 0.2, (1000, 1800), (600, 2400), (0.05, 0.4), "meals", cycle_s=(40, 50)),
    Gadget("laser printer", 0.2, (600, 1300), (30, 600), (0.1, 1.0), "day", cycle_s=(5, 15)),
    Gadget("bread maker", 0.1, (350, 700), (2400, 4800), (0.05, 0.4), cycle_s=(8, 16)),
    Gadget("sump pump", 0.2, (350, 1100), (8, 60), (0.5, 20.0), heats=False, excess=1.0),
    Gadget("panel heater", 0.25, (500, 4000), (1800, 20000), (0.3, 1.5), "evening", cycle_s=(120, 240)),
    Gadget("dehumidifier", 0.15, (200, 650), (7200, 40000), (0.3, 1.0), heats=False, cycle_s=(900, 600)),
)
"""What homes of any make may have besides."""
SOCKET_W = 1800.0
"""The most that a socket of 120 V gives; what draws `FIXED_W` is wired to a circuit of its own."""
FIXED_W = 4000.0


@dataclass(frozen=True)
class _Manner:
    """How one home's gadget works: lengths and unevenness of its strokes, the first so many times as long, and how it
    starts (s to rise, excess, s to settle)."""

    power_w: float
    often: float
    ripple: float
    cycle_s: tuple[float, float] | None
    first: float = 1.0
    spread: float = 0.2
    start: tuple[float, float, float] | None = None


def gadget(spec: Gadget, house: Household, dice: Dice) -> Load:
    """One home's gadget of this kind, used at its moments."""
    power_w, often = dice.skewed(*spec.power_w), house.bustle * dice.between(*spec.per_day)
    stretch = dice.between(0.7, 1.4)
    cycle_s = (stretch * spec.cycle_s[0], stretch * spec.cycle_s[1]) if spec.cycle_s else None
    return _used(spec, house, dice, _Manner(power_w, often, spec.ripple * dice.skewed(0.1, 1.0), cycle_s))


def gadget_of_any_make(spec: Gadget, house: Household, dice: Dice) -> Load:
    """The same from wide ranges: it heats up first, its strokes are as uneven as its use, and any heater may switch."""
    most_w = 1.2 * spec.power_w[1]
    if house.small_supply and spec.power_w[1] < FIXED_W:
        most_w = min(most_w, SOCKET_W)
    power_w = dice.between(0.7 * spec.power_w[0], most_w)
    often, ripple = house.bustle * dice.between(*spec.per_day), spec.ripple * dice.skewed(0.0, 1.0)
    cycle_s = spec.cycle_s or (dice.pick((None, None, None, (60.0, 60.0))) if spec.heats else None)
    if cycle_s:
        cycle_s = (cycle_s[0] * dice.skewed(0.4, 2.5), cycle_s[1] * dice.skewed(0.4, 2.5))
    first, spread = dice.skewed(1.0, 8.0), dice.between(0.05, 1.0)
    start = dice.pick((None, None, (dice.skewed(0.0, 25.0), dice.between(0.0, 0.5), dice.between(5.0, 80.0))))
    return _used(spec, house, dice, _Manner(power_w, often, ripple, cycle_s, first, spread, start))


def _used(spec: Gadget, house: Household, dice: Dice, manner: _Manner) -> Load:
    load = Load(house.seconds)
    for day in house.days:
        for _ in range(dice.count(manner.often) if day.lived else 0):
            use_s = dice.skewed(*spec.use_s)
            if manner.cycle_s:
                strokes = pulses(dice, use_s, *manner.cycle_s, manner.spread, first=manner.first)
                course = manner.power_w * strokes
            else:
                course = settling(use_s, manner.power_w * dice.pick((1.0, 1.0, 1.0, 0.6)), spec.excess, 1.5)
            if manner.start:
                course = started(course, *manner.start)
            if manner.ripple:
                course *= 1.0 + manner.ripple * (dice.wander(len(course), 6) + 0.4 * dice.noise(len(course)))
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
