"""Redis' own log on the disk: when it is synced, which decides what a power cut takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from edge.adapters.redis_terms import available, client_of, closed_with
from edge.errors import Rejected


class RedisLog:
    """One Redis. Rejected where it does not let us look or set; Unavailable while it is away."""

    def __init__(self, url: str, timeout_s: float = 5.0) -> None:
        self._redis: Any = closed_with(self, client_of(url, timeout_s))

    def fsync_policy(self) -> str:
        """Redis' appendfsync: always, everysec or no; empty where it keeps no log."""
        with available(), _permitted():
            found = self._redis.config_get("append*")
        return str(found["appendfsync"]) if found["appendonly"] == "yes" else ""

    def facts(self) -> dict[str, str]:
        """What Redis says of its log and its memory: aof_last_write_status, maxmemory, maxmemory_policy and more."""
        with available(), _permitted():
            found = {**self._redis.info("persistence"), **self._redis.info("memory")}
        return {name: str(value) for name, value in found.items()}

    def sync(self) -> None:
        """With appendfsync no: on return, all that Redis has is on the disk."""
        with available(), _permitted():
            self._redis.config_set("appendfsync", "always")
            try:
                self._redis.set("nilm:synced", 1)  # answered once it, and all before it, is on the disk
            finally:
                self._redis.config_set("appendfsync", "no")


@contextmanager
def _permitted() -> Iterator[None]:
    try:
        yield
    except redis.ResponseError as error:
        if "MISCONF" in str(error):
            raise
        raise Rejected(f"Redis refuses: {error}") from error
