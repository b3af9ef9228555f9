"""Redis for the gateway's guard: how often someone called, and decisions that were made a moment ago."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge.adapters.redis_terms import available, client_of, closed_with
from edge.errors import Unavailable

_PAUSE_S = 2.0
"""After Redis failed, it is not asked for so long: each request would wait for it."""


class RedisGuard:
    """One Redis. Every method raises Unavailable while it is away."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._redis: Any = closed_with(self, client_of(url, timeout_s))
        self._away_until_s = 0.0

    def count(self, who: str, minute: int) -> tuple[int, int]:
        """Count one more call of `who` in this minute; how many in it, and in the one before."""
        with self._asked():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.incr(f"nilm:calls:{who}:{minute}")
            pipeline.expire(f"nilm:calls:{who}:{minute}", 130)
            pipeline.get(f"nilm:calls:{who}:{minute - 1}")
            present, _, before = pipeline.execute()
        return int(present), int(before or 0)

    def remember(self, key: str, decision: bytes, ttl_ms: int) -> None:
        """Keep a decision for a while."""
        with self._asked():
            self._redis.set(f"nilm:decision:{key}", decision, px=ttl_ms)

    def recall(self, key: str) -> bytes | None:
        """A decision that is still kept."""
        with self._asked():
            found: bytes | None = self._redis.get(f"nilm:decision:{key}")
        return found

    def forget(self, key: str) -> None:
        """Drop a decision."""
        with self._asked():
            self._redis.delete(f"nilm:decision:{key}")

    def forget_all(self) -> int:
        """Drop every decision; how many there were."""
        with self._asked():
            found = list(self._redis.scan_iter(match="nilm:decision:*", count=1000))
            return int(self._redis.unlink(*found)) if found else 0

    def kept(self) -> tuple[int, int]:
        """How many decisions and how many answers are kept."""
        with self._asked():
            kinds = ("nilm:decision:*", "nilm:answer:*")
            decisions, answers = (sum(1 for _ in self._redis.scan_iter(match=kind, count=1000)) for kind in kinds)
        return decisions, answers

    def begin(self, key: str, about: bytes, ttl_ms: int) -> bytes | None:
        """Take on what is asked under `key` for the first time; else what `begin` or `finish` kept last."""
        with self._asked():
            kept: bytes | None = self._redis.set(f"nilm:answer:{key}", about, nx=True, get=True, px=ttl_ms)
        return kept

    def finish(self, key: str, answer: bytes, ttl_ms: int) -> None:
        """Keep the answer to what was taken on."""
        with self._asked():
            self._redis.set(f"nilm:answer:{key}", answer, px=ttl_ms)

    def give_up(self, key: str) -> None:
        """Let the next one take it on."""
        with self._asked():
            self._redis.delete(f"nilm:answer:{key}")

    @contextmanager
    def _asked(self) -> Iterator[None]:
        if time.monotonic() < self._away_until_s:
            raise Unavailable("Redis is away")
        try:
            with available():
                yield
        except Unavailable:
            self._away_until_s = time.monotonic() + _PAUSE_S
            raise
