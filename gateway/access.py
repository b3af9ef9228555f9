"""Who may call a route: every view names it; one that does not is refused, and a test finds it.

No other page may have something changed.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from flask import Flask, request

from gateway.problems import Problem

View = TypeVar("View", bound=Callable[..., Any])


_READS = {"GET", "HEAD", "OPTIONS"}


class Who(Enum):
    """Callers, from the most to the least trusted matter; until there are accounts, all may come in."""

    ADMIN = "whoever may change or start something"
    VIEWER = "whoever may see the building's data"
    ANYONE = "anyone who can reach the port: tells nothing of a household"


def access(who: Who) -> Callable[[View], View]:
    """Say who may call this view."""

    def named(view: View) -> View:
        view.nilm_access = who  # type: ignore[attr-defined]
        return view

    return named


def access_of(app: Flask, endpoint: str) -> Who | None:
    """Who may call an endpoint; None where its view does not say."""
    return getattr(app.view_functions[endpoint], "nilm_access", None)


def enforce(app: Flask) -> None:
    """Refuse every call to a view that does not say who may call it."""

    @app.before_request
    def _named() -> None:
        if request.endpoint is not None and access_of(app, request.endpoint) is None:
            raise RuntimeError(f"{request.endpoint} does not say who may call it")

    @app.before_request
    def _own_pages_change() -> None:
        origin = request.headers.get("Origin")
        if request.method not in _READS and origin not in {None, request.host_url.rstrip("/")}:
            raise Problem(403, "Only the gateway's own page may have something changed.")
