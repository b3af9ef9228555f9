"""Redis: each building's energy counters, and what Home Assistant was told, which must be taken back one day."""

from typing import Any

import orjson

from edge.adapters.redis_terms import available, client_of, closed_with
from edge.core.energy import Totals

_TOLD = "nilm:announced"


class EnergyTotals:
    """One connection. Every method raises Unavailable while Redis cannot do its part."""

    def __init__(self, url: str, timeout_s: float = 5.0) -> None:
        self._redis: Any = closed_with(self, client_of(url, timeout_s))

    def load(self, building: str) -> Totals | None:
        """A building's counters and the second they go up to; None where nothing was counted yet."""
        with available():
            found = self._redis.get(_key(building))
        return Totals(**orjson.loads(found)) if found else None

    def save(self, building: str, totals: Totals) -> None:
        """Store counters and second together, so that no second counts twice or not at all."""
        with available():
            self._redis.set(_key(building), orjson.dumps({"at_ms": totals.at_ms, "mws": totals.mws}))

    def told(self) -> dict[str, str]:
        """The configuration topics that were announced, and each one's state topic."""
        with available():
            return {topic.decode(): state.decode() for topic, state in self._redis.hgetall(_TOLD).items()}

    def tell(self, told: dict[str, str]) -> None:
        """Remember what is about to be announced."""
        if told:
            with available():
                self._redis.hset(_TOLD, mapping=told)

    def forget(self, topics: list[str]) -> None:
        """These are taken back."""
        if topics:
            with available():
                self._redis.hdel(_TOLD, *topics)


def _key(building: str) -> str:
    return f"nilm:{building}:energy"
