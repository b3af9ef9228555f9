"""Random homes at one sample a second: appliances by their physics and their household's habits."""

from .home import FIRST_TRAINING_SEED, OWNED, Home, simulate
from .shipped import SHIPPED_DAYS, SHIPPED_SEED, SHIPPED_START, later_days, shipped

__all__ = [
    "FIRST_TRAINING_SEED",
    "OWNED",
    "SHIPPED_DAYS",
    "SHIPPED_SEED",
    "SHIPPED_START",
    "Home",
    "later_days",
    "shipped",
    "simulate",
]
