"""Responses: JSON by orjson, and gzip for callers that take it."""

import gzip
from collections.abc import Sequence
from typing import Any

import orjson
from flask import Flask, Response, request

GZIP_FROM_BYTES = 1400
"""Smaller answers fit one packet anyway."""
_TEXTUAL = ("application/json", "application/problem+json", "text/plain", "text/csv")


def json_reply(data: Any, status: int = 200, content_type: str = "application/json") -> Response:
    """`data` as JSON; a number that is not finite leaves as null."""
    return Response(orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY), status, content_type=content_type)


def rows_reply(said: dict[str, Any], name: str, rows: Sequence[bytes]) -> Response:
    """`said`, which is not empty, with a list of what is JSON already; a long one is copied once."""
    before, after = orjson.dumps(said)[:-1] + b',"%b":[' % name.encode(), b"]}"
    if len(rows) < 2:
        return Response(before + b"".join(rows) + after, content_type="application/json")
    return Response(b",".join([before + rows[0], *rows[1:-1], rows[-1] + after]), content_type="application/json")


def takes_gzip() -> bool:
    """Whether this request's caller reads gzip."""
    return request.accept_encodings.quality("gzip") > 0


def install(app: Flask) -> None:
    """Compress long textual answers of `app`."""

    @app.after_request
    def _compress(response: Response) -> Response:
        if response.is_streamed or response.mimetype not in _TEXTUAL or "Content-Encoding" in response.headers:
            return response
        response.vary.add("Accept-Encoding")
        if takes_gzip() and len(body := response.get_data()) >= GZIP_FROM_BYTES:
            response.set_data(gzip.compress(body, compresslevel=1, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
        return response
