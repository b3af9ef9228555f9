"""What a backup holds: its members by name, size and SHA-256, and which names there may be."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
CONFIG = "config.toml"
ACCOUNTS = "accounts.db"
"""Among the secrets: whoever has it can try passwords at leisure."""
STATE = ("changed", "backfill", "spool", "rejected", "sync")
"""Folders of the data folder that are state: neither a server's data nor a log. Top-level *.json are state as well."""
MAX_MEMBER_BYTES = 256_000_000
_FORMAT = 1
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]{0,127}")
_HOUR = re.compile(r"newest/building=([^/]+)/(mains|appliance)-([0-9]{1,15})\.parquet")
_FOLDERS = {"models", "newest", "redis", "secrets", "snapshots", "state"}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_PARTS, _MAX_NAME = 8, 250


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `left_out`: what should be in it and is not; `secrets_left_out`: settings."""

    version: str
    created: str
    buildings: tuple[str, ...]
    members: tuple[Member, ...] = ()
    left_out: tuple[str, ...] = ()
    secrets_left_out: tuple[str, ...] = ()
    with_secrets: bool = False


def is_name(name: str) -> bool:
    """Whether a member may be called so: a plain relative path in a folder of ours, nothing hidden in it."""
    folder, _, rest = name.partition("/")
    if name == CONFIG:
        return True
    if folder not in _FOLDERS or not rest or len(name) > _MAX_NAME:
        return False
    parts = name.split("/")
    if folder == "state" and parts[1] not in STATE and not (len(parts) == 2 and rest.endswith(".json")):
        return False
    return len(parts) <= _MAX_PARTS and all(_PART.fullmatch(part) for part in parts)


def clash(names: Iterable[str]) -> str:
    """A name that comes twice, or is a file and a folder at once; empty for none."""
    seen: set[str] = set()
    folders: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
        parts = name.split("/")
        folders |= {"/".join(parts[:n]) for n in range(1, len(parts))}
    return min(seen & folders, default="")


def newest_name(building: str, kind: str, hour_ms: int) -> str:
    """The member with an hour's seconds that no snapshot has yet."""
    return f"newest/building={building}/{kind}-{hour_ms}.parquet"


def of_newest(name: str) -> tuple[str, str, int] | None:
    """Building, kind and hour of what `newest_name` named; None for others."""
    match = _HOUR.fullmatch(name)
    return (match[1], match[2], int(match[3])) if match else None


def to_json(manifest: Manifest) -> bytes:
    """What `from_json` reads."""
    said = {
        "format": _FORMAT,
        "made_by": f"nilm-edge {manifest.version}",
        "created": manifest.created,
        "buildings": manifest.buildings,
        "with_secrets": manifest.with_secrets,
        "secrets_left_out": manifest.secrets_left_out,
        "left_out": manifest.left_out,
        "members": [{"name": one.name, "bytes": one.size_bytes, "sha256": one.sha256} for one in manifest.members],
    }
    return json.dumps(said, indent=1).encode()


def from_json(content: bytes) -> Manifest:
    """The manifest in `content`; ValueError with the reason where it is none that can be used."""
    try:
        said: dict[str, Any] = json.loads(content)
        if said["format"] != _FORMAT:
            made_by = str(said.get("made_by", "another program"))[:80]
            raise ValueError(f"it has format {said['format']!r} of {made_by}; this version reads format {_FORMAT}")
        members = tuple(_member(entry) for entry in said["members"])
        if name := clash(one.name for one in members):
            raise ValueError(f"its manifest names {name!r} twice")
        return Manifest(
            _text(said["made_by"]).removeprefix("nilm-edge "),
            _text(said["created"]),
            tuple(map(_text, said["buildings"])),
            members,
            tuple(map(_text, said["left_out"])),
            tuple(map(_text, said["secrets_left_out"])),
            said["with_secrets"] is True,
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its manifest lacks something: {error!r}") from error


def _member(entry: dict[str, Any]) -> Member:
    name, size_bytes, sha256 = entry["name"], entry["bytes"], entry["sha256"]
    if not isinstance(name, str) or not is_name(name):
        raise ValueError(f"its manifest names {str(name)[:80]!r}")
    if type(size_bytes) is not int or not 0 <= size_bytes <= MAX_MEMBER_BYTES:
        raise ValueError(f"its manifest says that {name} has {str(size_bytes)[:40]} bytes")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"its manifest has no SHA-256 of {name}")
    return Member(name, size_bytes, sha256)


def _text(value: Any) -> str:
    """Words for a person: no control characters reach the terminal."""
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return "".join(character for character in value[:500] if character.isprintable())
