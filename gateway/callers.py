"""Who calls: found from the token, the cookie, or where the call comes from."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from flask import request

from edge.adapters.accounts import Accounts, digest
from edge.adapters.redis_guard import RedisGuard
from edge.config import read_secret
from edge.core.grants import ALL, Caller, Role
from edge.errors import ConfigError, Rejected, Unavailable
from edge.settings import Config
from edge.unit import now_ms
from gateway import proxies

if TYPE_CHECKING:
    from edge.adapters.jwt_tokens import JwtTokens

log = logging.getLogger("nilm.gateway")

COOKIE = "nilm_session"
EXTERNAL = "nilm.external"
"""Set in the environment of requests that came by the second listener."""
TOKEN = "nilm_"  # noqa: S105 - what API tokens begin with
THIS_MACHINE = Caller("this machine", Role.VIEWER, (ALL,))
LOCAL_NETWORK = Caller("the local network", Role.VIEWER, (ALL,))
PROGRAM = Caller("admin token", Role.ADMIN, (ALL,))
_MIN_SECRET = 32
_LOCAL_NETWORKS = proxies.trusted_networks(
    "127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, fc00::/7, fe80::/10"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request shows of its caller: a token, else a cookie, else where it comes from."""

    token: str = ""
    cookie: str = ""
    this_machine: bool = False
    local_network: bool = False


class Callers:
    """Finds callers; `secret`s are read once, at the start."""

    def __init__(self, config: Config, accounts: Accounts, guard: RedisGuard) -> None:
        settings = config.gateway
        self.accounts = accounts
        self._guard = guard
        self._cache_ms = settings.auth_cache_s * 1000
        self._jwt = _jwt_tokens(config) if settings.auth == "jwt" else None
        self._kind = settings.auth
        self.recalled, self.decided = 0, 0
        program = read_secret(settings.admin_token_file)
        if program and len(program) < _MIN_SECRET:
            raise ConfigError(f"the token in gateway.admin_token_file is shorter than {_MIN_SECRET} characters")
        self._program = digest(program) if program else ""

    @property
    def has_accounts(self) -> bool:
        """Whether someone can log in with a password."""
        return self._jwt is None and self.accounts.any()

    @property
    def takes_tokens(self) -> bool:
        """Whether another system's tokens are what one logs in with."""
        return self._jwt is not None

    def find(self, asked: Asked) -> Caller | None:
        """Who calls; None for nobody we know. Rejected where a token is no good."""
        if asked.token:
            return self._by_token(asked.token)
        if asked.cookie:
            with suppress(Rejected):  # an old cookie is as good as none
                return self._by_cookie(asked.cookie)
        if asked.local_network:
            return LOCAL_NETWORK
        if asked.this_machine and self._jwt is None and not self.accounts.any():
            return THIS_MACHINE
        return None

    def check_jwt(self, token: str) -> tuple[Caller, int]:
        """Who calls with another system's token, and when it ends. Rejected where it is no good."""
        if self._jwt is None:
            raise Rejected("Tokens of other systems are not taken here")
        return self._jwt.check(token)

    def forget(self, cookie: str) -> None:
        """Decide anew about this cookie."""
        try:
            self._guard.forget(self._key("cookie", cookie))
        except Unavailable as error:
            log.warning("a decision stays for up to %d s: %s", self._cache_ms // 1000, error)

    def forget_all(self) -> int:
        """Decide anew about everyone; how many decisions were dropped. Unavailable while Redis is away."""
        if self._jwt is not None:
            self._jwt.ask_again()
        return self._guard.forget_all()

    def _by_token(self, token: str) -> Caller:
        if self._program and compare_digest(digest(token), self._program):
            return PROGRAM
        if self._jwt is not None:
            return self._kept("token", token, self._jwt.check)

        def look(secret: str) -> tuple[Caller, int]:
            if not secret.startswith(TOKEN) or (caller := self.accounts.by_token(secret)) is None:
                raise Rejected("The token is not valid")
            return caller, now_ms() + self._cache_ms

        return self._kept("token", token, look)

    def _by_cookie(self, cookie: str) -> Caller:
        if self._jwt is not None:
            return self._kept("cookie", cookie, self._jwt.check)

        def look(secret: str) -> tuple[Caller, int]:
            if (found := self.accounts.by_session(secret, now_ms())) is None:
                raise Rejected("The session has ended")
            return found

        return self._kept("cookie", cookie, look)

    def _kept(self, kind: str, secret: str, look: Callable[[str], tuple[Caller, int]]) -> Caller:
        """What was decided a moment ago, else what `look` says: the caller, and until when."""
        key = self._key(kind, secret)
        try:
            if self._cache_ms and (kept := self._guard.recall(key)):
                name, role, grants = orjson.loads(kept)
                self.recalled += 1
                return Caller(name, Role(role), tuple(grants))
        except Unavailable:
            return look(secret)[0]
        self.decided += 1
        caller, ends_ms = look(secret)
        ttl_ms = min(self._cache_ms, ends_ms - now_ms())
        if ttl_ms > 0:
            with suppress(Unavailable):  # then it is decided again next time
                self._guard.remember(key, orjson.dumps([caller.name, int(caller.role), caller.grants]), ttl_ms)
        return caller

    def _key(self, kind: str, secret: str) -> str:
        return f"{self._kind}:{kind}:{digest(secret)}"


def make_callers(config: Config, guard: RedisGuard) -> Callers:
    """The callers of a gateway. ConfigError where a secret is missing or weak."""
    return Callers(config, Accounts(Path(config.data_dir)), guard)


def _jwt_tokens(config: Config) -> "JwtTokens":
    from edge.adapters.jwt_tokens import JwtTokens  # noqa: PLC0415 - its cryptography is for whoever needs it

    return JwtTokens(config.gateway.jwt, read_secret(config.gateway.jwt.secret_file))


def asked(config: Config, *, dashboard: bool) -> Asked:
    """What the present request shows; `dashboard`: it asks for a part of the page."""
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    address = proxies.address()
    near = address is not None and not proxies.may_be_from_afar() and EXTERNAL not in request.environ
    loopback = near and bool(address and address.is_loopback)
    local = near and any(address in network for network in _LOCAL_NETWORKS)
    return Asked(
        token=token.strip() if scheme.lower() == "bearer" and token.strip() else header,
        cookie=request.cookies.get(COOKIE, ""),
        this_machine=loopback and _is_loopback(config.gateway.host) and _is_loopback(_host()),
        local_network=local and dashboard and config.gateway.public_dashboard and request.method in {"GET", "HEAD"},
    )


def csrf_of(cookie: str) -> str:
    """What the page sends along when it has something changed; another page cannot know it."""
    return digest(f"csrf:{cookie}")[:32]


def _host() -> str:
    return urlsplit(f"//{request.host}").hostname or ""


def _is_loopback(host: str) -> bool:
    address = proxies.parse_address(host)
    return address.is_loopback if address else host.lower() == "localhost"
