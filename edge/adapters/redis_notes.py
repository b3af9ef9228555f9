"""What Redis alone knows and a new machine should know as well: each building's counters and what its meter did."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge.adapters.redis_terms import available, client_of, closed_with, key_of


class RedisNotes:
    """One Redis. Unavailable while it is away."""

    def __init__(self, url: str, timeout_s: float = 5.0) -> None:
        self._redis: Any = closed_with(self, client_of(url, timeout_s))

    def put_back(self, building: str, counters: Mapping[str, int], events: Sequence[tuple[int, str]]) -> None:
        """Make a building known, with these counters and events; what came since stays, and twice is once."""
        key = f"nilm:{building}"
        with available():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.sadd("nilm:buildings", building)
            for name, value in counters.items():
                measured = name.startswith("measured_")  # by the meters of single appliances
                of = f"{key}:measured_counters" if measured else f"{key}:counters"
                pipeline.hsetnx(of, name.removeprefix("measured_"), value)
            if not self._redis.exists(f"{key}:events"):
                for at_ms, state in events:
                    pipeline.xadd(f"{key}:events", {"at_ms": at_ms, "state": state})
            pipeline.execute()

    def forget(self, building: str) -> None:
        """Make a building unknown, with everything that is kept of it."""
        with available():
            found = list(self._redis.scan_iter(match=key_of(building, "*"), count=1000))
            self._redis.srem("nilm:buildings", building)
            if found:
                self._redis.delete(*found)
