"""/openapi.json and /docs: the API's description, generated from the routes themselves."""

from typing import Any

from flask import Blueprint, Flask, Response, current_app

from edge import __version__
from gateway.access import Of, Rule, Who, access, rule_of
from gateway.asks import JSON, Call, Parameter, call_of, described
from gateway.assets import ASSETS, send
from gateway.replies import json_reply
from gateway.schemas import PROBLEM

pages = Blueprint("openapi", __name__)

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_LOGGED_IN: list[dict[str, list[str]]] = [{"token": []}, {"cookie": []}]


@pages.get("/openapi.json")
@access(Who.ANYONE, Of.NOTHING)
@described(Call(answers={200: {JSON: {"type": "object"}}}))
def openapi() -> Response:
    """This description, as OpenAPI 3.1."""
    return json_reply(document(current_app))


@pages.get("/docs")
@access(Who.ANYONE, Of.NOTHING)
def docs() -> Response:
    """The same for people."""
    return send(ASSETS["docs.html"])


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of every route that says what it takes."""
    paths: dict[str, dict[str, Any]] = {}
    for url in sorted(app.url_map.iter_rules(), key=lambda url: url.rule):
        call, rule = call_of(app, url.endpoint), rule_of(app, url.endpoint)
        if call is None or rule is None:
            continue
        for method in sorted((url.methods or set()) - {"HEAD", "OPTIONS"}):
            doc = app.view_functions[url.endpoint].__doc__ or ""
            operation = _operation(url.endpoint, doc, call, rule, method)
            paths.setdefault(url.rule, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nilm-edge",
            "version": __version__,
            "description": "A building's mains and appliances, each second. Powers are watts, times ISO 8601.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "nilm_session"},
            },
        },
    }


def _operation(endpoint: str, doc: str, call: Call, rule: Rule, method: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": endpoint.replace(".", "_"),
        "summary": doc.strip().splitlines()[0],
        "description": _who(rule),
        "tags": [endpoint.partition(".")[0]],
        "parameters": [_parameter(parameter) for parameter in call.parameters],
        "responses": _responses(call, rule),
        "security": [] if rule.who is Who.ANYONE else _LOGGED_IN,
    }
    if call.body is not None:
        said["requestBody"] = {"required": True, "content": {JSON: {"schema": call.body}}}
    if method != "GET" and rule.who is not Who.ANYONE:
        said["description"] += " With the cookie, X-CSRF-Token as /api/me tells it."
    return said


def _who(rule: Rule) -> str:
    if rule.who is Who.ANYONE:
        return "For anyone."
    return f"For {rule.who.name.lower()} and above; tells {rule.of.value}."


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.doc,
        "required": parameter.required,
        "schema": parameter.schema,
    }


def _responses(call: Call, rule: Rule) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _PROBLEM}}
    said = {
        str(status): {"description": "As asked.", "content": {kind: {"schema": schema} for kind, schema in of.items()}}
        for status, of in call.answers.items()
    }
    if rule.who is not Who.ANYONE:
        said["401"] = {"description": "Nobody is logged in, or the token is no good.", "content": problem}
        said["403"] = {"description": "The role or the grants do not suffice.", "content": problem}
    said["4XX"] = {"description": "What is wrong with the request.", "content": problem}
    said["5XX"] = {"description": "What is away; Retry-After says when to ask again.", "content": problem}
    return said
