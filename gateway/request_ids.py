"""Each request's id: taken from the caller or made here, in every log line, problem and answer."""

import re
import secrets

from flask import Flask, Response, request

from edge.log import request_id

HEADER = "X-Request-ID"
_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def new_id(wanted: str | None) -> str:
    """The caller's id where it is harmless in a log line and a header, else one of our own."""
    return wanted if wanted and _TAKEN.fullmatch(wanted) else secrets.token_hex(8)


def install(app: Flask) -> None:
    """Give every request to `app` its id; the first thing that happens to it."""

    @app.before_request
    def _begin() -> None:
        request_id.set(new_id(request.headers.get(HEADER)))

    @app.after_request
    def _tell(response: Response) -> Response:
        response.headers[HEADER] = request_id.get()
        return response
