"""Whose address a request has: the peer's own, or what a proxy says that the configuration trusts."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from flask import Flask, request

from edge.errors import ConfigError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MARKS = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_FORWARDED_HOST")
_FAR = "nilm.far"


def trusted_networks(setting: str) -> tuple[Network, ...]:
    """The addresses and networks in `setting`; ConfigError where one is neither."""
    try:
        return tuple(ip_network(text.strip()) for text in setting.split(",") if text.strip())
    except ValueError as error:
        raise ConfigError(f"gateway.trusted_proxies: {error}; write 127.0.0.1 or 10.0.0.0/24") from error


def parse_address(text: str) -> Address | None:
    """An address; IPv4 in IPv6's clothes is IPv4."""
    try:
        address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def caller_of(peer: Address, forwarded_for: str, trusted: Sequence[Network]) -> tuple[Address, bool]:
    """The nearest address that no trusted proxy has, and whether each step to it was told."""
    address, steps = peer, [step for step in forwarded_for.split(",") if step.strip()]
    while any(address in network for network in trusted):
        further = parse_address(steps.pop()) if steps else None
        if further is None:
            return address, False
        address = further
    return address, True


def install(app: Flask, setting: str) -> None:
    """Make `app` see callers' own addresses."""
    app.wsgi_app = _Proxies(app.wsgi_app, trusted_networks(setting))  # type: ignore[method-assign]


class _Proxies:
    """WSGI middleware."""

    def __init__(self, app: Callable[..., Iterable[bytes]], trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer = parse_address(environ.get("REMOTE_ADDR", ""))
        far = any(environ.get(mark) for mark in _MARKS)
        if peer is not None and any(peer in network for network in self._trusted):
            address, told = caller_of(peer, environ.get("HTTP_X_FORWARDED_FOR", ""), self._trusted)
            environ["REMOTE_ADDR"], far = str(address), not told
            if environ.get("HTTP_X_FORWARDED_PROTO", "").strip().lower() == "https":
                environ["wsgi.url_scheme"] = "https"
        environ[_FAR] = far
        return self._app(environ, start_response)


def address() -> Address | None:
    """The caller's address."""
    return parse_address(request.remote_addr or "")


def may_be_from_afar() -> bool:
    """Whether a proxy is in between of which we do not know for whom it asks: the address proves nothing."""
    return bool(request.environ.get(_FAR))
