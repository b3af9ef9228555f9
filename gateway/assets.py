"""The page's files: read once at start, compressed once, told apart by their hash."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from flask import Blueprint, Response, abort, request

from gateway.access import Of, Who, access
from gateway.replies import takes_gzip

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

pages = Blueprint("assets", __name__)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to send."""

    content_type: str
    plain: bytes
    zipped: bytes
    etag: str


def _load(folder: Traversable, prefix: str = "") -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _load(entry, f"{prefix}{entry.name}/")
        elif (content_type := _TYPES.get(entry.name.rpartition(".")[2])) is not None:
            plain = entry.read_bytes()
            zipped = gzip.compress(plain, 9, mtime=0)
            found[prefix + entry.name] = Asset(content_type, plain, zipped, sha256(plain).hexdigest()[:16])
    return found


ASSETS = _load(files("gateway") / "static")


@pages.get("/assets/<path:name>")
@access(Who.ANYONE, Of.NOTHING, dashboard=True, counted=False)
def asset(name: str) -> Response:
    """One of the page's files."""
    if name not in ASSETS:
        abort(404)
    return send(ASSETS[name])


@pages.get("/favicon.ico")
@access(Who.ANYONE, Of.NOTHING, dashboard=True, counted=False)
def favicon() -> Response:
    """The icon, for browsers that ask by habit."""
    return send(ASSETS["favicon.svg"])


def send(asset: Asset) -> Response:
    """The file, or 304: browsers ask each time, so that an update never mixes old and new files."""
    zipped = takes_gzip()
    response = Response(asset.zipped if zipped else asset.plain, content_type=asset.content_type)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(asset.etag + ("-gzip" if zipped else ""))
    response.make_conditional(request)
    return response
