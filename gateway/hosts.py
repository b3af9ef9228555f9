"""The Host header: a page elsewhere whose name is bent to this machine's address must not read the API."""

import re
import socket
from collections.abc import Set
from ipaddress import ip_address

from flask import Flask, request

from edge.errors import ConfigError
from gateway.problems import Problem

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


def known_hosts(setting: str) -> frozenset[str]:
    """This machine's names and those in `setting`; ConfigError where one is no host name."""
    names = {name.strip().lower() for name in setting.split(",")} - {""}
    for name in sorted(names):
        if not _NAME.fullmatch(name):
            raise ConfigError(f"gateway.hosts: {name!r} is no host name such as energy.example.org (without a port)")
    own = socket.gethostname().lower()
    return frozenset(names | {"localhost", own, f"{own.partition('.')[0]}.local"})


def is_known(header: str, known: Set[str]) -> bool:
    """Whether a Host header names one of `known` or an address, which nobody can bend."""
    if not (found := _HOST.fullmatch(header)):
        return False
    name = found[1].lower()
    return name.rstrip(".") in known or is_address(name.strip("[]"))


def is_address(text: str) -> bool:
    """Whether `text` is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def install(app: Flask, setting: str) -> None:
    """Refuse requests to `app` under any other name; those without one come from no browser."""
    known = known_hosts(setting)

    @app.before_request
    def _check() -> None:
        header = request.environ.get("HTTP_HOST", "")
        if header and not is_known(header, known):
            raise Problem(
                421, f"This machine is not known as {header[:80]!r}. Use its address, or add the name to gateway.hosts."
            )
