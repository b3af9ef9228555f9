"""What a route takes and gives: said at its view, held to by the gateway, and told by /openapi.json."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask, current_app, request

from gateway.problems import bad

View = TypeVar("View", bound=Callable[..., Any])
Schema = Mapping[str, Any]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the query, or a header; `schema` is JSON Schema."""

    name: str
    doc: str
    schema: Schema
    required: bool = False
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Call:
    """What a call of a route may have, and its good answers: by status, then by content type, a schema."""

    parameters: tuple[Parameter, ...] = ()
    answers: Mapping[int, Mapping[str, Schema]] = field(default_factory=dict)
    body: Schema | None = None


def takes(*parameters: Parameter) -> tuple[Parameter, ...]:
    """The parameters of a route."""
    return parameters


def described(call: Call) -> Callable[[View], View]:
    """Say what this view takes and gives."""

    def named(view: View) -> View:
        view.nilm_call = call  # type: ignore[attr-defined]
        return view

    return named


def call_of(app: Flask, endpoint: str) -> Call | None:
    """What an endpoint's view says of itself; None for files of the page."""
    return getattr(app.view_functions[endpoint], "nilm_call", None)


def enforce(app: Flask) -> None:
    """Refuse parameters that a route does not know, or that are given twice: a slip must not change the answer."""

    @app.before_request
    def _known() -> None:
        call = call_of(current_app, request.endpoint) if request.endpoint else None
        if call is None or not call.parameters or request.method == "OPTIONS":
            return  # where there are none, nothing can be meant by one
        known = sorted(parameter.name for parameter in call.parameters if parameter.place == "query")
        for name, values in request.args.lists():
            if name not in known:
                raise bad(name[:80], f"There is no parameter {name[:80]!r}; known are {', '.join(known)}.", 400)
            if len(values) > 1:
                raise bad(name, f"{name} is given {len(values)} times; give it once.", 400)
