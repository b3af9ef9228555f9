"""The gateway where another system's tokens count."""

import time
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.settings import Config
from edge.settings_gateway import Jwt
from gateway import create_app
from gateway.hub import Hub

SECRET = "a-shared-secret-of-at-least-32-bytes"


@pytest.fixture
def client(config: Config, streams: Streams, influx: Influx, tmp_path: Path) -> FlaskClient:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    settings = replace(config.gateway, auth="jwt", jwt=Jwt(issuer="https://x", secret_file=str(file)))
    return create_app(replace(config, gateway=settings), streams, influx, Hub(streams)).test_client()


def token(role: str = "viewer", lasts_s: float = 600) -> str:
    nilm = {"role": role, "grants": ["home"]}
    said = {"iss": "https://x", "aud": "authenticated", "sub": "u1", "exp": int(time.time() + lasts_s)}
    return jwt.encode({**said, "app_metadata": {"nilm": nilm}}, SECRET)


def test_a_token_as_a_header(client: FlaskClient) -> None:
    assert client.get("/api/buildings").status_code == 401  # on this machine as well
    for _ in range(2):  # decided, then remembered
        answer = client.get("/api/buildings", headers={"Authorization": f"Bearer {token()}"})
        assert answer.status_code == 200
    expired = client.get("/api/buildings", headers={"Authorization": f"Bearer {token(lasts_s=-60)}"})
    assert expired.status_code == 401
    assert expired.json is not None
    assert "expired" in expired.json["detail"]
    assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]
    assert client.post("/gaps/backfill", headers={"Authorization": f"Bearer {token('operator')}"}).status_code == 403


def test_a_decision_is_kept_no_longer_than_its_token(client: FlaskClient, streams: Streams) -> None:
    short = token(lasts_s=2)
    client.get("/api/buildings", headers={"Authorization": f"Bearer {short}"})
    (key,) = streams._redis.keys("nilm:decision:*")
    assert 0 < streams._redis.pttl(key) <= 2000
    assert short.encode() not in key


def test_the_page_logs_in_with_a_token(client: FlaskClient) -> None:
    assert client.get("/api/me").json["log_in_with"] == "token"  # type: ignore[index]
    assert client.post("/api/login", json={"token": "x.y.z"}).status_code == 401
    assert client.post("/api/login", json={"name": "a", "password": "b"}).status_code == 422
    answer = client.post("/api/login", json={"token": token()})
    assert answer.status_code == 200
    assert client.get("/api/buildings").status_code == 200
    assert client.get("/analytics/readings?building_id=barn&last=60").status_code == 403
    csrf = client.get("/api/me").json["csrf"]  # type: ignore[index]
    assert client.post("/api/logout", headers={"X-CSRF-Token": csrf}).status_code == 200
    assert client.get("/api/buildings").status_code == 401


def test_accounts_of_the_box_do_not_count(client: FlaskClient) -> None:
    assert client.get("/api/buildings", headers={"Authorization": "Bearer nilm_x"}).status_code == 401
