"""The account that `nilm-edge provision` makes: it leaves a note, of which nilm-gateway makes it when it starts.

At boot provisioning is root without any right over others' files, so it cannot write accounts itself. The note's folder
belongs to the data's owner and group, and has setgid: what is left there is the group's to read. A note has no
password, only its hash.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.adapters.accounts import Accounts
from edge.adapters.files import write_whole
from edge.adapters.passwords import hash_password, is_cheap_hash
from edge.core.grants import ALL, Caller, Role, check_name, check_password
from edge.errors import BadReading, ConfigError, Unavailable

FOLDER = "new-accounts"
"""In the data folder."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An admin's name and the hash of the password."""

    name: str
    password: str


def read_account(said: Any, where: str) -> NewAccount:
    """The `[account]` of a provisioning file. ConfigError, without any secret in it, where it is none."""
    if not isinstance(said, dict) or not isinstance(said.get("name"), str):
        raise ConfigError(f"{where}: account.name: must be text in quotes")
    if set(said) not in ({"name", "password"}, {"name", "password_hash"}):
        raise ConfigError(f"{where}: account: has a name, and either password or password_hash, and nothing else")
    secret = said.get("password", said.get("password_hash"))
    if not isinstance(secret, str):
        raise ConfigError(f"{where}: account.password: must be text in quotes")
    try:
        name = check_name(said["name"])
        if "password" in said:
            return NewAccount(name, hash_password(check_password(name, secret)))
    except BadReading as error:
        raise ConfigError(f"{where}: account: {error}") from error
    if not is_cheap_hash(secret):
        raise ConfigError(f"{where}: account.password_hash: is none that `nilm-edge user hash` prints")
    return NewAccount(name, secret)


def leave(account: NewAccount, data_dir: Path) -> None:
    """Leave a note for the gateway; Unavailable where that cannot be."""
    file = data_dir / FOLDER / f"{account.name}.json"
    write_whole(file, json.dumps({"password": account.password}).encode(), private=True)
    with suppress(OSError):  # in the unit's sandbox: there the folder's setgid has seen to it
        owner = data_dir.stat()
        os.chown(file.parent, owner.st_uid, owner.st_gid)
        os.chown(file, owner.st_uid, owner.st_gid)
    file.chmod(0o640)


def take(data_dir: Path) -> Iterator[str]:
    """Make each account that waits, an admin's, or give it its new password; remove the note. The names.

    Unavailable where one can be neither read nor made; it stays.
    """
    accounts = Accounts(data_dir)
    for file in sorted((data_dir / FOLDER).glob("*.json")):
        try:
            name, password = check_name(file.stem), str(json.loads(file.read_bytes())["password"])
            if not accounts.add(Caller(name, Role.ADMIN, (ALL,)), password):
                accounts.set_password(name, password)
            file.unlink()
        except (OSError, ValueError, KeyError, TypeError, BadReading) as error:
            raise Unavailable(f"cannot make the account of {file}: {error}") from error
        yield name
