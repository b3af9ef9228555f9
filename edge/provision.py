"""`nilm-edge provision`: one file says what a box is to be: settings go into the configuration, secrets into files.

It is TOML with the tables of config.toml, where each `..._file` of a secret may be given without `_file`, as the secret
itself; and with `[account]`, the first admin. `{id}` in a text stands for twelve hexadecimal digits that this machine
alone has, `{hostname}` for its name. It may be done twice: what is left after a power cut is done again.
"""

import re
import socket
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from edge.adapters.files import write_whole
from edge.config import config_with, parse_config
from edge.config_edit import with_settings, write_keeping_rights
from edge.config_text import SECRET_FILES, toml_value
from edge.errors import ConfigError, NilmError
from edge.new_accounts import NewAccount, leave, read_account
from edge.settings import Config, settings_of, tables_of

PLACES = ("boot/firmware/nilm-edge.toml", "boot/nilm-edge.toml", "etc/nilm-edge/provision.toml")
"""Below /, where a file waits for the next boot; the first one there counts."""
DONE, FAILED = ".done.toml", ".error.txt"
_ID = b"nilm-edge "
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True)
class Box:
    """Where everything is on a machine whose root is `root`."""

    root: Path = Path("/")

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.root / "etc/nilm-edge/config.toml"

    @property
    def secrets(self) -> Path:
        """A folder each for whom secrets are; services get them as credentials."""
        return self.root / "etc/nilm-edge/secrets"

    def waiting(self) -> Path | None:
        """The file that waits; None for none."""
        return next((self.root / place for place in PLACES if (self.root / place).exists()), None)


def provision(file: Path, box: Box) -> dict[str, Any]:
    """Take the file over; what was done, without secrets. ConfigError: nothing was changed, the file says why not."""
    try:
        settings, secrets, account = _read(file, box)
        text = box.config.read_text(encoding="utf-8") if box.config.exists() else ""
        parse_config(text, str(box.config))
        changed = with_settings(text, str(box.config), settings)
        data_dir = parse_config(changed, str(box.config)).data_dir
        if account:
            leave(account, box.root / data_dir.lstrip("/"))
    except (OSError, UnicodeDecodeError) as error:
        raise _told(file, ConfigError(f"cannot read {file}: {error}")) from error
    except NilmError as error:
        raise _told(file, error) from error
    for (of_whom, name), secret in secrets.items():
        box.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        (box.secrets / of_whom).mkdir(mode=0o700, exist_ok=True)
        write_whole(box.secrets / of_whom / name, f"{secret.strip()}\n".encode(), private=True)
    write_keeping_rights(box.config, changed)
    _retire(file, settings)
    return {
        "file": str(file),
        "config": str(box.config),
        "settings": sorted(_names(settings)),
        "secrets": sorted(f"{of_whom}/{name}" for of_whom, name in secrets),
        "account": account.name if account else None,
    }


def box_id(root: Path = Path("/")) -> str:
    """Twelve digits that only this machine has; from its machine-id, which they do not tell."""
    try:
        known = (root / "etc/machine-id").read_bytes().strip()
    except OSError as error:
        raise NilmError(f"this machine has no id: {error}") from error
    if not re.fullmatch(rb"[0-9a-f]{32}", known):
        raise NilmError("this machine has no id yet: systemd-machine-id-setup makes one")
    return sha256(_ID + known).hexdigest()[:12]


def _read(file: Path, box: Box) -> tuple[dict[str, Any], dict[tuple[str, str], str], NewAccount | None]:
    """The settings, with placeholders filled in and secrets by their file's name; the secrets; and the account."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    account = read_account(said.pop("account"), str(file)) if "account" in said else None
    said = _filled(said, box)
    secrets: dict[tuple[str, str], str] = {}
    _take_secrets(said, Config(), "", secrets, str(file))
    config_with(Config(), said, str(file))  # each key and value is one that there is
    return said, secrets, account


def _take_secrets(
    said: dict[str, Any], table: Any, before: str, secrets: dict[tuple[str, str], str], where: str
) -> None:
    names = {name for name, _, _ in settings_of(table)}
    for name in sorted(names):
        if not name.endswith(SECRET_FILES) or not before:
            continue
        plain = name.removesuffix("_file")
        if plain in said and plain not in names:
            secret = said.pop(plain)
            if not isinstance(secret, str) or not secret.strip():
                raise ConfigError(f"{where}: {before}{plain}: must be text in quotes")
            of_whom, _, rest = before.partition(".")
            kept = "_".join([*rest.rstrip(".").split("."), plain]).lstrip("_")
            secrets[of_whom, kept] = secret
            said[name] = f"{of_whom}_{kept}"
    for name, inner in tables_of(table):
        if isinstance(said.get(name), dict):
            _take_secrets(said[name], inner, f"{before}{name}.", secrets, where)


def _filled(said: Any, box: Box) -> Any:
    if isinstance(said, dict):
        return {name: _filled(value, box) for name, value in said.items()}
    if isinstance(said, list):
        return [_filled(value, box) for value in said]
    if not isinstance(said, str):
        return said

    def known(match: re.Match[str]) -> str:
        if match[1] == "id":
            return box_id(box.root)
        return socket.gethostname() if match[1] == "hostname" else match[0]

    return _PLACEHOLDER.sub(known, said)


def _retire(file: Path, settings: Mapping[str, Any]) -> None:
    """Put what is no secret beside it under another name, for the next boot to leave alone; overwrite and remove it."""
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = [f"# Taken over into /etc/nilm-edge/config.toml, {at}. Secrets are not here any more.", *_toml(settings)]
    write_whole(file.with_name(file.stem + DONE), ("\n".join(lines) + "\n").encode())
    file.with_name(file.stem + FAILED).unlink(missing_ok=True)
    try:
        with file.open("r+b") as stream:
            stream.write(b"#" * file.stat().st_size)
            stream.flush()
        file.unlink()
    except OSError as error:
        raise NilmError(f"{file} cannot be removed, and may hold secrets: {error.strerror}") from error


def _told(file: Path, error: NilmError) -> NilmError:
    """The same error, after it was written beside the file: such a box has no screen."""
    with suppress(NilmError):
        write_whole(file.with_name(file.stem + FAILED), f"Nothing was changed: {error}\n".encode())
    return error


def _names(settings: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _names(value, f"{before}{name}.")
        else:
            yield before + name


def _toml(settings: Mapping[str, Any], before: str = "") -> Iterator[str]:
    plain = {name: value for name, value in settings.items() if not isinstance(value, (dict, list))}
    if before and plain:
        yield f"\n[{before}]"
    yield from (f"{name} = {toml_value(value)}" for name, value in plain.items())
    for name, value in settings.items():
        inside = f"{before}.{name}" if before else name
        if isinstance(value, dict):
            yield from _toml(value, inside)
        for one in value if isinstance(value, list) else ():
            yield f"\n[[{inside}]]"
            yield from (f"{key} = {toml_value(item)}" for key, item in one.items())
