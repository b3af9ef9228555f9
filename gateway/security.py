"""Headers that tell browsers what the page may do and which other pages may call the API."""

import re
from collections.abc import Set

from flask import Flask, Response, request

from edge.errors import ConfigError

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_ASKED = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-ID"
MAX_BODY_BYTES = 256 * 1024
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


def allowed_origins(setting: str) -> frozenset[str]:
    """The origins named in `setting`; ConfigError unless each is exactly an origin."""
    origins = frozenset(filter(None, (origin.strip() for origin in setting.split(","))))
    for origin in sorted(origins):
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(f"gateway.cors_origins: {origin!r} is no origin such as https://energy.example.org")
    return origins


def install(app: Flask, cors_origins: str) -> None:
    """Set the headers on every answer of `app`."""
    origins = allowed_origins(cors_origins)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.after_request
    def _headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        if origins:
            _allow(response, origins)
        return response


def _allow(response: Response, origins: Set[str]) -> None:
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if origin in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Content-Disposition, Retry-After, X-Request-ID"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = _ASKED
            response.headers["Access-Control-Max-Age"] = "600"
