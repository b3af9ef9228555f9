"""How often one address and one user may call: counted in Redis, and here while it is away."""

import threading
import time
from ipaddress import IPv6Network

from flask import Flask, current_app, g, request

from edge.adapters.redis_guard import RedisGuard
from edge.errors import Unavailable
from gateway import proxies
from gateway.access import rule_of
from gateway.callers import LOCAL_NETWORK, THIS_MACHINE
from gateway.problems import Problem


class Counts:
    """Calls of the last 60 s, by whoever `who` names."""

    def __init__(self, guard: RedisGuard) -> None:
        self._guard = guard
        self._lock = threading.Lock()
        self._minute = 0
        self._here: dict[str, int] = {}

    def one_more(self, who: str, now_s: float) -> float:
        """Count a call; how many came in the last 60 s, the minute before weighed by what of it is left."""
        minute, into_s = divmod(now_s, 60)
        try:
            present, before = self._guard.count(who, int(minute))
        except Unavailable:
            present, before = self._count_here(who, int(minute)), 0
        return present + before * (1 - into_s / 60)

    def _count_here(self, who: str, minute: int) -> int:
        with self._lock:
            if minute != self._minute:
                self._minute, self._here = minute, {}
            self._here[who] = self._here.get(who, 0) + 1
            return self._here[who]


def by_address(app: Flask, counts: Counts, per_min: int) -> None:
    """Limit what one address may ask of `app`; before its caller is looked for, so that tokens cannot be tried out."""

    @app.before_request
    def _by_address() -> None:
        if _is_counted():
            _count(counts, f"address:{address_key(proxies.address())}", per_min)


def by_user(app: Flask, counts: Counts, per_min: int) -> None:
    """Limit what one user may ask of `app`, from wherever."""

    @app.before_request
    def _by_user() -> None:
        if _is_counted() and "caller" in g and g.caller not in {None, THIS_MACHINE, LOCAL_NETWORK}:
            _count(counts, f"user:{g.caller.name}", per_min)


def _is_counted() -> bool:
    rule = rule_of(current_app, request.endpoint) if request.endpoint else None
    return rule is not None and rule.counted and request.method != "OPTIONS"


def _count(counts: Counts, who: str, per_min: int) -> None:
    now_s = time.time()
    if per_min and counts.one_more(who, now_s) > per_min:
        wait_s = 60 - int(now_s % 60)
        detail = f"More than {per_min} requests in a minute. Ask again in {wait_s} s."
        raise Problem(429, detail).with_header("Retry-After", str(wait_s))


def address_key(address: proxies.Address | None) -> str:
    """An address as it is counted: of IPv6 the /64, of which a caller has all."""
    if address is not None and address.version == 6:
        return str(IPv6Network((int(address), 64), strict=False))
    return str(address)
