"""Tokens of another system, by a real publisher of keys; and what an attacker would send."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edge.adapters.jwt_tokens import JwtTokens
from edge.core.grants import Role
from edge.errors import ConfigError, Rejected, Unavailable
from edge.settings_gateway import Jwt

SECRET = "a-shared-secret-of-at-least-32-bytes"
ISSUER = "https://project.example/auth/v1"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
SETTINGS = Jwt(issuer=ISSUER)


class Publisher:
    """Serves keys, as many as it is given, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"rsa-1": RSA_KEY, "ec-1": EC_KEY}
        self.extra: list[dict[str, Any]] = []
        self.asked = 0
        self.status = 200
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += 1
                self.send_response(publisher.status)
                self.end_headers()
                self.wfile.write(json.dumps(publisher.document()).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def document(self) -> dict[str, Any]:
        return {"keys": [*(jwk(key, kid) for kid, key in self.keys.items()), *self.extra]}

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def jwk(key: Any, kid: str) -> dict[str, Any]:
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    found: dict[str, Any] = jwt.algorithms.get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {**found, "kid": kid, "use": "sig"}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    running = Publisher()
    yield running
    running.stop()


@pytest.fixture
def tokens(publisher: Publisher) -> JwtTokens:
    """Takes all three ways of signing."""
    return JwtTokens(replace(SETTINGS, jwks_url=publisher.url), SECRET)


def claims(**other: Any) -> dict[str, Any]:
    said = {
        "iss": ISSUER,
        "aud": "authenticated",
        "sub": "7d5c",
        "exp": int(time.time()) + 600,
        "app_metadata": {"nilm": {"role": "operator", "grants": ["home", "barn/Oven"]}},
        **other,
    }
    return {name: value for name, value in said.items() if value is not None}


def signed(algorithm: str = "HS256", key: Any = SECRET, kid: str | None = None, **other: Any) -> str:
    return jwt.encode(claims(**other), key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def part(said: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def by_hand(head: dict[str, Any], key: bytes = b"", body: Any = None) -> str:
    start = f"{part(head)}.{part(claims() if body is None else body)}"
    mac = hmac.digest(key, start.encode(), "sha256") if key else b""
    return f"{start}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    ("algorithm", "key", "kid"), [("HS256", SECRET, None), ("RS256", RSA_KEY, "rsa-1"), ("ES256", EC_KEY, "ec-1")]
)
def test_good_tokens(tokens: JwtTokens, algorithm: str, key: Any, kid: str | None) -> None:
    caller, ends_ms = tokens.check(signed(algorithm, key, kid, exp=2_000_000_000, nbf=1))
    assert (caller.name, caller.role, caller.grants) == ("7d5c", Role.OPERATOR, ("home", "barn/Oven"))
    assert ends_ms == 2_000_000_000_000


NOW = int(time.time())


@pytest.mark.parametrize(
    "other",
    [
        {"exp": NOW - 60},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": NOW + 3600},
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"app_metadata": None},
        {"app_metadata": {"nilm": "admin"}},
        {"app_metadata": {"nilm": {"role": "root"}}},
        {"app_metadata": {"nilm": {"role": ["admin"]}}},
        {"app_metadata": {"nilm": {"role": "viewer", "grants": "*"}}},
        {"app_metadata": {"nilm": {"role": "viewer", "grants": ["../home"]}}},
        {"app_metadata": None, "user_metadata": {"nilm": {"role": "admin"}}, "role": "service_role"},
    ],
)
def test_wrong_claims(tokens: JwtTokens, other: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        tokens.check(signed(**other))


def test_a_role_without_grants_sees_nothing(tokens: JwtTokens) -> None:
    caller, _ = tokens.check(signed(app_metadata={"nilm": {"role": "viewer"}}))
    assert not caller.sees("home")


def test_clocks_may_differ_a_little(tokens: JwtTokens) -> None:
    tokens.check(signed(exp=int(time.time()) - 5))
    with pytest.raises(Rejected, match="expired"):
        tokens.check(signed(exp=int(time.time()) - 15))


def test_attacks(tokens: JwtTokens, publisher: Publisher) -> None:
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other_rsa, other_ec = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    hs, rs = {"alg": "HS256", "typ": "JWT"}, {"alg": "RS256", "kid": "rsa-1"}
    good = signed()
    attacks = {
        "no signature": by_hand({"alg": "none"}),
        "no signature, other case": by_hand({"alg": "NoNe"}),
        "signature left out": good.rpartition(".")[0] + ".",
        "signature of another token": f"{good.rpartition('.')[0]}.{signed(sub='x').rpartition('.')[2]}",
        "claims changed": f"{part(hs)}.{part(claims(sub='admin'))}.{good.rpartition('.')[2]}",
        "public key as the shared secret": by_hand({**hs, "kid": "rsa-1"}, public),
        "public JWK as the shared secret": by_hand({**hs, "kid": "rsa-1"}, json.dumps(jwk(RSA_KEY, "rsa-1")).encode()),
        "empty secret": by_hand(hs, b"\0"),
        "RS256 announced, HS256 signed": by_hand(rs, SECRET.encode()),
        "HS384": jwt.encode(claims(), SECRET + SECRET, algorithm="HS384"),
        "RS512": signed("RS512", RSA_KEY, "rsa-1"),
        "PS256": signed("PS256", RSA_KEY, "rsa-1"),
        "own RSA key under a known id": signed("RS256", other_rsa, "rsa-1"),
        "own EC key under a known id": signed("ES256", other_ec, "ec-1"),
        "RSA key's id for EC": signed("ES256", EC_KEY, "rsa-1"),
        "own key brought along": jwt.encode(
            claims(), other_rsa, algorithm="RS256", headers={"kid": "rsa-1", "jwk": jwk(other_rsa, "rsa-1")}
        ),
        "own key's address brought along": jwt.encode(
            claims(), other_rsa, algorithm="RS256", headers={"kid": "mine", "jku": "https://evil.example/jwks.json"}
        ),
        "key id that is a path": by_hand({**hs, "kid": "../../../../dev/null"}, b"\0"),
        "key id that is SQL": signed("RS256", other_rsa, "' UNION SELECT 'x"),
        "critical extension": jwt.encode(claims(), SECRET, headers={"crit": ["b64"], "b64": False}),
        "algorithm that is a list": by_hand({"alg": ["HS256"]}, SECRET.encode()),
        "claims that are a list": by_hand(hs, SECRET.encode(), body=[1]),
        "deeply nested": by_hand(hs, SECRET.encode(), body=None) + "." + "[" * 5000,
        "nothing": "",
        "dots": "..",
        "not ASCII": "é.é.é",
        "half a surrogate": "\ud800.x.y",
        "header that is no JSON": "e30x.e30.x",
    }
    for name, token in attacks.items():
        with pytest.raises(Rejected):
            print(name, tokens.check(token))


def test_keys_of_a_weak_or_other_kind_are_not_taken(publisher: Publisher) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    encrypting, p384 = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())
    oct_key = {"kty": "oct", "kid": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}
    publisher.extra = [
        jwk(weak, "weak"),
        {**jwk(encrypting, "enc"), "use": "enc"},
        {**jwk(encrypting, "other"), "alg": "RS512"},
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(p384.public_key())), "kid": "p384"},
        oct_key,
        {"kty": "RSA", "kid": "broken", "n": "!", "e": 5},
    ]
    tokens = JwtTokens(replace(SETTINGS, jwks_url=publisher.url), "")
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        forged = signed("RS256", weak, "weak")
    for token in (forged, signed("RS256", encrypting, "enc"), signed("RS256", encrypting, "other"), signed(kid="oct")):
        with pytest.raises(Rejected):
            tokens.check(token)
    tokens.check(signed("ES256", EC_KEY, "ec-1"))


def test_without_a_secret_hs256_is_not_taken(publisher: Publisher) -> None:
    tokens = JwtTokens(replace(SETTINGS, jwks_url=publisher.url), "")
    for key in (b"", SECRET.encode()):
        with pytest.raises(Rejected):
            tokens.check(by_hand({"alg": "HS256"}, key))


def test_keys_are_kept_renewed_and_asked_for_seldom(
    publisher: Publisher,
) -> None:
    now_s = 1000.0
    tokens = JwtTokens(replace(SETTINGS, jwks_url=publisher.url), "", lambda: now_s)
    for _ in range(5):
        tokens.check(signed("RS256", RSA_KEY, "rsa-1"))
    assert publisher.asked == 1
    new = ec.generate_private_key(ec.SECP256R1())
    publisher.keys = {"ec-1": EC_KEY, "ec-2": new}
    now_s += 31
    tokens.check(signed("ES256", new, "ec-2"))  # found as soon as it is used
    assert publisher.asked == 2
    with pytest.raises(Rejected):
        tokens.check(signed("RS256", RSA_KEY, "rsa-1"))  # withdrawn
    for i in range(20):
        with pytest.raises(Rejected):
            tokens.check(signed("RS256", RSA_KEY, f"made-up-{i}"))
    assert publisher.asked == 2
    now_s += 700
    publisher.status = 500
    tokens.check(signed("ES256", new, "ec-2"))  # the last ones count
    now_s += 90_000
    with pytest.raises(Unavailable):
        tokens.check(signed("ES256", new, "ec-2"))


def test_a_withdrawn_key_counts_no_longer_once_keys_are_asked_for_again(publisher: Publisher) -> None:
    tokens = JwtTokens(replace(SETTINGS, jwks_url=publisher.url), "")
    tokens.check(signed("RS256", RSA_KEY, "rsa-1"))
    publisher.keys = {"ec-1": EC_KEY}
    tokens.check(signed("RS256", RSA_KEY, "rsa-1"))
    tokens.ask_again()
    with pytest.raises(Rejected):
        tokens.check(signed("RS256", RSA_KEY, "rsa-1"))
    publisher.status = 500
    tokens.ask_again()
    tokens.check(signed("ES256", EC_KEY, "ec-1"))  # until they can be had, the last ones count


def test_keys_that_were_never_there(publisher: Publisher) -> None:
    publisher.status = 503
    with pytest.raises(Unavailable):
        JwtTokens(replace(SETTINGS, jwks_url=publisher.url), "").check(signed("ES256", EC_KEY, "ec-1"))


@pytest.mark.parametrize(
    ("settings", "secret", "said"),
    [
        (Jwt(), SECRET, "issuer"),
        (SETTINGS, "", "secret_file"),
        (SETTINGS, "too short", "32 bytes"),
        (replace(SETTINGS, jwks_url="http://keys.example/jwks.json"), "", "https://"),
        (replace(SETTINGS, jwks_url="file:///etc/passwd"), "", "https://"),
    ],
)
def test_settings_by_which_anyone_could_get_in_are_refused(settings: Jwt, secret: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        JwtTokens(settings, secret)
