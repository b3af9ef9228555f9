"""Who may call a route: every view says it where it is defined; one that does not is refused, and a test finds it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum
from hmac import compare_digest
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, g, request

from edge.core.grants import Caller, Role
from edge.errors import Rejected, Unavailable
from gateway import callers
from gateway.callers import EXTERNAL, Asked, csrf_of
from gateway.parts import parts
from gateway.problems import Problem
from gateway.security import allowed_origins

View = TypeVar("View", bound=Callable[..., Any])

_READS = {"GET", "HEAD", "OPTIONS"}
CSRF = "X-CSRF-Token"


class Who(IntEnum):
    """Callers; each may what the ones before may."""

    ANYONE = 0
    """Anyone who can reach the port: it tells nothing of a household."""
    VIEWER = Role.VIEWER
    OPERATOR = Role.OPERATOR
    ADMIN = Role.ADMIN


class Of(Enum):
    """Of what a route tells, and so whose grants count."""

    NOTHING = "of no building"
    BUILDING = "of the whole building that building_id names"
    APPLIANCE = "of appliances of it: the view leaves out those that the caller may not see"
    NAMED = "of the appliance that the body names: the view asks may_name"
    GRANTED = "of the buildings that the caller may see: the view leaves out the others"
    ALL = "of every building: only for who sees them all"


@dataclass(frozen=True, slots=True)
class Rule:
    """`dashboard`: a part of the page, for a public page and the second listener; `counted`: by the limits."""

    who: Who
    of: Of
    dashboard: bool
    counted: bool


def access(who: Who, of: Of, *, dashboard: bool = False, counted: bool = True) -> Callable[[View], View]:
    """Say who may call this view, and of what it tells."""

    def named(view: View) -> View:
        view.nilm_access = Rule(who, of, dashboard, counted)  # type: ignore[attr-defined]
        return view

    return named


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    """The rule of an endpoint; None where its view does not say."""
    return getattr(app.view_functions[endpoint], "nilm_access", None)


def enforce(app: Flask, cors_origins: str) -> None:
    """Hold every call to its view's rule."""
    origins = allowed_origins(cors_origins)

    @app.before_request
    def _hold() -> None:
        if request.endpoint is None:
            if EXTERNAL in request.environ:
                raise Problem(404, "There is nothing here but the page.")
            return
        rule = rule_of(app, request.endpoint)
        if rule is None:
            raise RuntimeError(f"{request.endpoint} does not say who may call it")
        if EXTERNAL in request.environ and not rule.dashboard:
            raise Problem(404, "There is nothing here but the page.")
        if request.method == "OPTIONS":
            return
        g.asked = callers.asked(parts().config, dashboard=rule.dashboard)
        if request.method not in _READS:
            _check_origin(g.asked, origins)
        if rule.who is not Who.ANYONE:
            _check_caller(rule)
            if request.method not in _READS:
                _check_csrf(g.asked)


def _check_caller(rule: Rule) -> None:
    """Problem 401 or 403 unless the caller is one that `rule` lets in."""
    known = caller()
    if known.role < rule.who:
        raise Problem(403, f"{known.name} is {known.role.name.lower()}; this takes {rule.who.name.lower()}.")
    if rule.of is Of.ALL and not known.sees_everything:
        raise Problem(403, "This concerns every building, and not every one is granted to you.")
    if rule.of in {Of.BUILDING, Of.APPLIANCE, Of.GRANTED}:
        for building in request.args.getlist("building_id"):
            may_see(building, whole=rule.of is not Of.APPLIANCE)


def may_see(building: str, *, whole: bool = True) -> None:
    """Problem 403 unless the caller may see that building; the same whether there is such a building."""
    appliances = caller().appliances(building)
    if appliances is None or (appliances and not whole):
        return
    raise Problem(403, "This building is not granted to you.", parameter="building_id")


def may_name(building: str, appliance: str) -> None:
    """Problem 403 unless that appliance is granted to the caller; the same whether there is such a one."""
    granted = caller().appliances(building)
    if granted is not None and appliance not in granted:
        raise Problem(403, "This appliance is not granted to you.", parameter="building_id")


def caller_or_none() -> Caller | None:
    """Who calls, where that is known; looked for once a request. Problem 401 where a token is no good."""
    if "caller" not in g:
        try:
            g.caller = parts().callers.find(g.asked)
        except Rejected as error:
            raise _unauthorised(f"{error}.", ', error="invalid_token"') from error
    known: Caller | None = g.caller
    return known


def caller() -> Caller:
    """Who calls a view that is not for anyone."""
    if (known := caller_or_none()) is None:
        raise _unauthorised("Log in, or send a token as Authorization: Bearer TOKEN.")
    return known


def still_allowed() -> Callable[[], bool]:
    """For a stream that stays open: whether its caller would be let in again, with the same rights."""
    before, shown, who = caller(), g.asked, parts().callers

    def again() -> bool:
        try:
            return who.find(shown) == before
        except Unavailable:
            return True
        except Rejected:
            return False

    return again


def _check_origin(shown: Asked, origins: frozenset[str]) -> None:
    """No other page may have something changed; one of `cors_origins` may, with a token."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host and not (shown.token and origin in origins):
        raise Problem(403, "Only the gateway's own page may have something changed.")


def _check_csrf(shown: Asked) -> None:
    """A cookie alone proves nothing: browsers send it along whoever made them."""
    given = request.headers.get(CSRF, "").encode("utf-8", "replace")
    if shown.cookie and not shown.token and not compare_digest(given, csrf_of(shown.cookie).encode()):
        raise Problem(403, f"{CSRF} is missing or wrong; GET /api/me tells it.")


def _unauthorised(detail: str, error: str = "") -> Problem:
    return Problem(401, detail).with_header("WWW-Authenticate", f'Bearer realm="nilm-edge"{error}')
