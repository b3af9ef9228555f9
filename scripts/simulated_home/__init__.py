"""Random homes at one sample a second: appliances by their physics and their household's habits."""

from .home import FIRST_TRAINING_SEED, OWNED, Home, simulate
from .shipped import SHIPPED_DAYS, SHIPPED_SEED, SHIPPED_START, shipped

__all__ = [
    "FIRST_TRAINING_SEED",
    "OWNED",
    "SHIPPED_DAYS",
    "SHIPPED_SEED",
    "SHIPPED_START",
    "Home",
    "shipped",
    "simulate",
]
