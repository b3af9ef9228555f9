"""Redis: each building's energy counters, and what Home Assistant was told, which must be taken back one day."""

from typing import Any, Self

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from edge.adapters.redis_terms import available
from edge.core.energy import Totals

_TOLD = "nilm:announced"


class EnergyTotals:
    """One connection. Every method raises Unavailable while Redis cannot do its part."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    @classmethod
    def connect(cls, url: str, timeout_s: float = 5.0) -> Self:
        """Prepare a connection; Redis need not be there yet."""
        client = redis.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
        )
        return cls(client)

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
