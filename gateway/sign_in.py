"""/api/me, /api/login, /api/logout: who one is, for the page."""

import logging
import re
import secrets
from typing import Any

from flask import Blueprint, Response, g, request

from edge.adapters.passwords import is_password
from edge.core.grants import Caller, check_name
from edge.errors import BadReading, Rejected
from edge.unit import now_ms
from gateway import proxies
from gateway.access import Of, Who, access, caller_or_none
from gateway.asks import JSON, Call, described
from gateway.callers import COOKIE, EXTERNAL, LOCAL_NETWORK, csrf_of
from gateway.limits import address_key
from gateway.parts import parts
from gateway.problems import Problem, bad
from gateway.replies import json_reply
from gateway.schemas import LOGGED_IN, LOGGED_OUT, LOGIN, ME

log = logging.getLogger("nilm.gateway")
pages = Blueprint("sign_in", __name__, url_prefix="/api")

TRIES = 5
TRIES_FROM_ANYWHERE = 50
"""In 15 minutes, of one address for one name, and of all for one name: to lock out its owner takes ten addresses."""
LOCKED_S = 900
_MAX_COOKIE = 3800
_SURROGATE = re.compile("[\ud800-\udfff]")


@pages.get("/me")
@access(Who.ANYONE, Of.NOTHING, dashboard=True)
@described(Call(answers={200: {JSON: ME}}))
def me() -> Response:
    """Who the caller is, and what the page must ask of one who is nobody yet."""
    who = caller_or_none()
    callers = parts().callers
    cookie = g.asked.cookie if who else ""
    said = {
        "user": who.name if who else None,
        "role": who.role.name.lower() if who else None,
        "log_in_with": "token" if callers.takes_tokens else "password",
        "has_accounts": callers.has_accounts,
        "dashboard_only": EXTERNAL in request.environ or who is LOCAL_NETWORK,
        "csrf": csrf_of(cookie) if cookie else None,
    }
    return json_reply(said)


@pages.post("/login")
@access(Who.ANYONE, Of.NOTHING, dashboard=True)
@described(Call(answers={200: {JSON: LOGGED_IN}}, body=LOGIN))
def login() -> Response:
    """Begin a session: a name and its password, or another system's token, as JSON."""
    try:
        said = request.get_json(silent=True)
    except RecursionError:  # brackets without end
        said = None
    if not isinstance(said, dict):
        raise Problem(415 if not request.is_json else 400, "Send a JSON object as application/json.")
    if parts().callers.takes_tokens:
        who, cookie, ends_ms = _by_token(_text(said, "token", _MAX_COOKIE))
    else:
        who, cookie, ends_ms = _by_password(_name(said), _text(said, "password", 1024))
    log.info("%s logged in from %s", who.name, proxies.address())
    response = json_reply({"user": who.name, "role": who.role.name.lower(), "csrf": csrf_of(cookie)})
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=max(1, (ends_ms - now_ms()) // 1000),
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


@pages.post("/logout")
@access(Who.VIEWER, Of.NOTHING, dashboard=True)
@described(Call(answers={200: {JSON: LOGGED_OUT}}))
def logout() -> Response:
    """End the session."""
    if g.asked.cookie:
        if not parts().callers.takes_tokens:
            parts().callers.accounts.end_session(g.asked.cookie)
        parts().callers.forget(g.asked.cookie)
    response = json_reply({"user": None})
    response.delete_cookie(COOKIE, secure=request.is_secure, httponly=True, samesite="Strict")
    return response


def _by_token(token: str) -> tuple[Caller, str, int]:
    try:
        who, ends_ms = parts().callers.check_jwt(token)
    except Rejected as error:
        raise Problem(401, f"{error}.") from error
    return who, token, ends_ms


def _by_password(name: str, password: str) -> tuple[Caller, str, int]:
    """The account and a new session. The same answer, as late, for a wrong name and a wrong password."""
    accounts, at_ms = parts().callers.accounts, now_ms()
    anywhere, here = f"name {name}", f"address {address_key(proxies.address())} {name}"
    if accounts.failures(here, at_ms) >= TRIES or accounts.failures(anywhere, at_ms) >= TRIES_FROM_ANYWHERE:
        log.warning("%r is locked out, from %s", name, proxies.address())
        detail = f"Too many wrong log-ins. Try again in {LOCKED_S // 60} minutes."
        raise Problem(429, detail).with_header("Retry-After", str(LOCKED_S))
    if not is_password(accounts.password_of(name), password):
        accounts.add_failure([here, anywhere], at_ms)
        log.warning("a wrong log-in as %r, from %s", name, proxies.address())
        raise Problem(401, "The name or the password is wrong.")
    accounts.forget_failures(here)
    cookie = secrets.token_urlsafe(32)
    ends_ms = at_ms + parts().config.gateway.session_h * 3_600_000
    accounts.add_session(name, cookie, ends_ms, at_ms)
    if (found := accounts.by_session(cookie, at_ms)) is None:
        raise Problem(401, "The name or the password is wrong.")  # removed this very moment
    return found[0], cookie, ends_ms


def _text(said: dict[str, Any], name: str, longest: int) -> str:
    value = said.get(name)
    if isinstance(value, str) and 0 < len(value) <= longest and not _SURROGATE.search(value):
        return value
    raise bad(name, f"{name} is a text of 1 to {longest} characters.")


def _name(said: dict[str, Any]) -> str:
    try:
        return check_name(_text(said, "name", 64))
    except BadReading as error:
        raise bad("name", f"{error}.") from None
