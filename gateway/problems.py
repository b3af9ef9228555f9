"""Errors as problem details (RFC 9457): one shape, plain words, never a traceback."""

import logging
from http import HTTPStatus
from typing import Any, Self

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from edge.errors import Rejected, Unavailable
from edge.log import request_id
from gateway.replies import json_reply

log = logging.getLogger("nilm.gateway")

RETRY_AFTER_S = 5


class Problem(Exception):
    """What is wrong with a request, in a sentence that says what to do; `more` are further members."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.more = more
        self.headers: dict[str, str] = {}

    def with_header(self, name: str, value: str) -> Self:
        """The same with a header in its answer."""
        self.headers[name] = value
        return self


def bad(parameter: str, detail: str, status: int = 422) -> Problem:
    """A problem with one query parameter."""
    return Problem(status, detail, parameter=parameter)


def body_of(status: int, detail: str, **more: Any) -> dict[str, Any]:
    """A problem's members; the request id finds its log lines."""
    title = HTTPStatus(status).phrase
    about = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return about | {"request_id": request_id.get()}


def reply(status: int, detail: str, **more: Any) -> Response:
    """A problem as a response."""
    response = json_reply(body_of(status, detail, **more), status, "application/problem+json")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def install(app: Flask) -> None:
    """Make `app` answer every error as a problem."""

    @app.errorhandler(Problem)
    def _problem(problem: Problem) -> Response:
        response = reply(problem.status, problem.detail, **problem.more)
        response.headers.update(problem.headers)
        return response

    @app.errorhandler(Unavailable)
    def _unavailable(error: Unavailable) -> Response:
        return reply(503, f"{error}. Try again in {RETRY_AFTER_S} s.")

    @app.errorhandler(Rejected)
    def _rejected(error: Rejected) -> Response:
        return reply(502, str(error))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Any:
        said = error.get_response()
        if error.code is None or error.code < 400:
            return said
        response = reply(error.code, error.description or "")
        if "Allow" in said.headers:
            response.headers["Allow"] = said.headers["Allow"]
        return response

    @app.errorhandler(Exception)
    def _bug(error: Exception) -> Response:
        log.error("a view failed", exc_info=error)
        return reply(500, "The gateway made a mistake; its log says which.")
