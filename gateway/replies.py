"""Responses: JSON by orjson, and gzip for callers that take it."""

import gzip
from typing import Any

import orjson
from flask import Flask, Response, request

GZIP_FROM_BYTES = 1400
"""Smaller answers fit one packet anyway."""
_TEXTUAL = ("application/json", "application/problem+json", "text/plain", "text/csv")


def json_reply(data: Any, status: int = 200, content_type: str = "application/json") -> Response:
    """`data` as JSON; a number that is not finite leaves as null."""
    return Response(orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY), status, content_type=content_type)


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
