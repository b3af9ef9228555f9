"""What is counted in Redis, what became of meters, and what it has of appliances with a meter of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from edge.adapters.redis_terms import at_ms_of, available, key_of

_EVENTS = 5000


class Measured:
    """The part of `Streams` that reads what it stores of such appliances, and keeps what was counted of each hour."""

    _redis: Any

    def count(self, building: str, name: str, by: int = 1, *, measured: bool = False) -> None:
        """Add to a building's counter, for what leaves no entry (malformed, future, what the spool dropped).

        `measured`: of its appliances' own meters.
        """
        with available():
            self._redis.hincrby(key_of(building, "measured_counters" if measured else "counters"), name, by)

    def counters(self, building: str) -> dict[str, int]:
        """A building's counters since its first sample; of its appliances' own meters as `measured_...`.

        What the outbox dropped is one number.
        """
        with available():
            found = self._redis.hgetall(key_of(building, "counters"))
            measured = self._redis.hgetall(key_of(building, "measured_counters"))
        counted = {name.decode(): int(value) for name, value in found.items()}
        for name, value in measured.items():
            if name == b"dropped":
                counted["dropped"] = counted.get("dropped", 0) + int(value)
            else:
                counted[f"measured_{name.decode()}"] = int(value)
        return counted

    def measured_names(self, building: str) -> list[str]:
        """The appliances that ever had a meter of their own, sorted."""
        with available():
            return sorted(name.decode() for name in self._redis.smembers(key_of(building, "measured")))

    def measured(self, building: str, from_ms: int) -> dict[str, dict[int, float]]:
        """What appliances' own meters said since `from_ms`, of the last hour: W by appliance and second."""
        names = self.measured_names(building)
        with available():
            pipeline = self._redis.pipeline(transaction=False)
            for name in names:
                pipeline.xrange(key_of(building, f"measured:{name}"), min=f"{from_ms}-0")
            found = pipeline.execute() if names else []
        return {
            name: {at_ms_of(entry_id): float(fields[b"power_w"]) for entry_id, fields in entries}
            for name, entries in zip(names, found, strict=True)
            if entries
        }

    def accuracy(self, building: str) -> dict[int, Any]:
        """What was counted of a building's hours, by their first ms."""
        with available():
            found = self._redis.hgetall(key_of(building, "accuracy"))
        return {int(hour_ms): orjson.loads(said) for hour_ms, said in found.items()}

    def put_accuracy(self, building: str, hour_ms: int, said: Mapping[str, Any]) -> None:
        """Remember what was counted of an hour; `said` must be JSON."""
        with available():
            self._redis.hset(key_of(building, "accuracy"), str(hour_ms), orjson.dumps(dict(said)))

    def forget_accuracy(self, building: str, hours_ms: Sequence[int]) -> None:
        """Have these hours counted again: something in them has changed."""
        if hours_ms:
            with available():
                self._redis.hdel(key_of(building, "accuracy"), *hours_ms)

    def add_event(self, building: str, state: str, at_ms: int) -> None:
        """Remember that a building's meter is in another state since `at_ms`; of some 5,000 changes."""
        with available():
            self._redis.xadd(key_of(building, "events"), {"at_ms": at_ms, "state": state}, maxlen=_EVENTS)

    def events(self, building: str) -> list[tuple[int, str]]:
        """Since when a building's meter was in which state, as it was told."""
        with available():
            entries = self._redis.xrange(key_of(building, "events"))
        return [(int(fields[b"at_ms"]), fields[b"state"].decode()) for _, fields in entries]
