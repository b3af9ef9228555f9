"""Writes the configuration: as TOML, with comments, with secrets hidden."""

import json
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from edge.settings import Config, settings_of, tables_of

SECRET_FILES = ("password_file", "token_file", "key_file", "secret_file")
"""How settings end whose file is a secret; files of another kind (data_file, ca_file) are none."""
_Table = TypeVar("_Table")


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
    for name, value, about in _named(config):
        if about.metadata["secret"] and value:
            config = with_setting(config, name, _mask(str(value)))
    return config


def without_secrets(config: Config) -> tuple[Config, list[str]]:
    """`config` less every password and token, which settings those were in, or in the file of; files stay named."""
    found = [name for name, _ in secret_files(config)]
    for name, value, about in _named(config):
        if about.metadata["secret"] and (bare := _bare(str(value))) != value:
            found.append(name)
            config = with_setting(config, name, bare)
    return config, sorted(found)


def secret_files(config: Config) -> list[tuple[str, str]]:
    """Each setting, as section.key, that names a file with a secret, and the file."""
    return [(name, str(value)) for name, value, _ in _named(config) if name.endswith(SECRET_FILES) and value]


def secret_values(config: Config) -> list[str]:
    """What stands in settings that hold a secret, such as a URL with a password."""
    return [str(value) for _, value, about in _named(config) if about.metadata["secret"] and value]


def with_setting(table: _Table, name: str, value: str) -> _Table:
    """A table, such as the whole configuration, with one setting, named section.key, changed."""
    key, _, rest = name.partition(".")
    changes: dict[str, Any] = {key: with_setting(getattr(table, key), rest, value) if rest else value}
    changed: _Table = replace(table, **changes)  # type: ignore[type-var]
    return changed


def _named(table: Any, before: str = "") -> Iterator[tuple[str, Any, Field[Any]]]:
    """Each setting, by its name with those of its tables before it; meters have no secrets."""
    for key, value, about in settings_of(table):
        yield before + key, value, about
    for key, inner in tables_of(table):
        yield from _named(inner, f"{before}{key}.")


def _line(key: str, value: Any, about: Field[Any], comments: bool) -> list[str]:
    text = f"{key} = {toml_value(value)}"
    return ["", f"# {_describe(about)}", text] if comments else [text]


def _describe(about: Field[Any]) -> str:
    meta = about.metadata
    text: str = meta["doc"]
    if meta["choices"]:
        text += f" One of: {', '.join(meta['choices'])}."
    elif meta["low"] is not None:
        text += f" From {meta['low']} to {meta['high']}."
    return text


def toml_value(value: Any) -> str:
    """A setting's value as TOML has it."""
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
