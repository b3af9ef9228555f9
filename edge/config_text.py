"""Writes the configuration: as TOML, with comments, with secrets hidden."""

import json
from dataclasses import Field, fields, is_dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from edge.settings import Config, settings_of


def to_toml(config: Config, *, comments: bool = False) -> str:
    """`config` as a TOML file that load_config reads back; secrets included."""
    lines: list[str] = []
    for key, value, about in settings_of(config):
        lines += _line(key, value, about, comments)
    for section in fields(config):
        value = getattr(config, section.name)
        tables = value if isinstance(value, tuple) else (value,) if is_dataclass(value) else ()
        for table in tables:
            lines += ["", f"[[{section.name}]]" if isinstance(value, tuple) else f"[{section.name}]"]
            if comments and table.__doc__:
                lines.append(f"# {table.__doc__}")
            for key, entry, about in settings_of(table):
                lines += _line(key, entry, about, comments)
    return "\n".join(lines) + "\n"


def masked(config: Config) -> Config:
    """`config` with every secret hidden; what is no secret in a URL stays."""
    for section in fields(config):
        table = getattr(config, section.name)
        if is_dataclass(table) and not isinstance(table, type):
            hidden: dict[str, Any] = {
                key: _mask(str(value)) for key, value, about in settings_of(table) if about.metadata["secret"] and value
            }
            changes: dict[str, Any] = {section.name: replace(table, **hidden)}
            config = replace(config, **changes)
    return config


def _line(key: str, value: Any, about: Field[Any], comments: bool) -> list[str]:
    text = f"{key} = {_toml_value(value)}"
    return ["", f"# {_describe(about)}", text] if comments else [text]


def _describe(about: Field[Any]) -> str:
    meta = about.metadata
    text: str = meta["doc"]
    if meta["choices"]:
        text += f" One of: {', '.join(meta['choices'])}."
    elif meta["low"] is not None:
        text += f" From {meta['low']} to {meta['high']}."
    return text


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):  # TOML's escapes are JSON's, but for the one character JSON leaves alone
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _mask(secret: str) -> str:
    parts = urlsplit(secret)
    if not parts.scheme:
        return "********"
    if parts.password is None and parts.username is None:
        return secret
    return urlunsplit(parts._replace(netloc=f"********@{parts.netloc.rpartition('@')[2]}"))
