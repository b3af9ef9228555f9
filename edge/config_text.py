"""Writes the configuration: as TOML, with comments, with secrets hidden."""

import json
from dataclasses import Field, fields, is_dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from edge.settings import Config, settings_of, tables_of

_SECRET_FILES = {"password_file", "token_file", "key_file", "secret_file"}
"""Settings whose file is a secret, by their key; files of another kind (data_file, ca_file) are none."""


def to_toml(config: Config, *, comments: bool = False) -> str:
    """`config` as a TOML file that load_config reads back; secrets included."""
    lines: list[str] = []
    for key, value, about in settings_of(config):
        lines += _line(key, value, about, comments)
    for section in fields(config):
        value = getattr(config, section.name)
        for table in value if isinstance(value, tuple) else (value,) if is_dataclass(value) else ():
            lines += _table(f"[[{section.name}]]" if isinstance(value, tuple) else f"[{section.name}]", table, comments)
            for name, inner in tables_of(table):
                lines += _table(f"[{section.name}.{name}]", inner, comments)
    return "\n".join(lines) + "\n"


def _table(head: str, table: Any, comments: bool) -> list[str]:
    lines = ["", head]
    if comments and table.__doc__:
        lines.append(f"# {table.__doc__}")
    for key, entry, about in settings_of(table):
        lines += _line(key, entry, about, comments)
    return lines


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


def without_secrets(config: Config) -> tuple[Config, list[str]]:
    """`config` less every password and token, which settings those were in, or in the file of; files stay named."""
    found = [name for name, _ in secret_files(config)]
    for section in fields(config):
        table = getattr(config, section.name)
        for key, value, about in settings_of(table) if is_dataclass(table) and not isinstance(table, type) else ():
            if about.metadata["secret"] and (bare := _bare(str(value))) != value:
                found.append(f"{section.name}.{key}")
                table = replace(table, **{key: bare})
        changes: dict[str, Any] = {section.name: table}
        config = replace(config, **changes)
    return config, sorted(found)


def secret_files(config: Config) -> list[tuple[str, str]]:
    """Each setting, as section.key, that names a file with a secret, and the file."""
    return [
        (f"{section.name}.{key}", str(value))
        for section in fields(config)
        if is_dataclass(table := getattr(config, section.name))
        for key, value, _ in settings_of(table)
        if key in _SECRET_FILES and value
    ]


def with_setting(config: Config, name: str, value: str) -> Config:
    """`config` with one setting, named section.key, changed."""
    section, _, key = name.partition(".")
    changes: dict[str, Any] = {section: replace(getattr(config, section), **{key: value})}
    return replace(config, **changes)


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


def _bare(secret: str) -> str:
    """A URL without user, password and query; nothing of what is no URL."""
    parts = urlsplit(secret)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="")) if parts.scheme else ""


def _mask(secret: str) -> str:
    parts = urlsplit(secret)
    if not parts.scheme:
        return "********"
    if parts.password is None and parts.username is None:
        return secret
    return urlunsplit(parts._replace(netloc=f"********@{parts.netloc.rpartition('@')[2]}"))
