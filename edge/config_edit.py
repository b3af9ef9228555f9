"""Writing a meter into a configuration file that a person keeps: its comments and all else stay as they are.

Lines are changed, the result is parsed, and it must say exactly what is meant: otherwise nothing is written.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.adapters.files import written_whole
from edge.config import checked, config_with, parse_config
from edge.config_text import toml_value
from edge.errors import ConfigError, NilmError
from edge.settings import Config, Meter, settings_of

_HEAD = re.compile(r"\s*\[\[\s*meters\s*\]\]\s*(#.*)?")
_ANY_HEAD = re.compile(r"\s*\[")
_ALWAYS = ("building", "family", "topic")


def meter_lines(meter: Meter) -> list[str]:
    """The entry as a person would write it: what is not as usual."""
    usual = Meter()
    lines = ["[[meters]]"]
    for name, value, _ in settings_of(meter):
        if name in _ALWAYS or value != getattr(usual, name):
            lines.append(f"{name} = {toml_value(value)}")
    return lines


def with_meter(text: str, where: str, meter: Meter, instead_of: int | None) -> str:
    """`text` with one more meter, or with it in the place of the one at that index; ConfigError where that cannot be.

    `where` names the file in errors.
    """
    before = parse_config(text, where)
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if _HEAD.fullmatch(line)]
    if instead_of is None or not heads:
        lines += [*([""] if lines and lines[-1].strip() else []), *meter_lines(meter)]
    else:
        lines = _changed(lines, heads[instead_of] if instead_of < len(heads) else len(lines), meter)
    changed = "\n".join(lines) + "\n"
    wanted = _with(before, meter, instead_of if heads else None, bool(heads))
    try:
        good = parse_config(changed, where) == wanted
    except ConfigError:
        good = False
    if not good:
        entry = "\n    ".join(meter_lines(meter))
        raise ConfigError(
            f"{where} is written in a way that cannot be changed safely; put this in by hand:\n    {entry}"
        )
    return changed


def _with(before: Config, meter: Meter, instead_of: int | None, has_meters: bool) -> Config:
    meters = list(before.meters) if has_meters else []
    if instead_of is None:
        return replace(before, meters=(*meters, meter))
    meters[instead_of] = meter
    return replace(before, meters=tuple(meters))


def _changed(lines: list[str], head: int, meter: Meter) -> list[str]:
    """The lines with the table that begins at `head` changed to say `meter`."""
    end = next((n for n in range(head + 1, len(lines)) if _ANY_HEAD.match(lines[n])), len(lines))
    said: dict[str, Any] = {name: value for name, value, _ in settings_of(meter)}
    usual = Meter()
    block = []
    for line in lines[head + 1 : end]:
        key = line.partition("=")[0].strip()
        if key in said and not line.lstrip().startswith("#"):
            block.append(f"{key} = {toml_value(said.pop(key))}{_comment(line)}")
        else:
            block.append(line)
    new = [
        f"{name} = {toml_value(value)}"
        for name, value in said.items()
        if name in _ALWAYS or value != getattr(usual, name)
    ]
    return [*lines[: head + 1], *new, *block, *lines[end:]]


def _comment(line: str) -> str:
    """What follows a value after `#`; none where that stands inside of quotes."""
    match = re.fullmatch(r"[^\"'#]*(?:\"[^\"\\]*\"|'[^']*'|[^\"'#]*)\s*(#.*)", line)
    return f"  {match[1]}" if match else ""


def with_settings(text: str, where: str, settings: Mapping[str, Any]) -> str:
    """`text` with these settings, which have the shape of a file's content; ConfigError where that cannot be."""
    meters = [checked(Meter(), entry, f"{where}: meters") for entry in settings.get("meters", [])]
    plain = {name: value for name, value in settings.items() if name != "meters"}
    wanted = config_with(parse_config(text, where), plain, where)
    lines = text.splitlines()
    for table, key, value in _flat(plain, ""):
        lines = _with_value(lines, table, key, toml_value(value))
    changed = "\n".join(lines) + "\n"
    try:
        good = parse_config(changed, where) == wanted
    except ConfigError:
        good = False
    if not good:
        raise ConfigError(f"{where} cannot be changed safely as it is written; change it by hand")
    for number, meter in enumerate(meters):
        there = sum(bool(_HEAD.fullmatch(line)) for line in changed.splitlines())
        changed = with_meter(changed, where, meter, number if number < there else None)
    if meters and parse_config(changed, where).meters != tuple(meters):
        raise ConfigError(f"{where} has more meters than {len(meters)}; remove those that are too many")
    return changed


def _flat(settings: Mapping[str, Any], table: str) -> Iterator[tuple[str, str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{table}.{name}" if table else name)
        else:
            yield table, name, value


def _with_value(lines: list[str], table: str, key: str, value: str) -> list[str]:
    """The lines with a table's key set: where it stands, where it stands as a comment, or below the table's head."""
    heads = [n for n, line in enumerate(lines) if _ANY_HEAD.match(line)]
    if table:
        start = next((n for n in heads if re.fullmatch(rf"\s*\[{re.escape(table)}\]\s*(#.*)?", lines[n])), None)
        if start is None:
            return [*lines, "", f"[{table}]", f"{key} = {value}"]
    else:
        start = -1
    end = next((n for n in heads if n > start), len(lines))
    for mark in (rf"\s*{key}\s*=", rf"#{key} ="):
        for n in range(start + 1, end):
            if re.match(mark, lines[n]):
                kept = "" if mark.startswith("#") else _comment(lines[n])
                return [*lines[:n], f"{key} = {value}{kept}", *lines[n + 1 :]]
    return [*lines[: start + 1], f"{key} = {value}", *lines[start + 1 :]]


def write_keeping_rights(file: Path, text: str) -> None:
    """Put `text` at `file`, whole or not at all, with the owner and mode that the file has."""
    file = file.resolve()
    try:
        about = file.stat() if file.exists() else None
    except OSError as error:
        raise NilmError(f"cannot look at {file}: {error.strerror}") from error
    with written_whole(file, private=about is not None) as stream:
        stream.write(text.encode())
        if about is not None:
            made = os.fstat(stream.fileno())
            if (made.st_uid, made.st_gid) != (about.st_uid, about.st_gid):  # a service's sandbox forbids it
                os.fchown(stream.fileno(), about.st_uid, about.st_gid)
            os.fchmod(stream.fileno(), about.st_mode & 0o7777)
