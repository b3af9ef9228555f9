"""Tokens that another system signed (JWT): by a shared secret, or by keys it publishes and changes."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import jwt
from jwt.algorithms import get_default_algorithms

from edge.core.grants import Caller, check_grants, role_of
from edge.errors import BadReading, ConfigError, Rejected, Unavailable
from edge.settings_gateway import Jwt

FRESH_S = 600.0
"""Published keys are asked for again after this long."""
AGAIN_S = 30.0
"""No sooner than this, whatever keys tokens name, so that nobody makes us ask on and on."""
KEPT_S = 86_400.0
"""While the publisher is away, its last keys count for so long."""
_TIMEOUT_S = 5.0
_MAX_BYTES = 256 * 1024
_KIND = {"RS256": ("RSA", None), "ES256": ("EC", "P-256")}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class JwtTokens:
    """Checks tokens by `settings`; `secret` is that of HS256, empty for none. ConfigError where nothing could pass."""

    def __init__(self, settings: Jwt, secret: str, clock_s: Callable[[], float] = time.monotonic) -> None:
        if not settings.issuer or not settings.audience:
            raise ConfigError('gateway.auth = "jwt" needs gateway.jwt.issuer and gateway.jwt.audience')
        if not secret and not settings.jwks_url:
            raise ConfigError('gateway.auth = "jwt" needs gateway.jwt.secret_file or gateway.jwt.jwks_url')
        if secret and len(secret.encode()) < 32:
            raise ConfigError("the secret in gateway.jwt.secret_file is shorter than 32 bytes: too easy to guess")
        self._settings = settings
        self._secret = secret
        self._keys = PublishedKeys(settings.jwks_url, clock_s) if settings.jwks_url else None

    def check(self, token: str) -> tuple[Caller, int]:
        """Who calls with `token`, and when it ends (ms). Rejected says why not; Unavailable: the keys are away."""
        try:
            head = jwt.get_unverified_header(token)
            key, algorithm = self._key_for(head)
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=self._settings.leeway_s,
                options={"require": ["exp", "aud", "iss", "sub"], "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError as error:
            raise Rejected("The token has expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Rejected("The token is not valid") from error
        return self._caller(claims), int(claims["exp"]) * 1000

    def ask_again(self) -> None:
        """Ask for published keys anew at the next token."""
        if self._keys is not None:
            self._keys.ask_again()

    def _key_for(self, head: Mapping[str, Any]) -> tuple[Any, str]:
        """The key, and the one algorithm that it is for: what the token says of either only chooses among ours."""
        algorithm = head.get("alg")
        if "crit" in head:
            raise Rejected("The token asks for what is not known here")
        if algorithm == "HS256" and self._secret:
            return self._secret, "HS256"
        if algorithm in _KIND and self._keys is not None:
            return self._keys.key(str(head.get("kid", "")), algorithm), algorithm
        raise Rejected("The token is signed in a way that is not accepted here")

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        said: Any = claims
        for name in self._settings.claim.split("."):
            said = said.get(name) if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(said.get("role"), str):
            raise Rejected(f"The token has no role under {self._settings.claim}")
        grants = said.get("grants", [])
        if not isinstance(grants, list) or not all(isinstance(grant, str) for grant in grants):
            raise Rejected("The token's grants are no list of texts")
        try:
            return Caller(str(claims["sub"])[:200], role_of(said["role"]), check_grants(grants))
        except BadReading as error:
            raise Rejected(f"The token's {error}") from error


class PublishedKeys:
    """The keys at a JWKS address, kept for a while; a new one is found as soon as a token names it."""

    def __init__(self, url: str, clock_s: Callable[[], float]) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ConfigError(f"gateway.jwt.jwks_url: {url!r} must begin with https://")
        self._url = url
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, str], Any] = {}
        self._asked_s = self._got_s = float("-inf")

    def key(self, kid: str, algorithm: str) -> Any:
        """The key of that id for that algorithm; Rejected where there is none."""
        with self._lock:
            now_s = self._clock_s()
            wanted = (kid, algorithm)
            stale = now_s - self._got_s > FRESH_S or wanted not in self._keys
            if stale and now_s - self._asked_s >= AGAIN_S:
                self._asked_s = now_s
                self._ask(now_s)
            if now_s - self._got_s > KEPT_S:
                raise Unavailable(f"the keys at {self._url} cannot be had")
            if wanted not in self._keys:
                raise Rejected("The token's key is not known")
            return self._keys[wanted]

    def ask_again(self) -> None:
        """Ask for the keys at the next token; until they come, the last ones count."""
        with self._lock:
            self._asked_s = float("-inf")
            self._got_s = min(self._got_s, self._clock_s() - FRESH_S - 1)

    def _ask(self, now_s: float) -> None:
        try:
            with urlopen(Request(self._url), timeout=_TIMEOUT_S) as answer:  # noqa: S310 - its scheme is checked
                found = json.loads(answer.read(_MAX_BYTES))["keys"]
            self._keys = {(entry.get("kid", ""), name): key for entry in found for name, key in _usable(entry)}
            self._got_s = now_s
        except HTTPError as error:
            error.close()  # the last keys count for a while
        except (URLError, OSError, ValueError, KeyError, TypeError, AttributeError):
            return


def _usable(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The algorithm that a published key is for, and the key; nothing where it is not for signing or too weak."""
    usable = []
    for name, (kind, curve) in _KIND.items():
        fits = entry.get("kty") == kind and entry.get("crv") == curve and entry.get("alg", name) == name
        if fits and entry.get("use", "sig") == "sig":
            try:
                key = get_default_algorithms()[name].from_jwk(json.dumps({k: v for k, v in entry.items() if k != "d"}))
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            if kind == "EC" or getattr(key, "key_size", 0) >= 2048:
                usable.append((name, key))
    return usable
