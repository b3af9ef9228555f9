"""Configuration files of earlier versions: when one is read, each step turns its content into the next format's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge.errors import ConfigError

STEPS: Sequence[Callable[[dict[str, Any]], dict[str, Any]]] = ()
"""In order: the first one leads from config_version 1 to 2. Only ever add at the end."""


def as_now(
    data: Mapping[str, Any], where: str, steps: Sequence[Callable[[dict[str, Any]], dict[str, Any]]] = STEPS
) -> dict[str, Any]:
    """A file's content in today's format; ConfigError, naming `where`, for one of a later nilm-edge."""
    known = len(steps) + 1
    version = data.get("config_version", 1)
    if type(version) is not int or version < 1:
        raise ConfigError(f"{where}: config_version: must be a whole number from 1, not {version!r}")
    if version > known:
        raise ConfigError(
            f"{where}: config_version: {version} is of a later nilm-edge (this one knows {known}): "
            "install that one again, or write the file anew from docs/config.toml"
        )
    found = dict(data)
    for step in steps[version - 1 :]:
        found = step(found)
    return found | ({"config_version": known} if "config_version" in data else {})
