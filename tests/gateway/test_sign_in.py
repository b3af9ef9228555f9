"""Log-in with a password: the session, its cookie, what may be changed with it, and what follows wrong ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.passwords import hash_password
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.errors import ConfigError
from edge.settings import Config
from edge.unit import now_ms
from gateway import create_app
from gateway.hub import Hub
from gateway.sign_in import TRIES, TRIES_FROM_ANYWHERE

GOOD = {"name": "anna", "password": "correct horse battery"}


@pytest.fixture
def accounts(config: Config) -> Accounts:
    accounts = Accounts(Path(config.data_dir))
    accounts.add(Caller("anna", Role.ADMIN, ("*",)), hash_password(GOOD["password"]))
    return accounts


@pytest.fixture
def page(accounts: Accounts, config: Config, streams: Streams, influx: Influx) -> FlaskClient:
    """A browser at a box that has an account."""
    unlimited = replace(config, gateway=replace(config.gateway, address_per_min=0, auth_cache_s=0))
    return create_app(unlimited, streams, influx, Hub(streams)).test_client()


def test_without_an_account_this_machine_may_look_but_change_nothing(client: FlaskClient) -> None:
    assert client.get("/api/me").json == {
        "user": "this machine", "role": "viewer", "log_in_with": "password", "has_accounts": False, "csrf": None,
        "dashboard_only": False,
    }  # fmt: skip
    assert client.get("/api/buildings").status_code == 200
    assert client.post("/gaps/backfill").status_code == 403
    for where in (
        {"REMOTE_ADDR": "192.168.1.20"},
        {"HTTP_HOST": "192.168.1.5"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
    ):
        assert client.get("/api/buildings", environ_overrides=where).status_code == 401, where
    assert client.get("/api/me", environ_overrides=where).json["user"] is None  # type: ignore[index]


def test_once_listening_to_others_nobody_is_let_in_without_an_account(
    config: Config, streams: Streams, influx: Influx
) -> None:
    wide = replace(config, gateway=replace(config.gateway, host="0.0.0.0"))
    client = create_app(wide, streams, influx, Hub(streams)).test_client()
    assert client.get("/api/buildings").status_code == 401


def test_a_session_from_log_in_to_log_out(page: FlaskClient) -> None:
    answer = page.get("/api/buildings")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert page.get("/api/me").json["has_accounts"] is True  # type: ignore[index]
    assert page.get("/").status_code == 200

    answer = page.post("/api/login", json=GOOD)
    assert answer.status_code == 200
    flags = answer.headers["Set-Cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=Strict" in flags
    assert "Secure" not in flags
    me: Any = page.get("/api/me").json
    assert me | {"csrf": ""} == {
        "user": "anna", "role": "admin", "log_in_with": "password", "has_accounts": True, "csrf": "",
        "dashboard_only": False,
    }  # fmt: skip
    assert answer.json is not None
    assert answer.json["csrf"] == me["csrf"]
    assert page.get("/api/buildings").status_code == 200

    assert page.post("/gaps/backfill").status_code == 403
    assert page.post("/gaps/backfill", headers={"X-CSRF-Token": "0" * 32}).status_code == 403
    assert page.post("/gaps/backfill", headers={"X-CSRF-Token": "é"}).status_code == 403
    elsewhere = {"X-CSRF-Token": me["csrf"], "Origin": "http://evil.example"}
    assert page.post("/gaps/backfill", headers=elsewhere).status_code == 403
    assert page.post("/gaps/backfill", headers={"X-CSRF-Token": me["csrf"]}).status_code == 202

    cookie = page.get_cookie("nilm_session")
    assert cookie is not None
    assert page.post("/api/logout", headers={"X-CSRF-Token": me["csrf"]}).status_code == 200
    page.set_cookie("nilm_session", cookie.value)
    assert page.get("/api/buildings").status_code == 401


def test_over_https_the_cookie_is_for_https_alone(page: FlaskClient) -> None:
    answer = page.post("/api/login", json=GOOD, environ_overrides={"wsgi.url_scheme": "https"})
    assert "Secure" in answer.headers["Set-Cookie"]


def test_sessions_end_with_time_account_and_password(page: FlaskClient, accounts: Accounts) -> None:
    def works(secret: str) -> bool:
        page.set_cookie("nilm_session", secret)
        return page.get("/api/buildings").status_code == 200

    accounts.add_session("anna", "s1", now_ms() + 60_000, now_ms())
    accounts.add_session("anna", "s2", now_ms() - 1, now_ms())
    assert (works("s1"), works("s2"), works("s3"), works("")) == (True, False, False, False)
    accounts.set_password("anna", "another")
    assert not works("s1")
    accounts.add_session("anna", "s4", now_ms() + 60_000, now_ms())
    assert accounts.add_token("anna", "t", "nilm_t", 1)
    assert works("s4")
    accounts.add(Caller("bea", Role.VIEWER, ()), "")
    accounts.remove("anna")
    assert not works("s4")
    assert accounts.by_token("nilm_t") is None
    assert b"s4" not in accounts.file.read_bytes()
    assert accounts.file.stat().st_mode & 0o077 == 0


def test_decisions_are_kept_for_a_while_and_dropped_at_log_out(
    accounts: Accounts, config: Config, streams: Streams, influx: Influx
) -> None:
    client = create_app(config, streams, influx, Hub(streams)).test_client()
    assert client.post("/api/login", json=GOOD).status_code == 200
    csrf = {"X-CSRF-Token": client.get("/api/me").json["csrf"]}  # type: ignore[index]
    kept = client.get_cookie("nilm_session")
    assert kept is not None
    accounts.set_password("anna", "another")
    assert client.get("/api/buildings").status_code == 200  # for auth_cache_s
    assert client.post("/api/logout", headers=csrf).status_code == 200
    client.set_cookie("nilm_session", kept.value)
    assert client.get("/api/buildings").status_code == 401


@pytest.mark.parametrize("wrong", [{"name": "anna", "password": "x"}, {"name": "nobody", "password": "x"}])
def test_wrong_log_ins_lock_out_that_name_from_there(page: FlaskClient, wrong: dict[str, str]) -> None:
    for _ in range(TRIES):
        answer = page.post("/api/login", json=wrong)
        assert answer.status_code == 401
        assert answer.json is not None
        assert answer.json["detail"] == "The name or the password is wrong."
    answer = page.post("/api/login", json={**wrong, "password": GOOD["password"]})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    if wrong["name"] == "anna":  # its owner, elsewhere
        assert page.post("/api/login", json=GOOD, environ_overrides={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200


def test_a_name_is_locked_when_many_addresses_try_it(page: FlaskClient, accounts: Accounts) -> None:
    accounts.add_failure(["name anna"] * TRIES_FROM_ANYWHERE, now_ms())
    assert page.post("/api/login", json=GOOD).status_code == 429
    accounts.add_failure(["name bea"] * TRIES_FROM_ANYWHERE, now_ms() - 16 * 60_000)
    assert accounts.failures("name bea", now_ms()) == 0


def test_a_good_log_in_forgets_the_wrong_ones(page: FlaskClient) -> None:
    for _ in range(3):
        for _ in range(TRIES - 1):
            assert page.post("/api/login", json={**GOOD, "password": "x"}).status_code == 401
        assert page.post("/api/login", json=GOOD).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": b"name=anna&password=x", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"json": []}, 400),
        ({"json": {}}, 422),
        ({"json": {"name": "anna"}}, 422),
        ({"json": {"name": ["anna"], "password": "x"}}, 422),
        ({"json": {"name": "an\nna", "password": "x"}}, 422),
        ({"json": {"name": "\ud800", "password": "x"}}, 422),
        ({"json": {"name": "x" * 65, "password": "x"}}, 422),
        ({"json": {"name": "' OR 1=1 --", "password": "' OR '1'='1"}}, 422),
        ({"json": {"name": "anna", "password": "' OR '1'='1"}}, 401),
        ({"json": {"name": "anna", "password": "\ud800"}}, 422),
    ],
)
def test_odd_log_ins(page: FlaskClient, body: dict[str, Any], status: int) -> None:
    assert page.post("/api/login", **body).status_code == status


def test_accounts_that_cannot_be_read_let_nobody_in(client: FlaskClient, config: Config) -> None:
    Path(config.data_dir, "accounts.db").write_bytes(b"not a database" * 100)
    assert client.get("/api/buildings").status_code == 503


def test_a_weak_admin_token_is_refused(config: Config, tmp_path: Path, streams: Streams, influx: Influx) -> None:
    file = tmp_path / "token"
    file.write_text("short")
    with pytest.raises(ConfigError, match=r"gateway\.admin_token_file"):
        create_app(
            replace(config, gateway=replace(config.gateway, admin_token_file=str(file))), streams, influx, Hub(streams)
        )


def test_a_secret_may_be_a_systemd_credential(
    config: Config, tmp_path: Path, streams: Streams, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "admin-token").write_text("x" * 40)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = replace(config, gateway=replace(config.gateway, admin_token_file="admin-token"))
    client = create_app(settings, streams, influx, Hub(streams)).test_client()
    assert client.post("/gaps/backfill", headers={"Authorization": f"Bearer {'x' * 40}"}).status_code == 202
