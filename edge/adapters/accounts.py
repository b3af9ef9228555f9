"""The accounts on this box: one SQLite file in the data folder, which the command and the gateway share.

Secrets that callers present (sessions, API tokens) are kept as SHA-256: they are random, so nobody finds them out.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from edge.core.grants import Caller, Role
from edge.errors import Unavailable

FAILURES_KEPT_MS = 15 * 60_000
_SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS users (
  name TEXT PRIMARY KEY, role INTEGER NOT NULL, grants TEXT NOT NULL, password TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
  hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users ON DELETE CASCADE, ends_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
  hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users ON DELETE CASCADE, label TEXT NOT NULL,
  made_ms INTEGER NOT NULL, UNIQUE (user, label));
CREATE TABLE IF NOT EXISTS failures (who TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS failures_of ON failures (who, at_ms);
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Account:
    """One account, without its secrets; `tokens` are labels."""

    caller: Caller
    tokens: tuple[str, ...]


def digest(secret: str) -> str:
    """What is kept of a random secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Accounts:
    """`accounts.db` in `data_dir`. Every method raises Unavailable where the file cannot be used."""

    def __init__(self, data_dir: Path) -> None:
        self.file = data_dir / "accounts.db"

    def any(self) -> bool:
        """Whether there is an account at all."""
        return bool(self._rows("SELECT 1 FROM users LIMIT 1"))

    def everyone(self) -> Sequence[Account]:
        """Every account, by name."""
        users = self._rows("SELECT name, role, grants FROM users ORDER BY name")
        tokens = self._rows("SELECT user, label FROM tokens ORDER BY label")
        return [Account(_caller(*row), tuple(label for user, label in tokens if user == row[0])) for row in users]

    def password_of(self, name: str) -> str | None:
        """The stored hash of an account's password; None where there is no such account."""
        rows = self._rows("SELECT password FROM users WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def by_session(self, secret: str, now_ms: int) -> tuple[Caller, int] | None:
        """Whose session it is, and when it ends."""
        rows = self._rows(
            "SELECT name, role, grants, ends_ms FROM sessions JOIN users ON user = name WHERE hash = ? AND ends_ms > ?",
            digest(secret),
            now_ms,
        )
        return (_caller(*rows[0][:3]), int(rows[0][3])) if rows else None

    def by_token(self, secret: str) -> Caller | None:
        """Whose API token it is."""
        rows = self._rows(
            "SELECT name, role, grants FROM tokens JOIN users ON user = name WHERE hash = ?", digest(secret)
        )
        return _caller(*rows[0]) if rows else None

    def failures(self, who: str, now_ms: int) -> int:
        """How often `who` failed lately."""
        since_ms = now_ms - FAILURES_KEPT_MS
        return len(self._rows("SELECT 1 FROM failures WHERE who = ? AND at_ms > ?", who, since_ms))

    def add(self, caller: Caller, password: str) -> bool:
        """Add an account with its password's hash; False where the name is taken."""
        with self._writing() as connection:
            row = (caller.name, int(caller.role), "\n".join(caller.grants), password)
            return connection.execute("INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?)", row).rowcount == 1

    def set_password(self, name: str, password: str) -> bool:
        """Give an account another password, and end its sessions; False where there is no such account."""
        with self._writing() as connection:
            connection.execute("DELETE FROM sessions WHERE user = ?", (name,))
            return connection.execute("UPDATE users SET password = ? WHERE name = ?", (password, name)).rowcount == 1

    def remove(self, name: str) -> bool:
        """Remove an account with its sessions and tokens; False where there is none."""
        with self._writing() as connection:
            return connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount == 1

    def add_session(self, name: str, secret: str, ends_ms: int, now_ms: int) -> None:
        """Let `secret` stand for the account until then."""
        with self._writing() as connection:
            connection.execute("DELETE FROM sessions WHERE ends_ms <= ?", (now_ms,))
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?)", (digest(secret), name, ends_ms))

    def end_session(self, secret: str) -> None:
        """Let `secret` stand for nobody."""
        with self._writing() as connection:
            connection.execute("DELETE FROM sessions WHERE hash = ?", (digest(secret),))

    def add_token(self, name: str, label: str, secret: str, now_ms: int) -> bool:
        """Let `secret` stand for the account until it is taken back; False where it has a token of that label."""
        with self._writing() as connection:
            row = (digest(secret), name, label, now_ms)
            return connection.execute("INSERT OR IGNORE INTO tokens VALUES (?, ?, ?, ?)", row).rowcount == 1

    def remove_token(self, name: str, label: str) -> bool:
        """Take an API token back; False where there is none of that label."""
        with self._writing() as connection:
            return connection.execute("DELETE FROM tokens WHERE user = ? AND label = ?", (name, label)).rowcount == 1

    def add_failure(self, who: Sequence[str], now_ms: int) -> None:
        """Each of `who` failed once more."""
        with self._writing() as connection:
            connection.execute("DELETE FROM failures WHERE at_ms <= ?", (now_ms - FAILURES_KEPT_MS,))
            connection.executemany("INSERT INTO failures VALUES (?, ?)", [(name, now_ms) for name in who])

    def forget_failures(self, who: str) -> None:
        """What `who` did wrong no longer counts."""
        with self._writing() as connection:
            connection.execute("DELETE FROM failures WHERE who = ?", (who,))

    def content(self) -> bytes:
        """The file as of this moment, for a backup; empty where nobody ever had an account."""
        if self._is_empty():
            return b""
        with self._opened() as connection:
            return bytes(connection.serialize())

    def _rows(self, statement: str, *bound: object) -> list[tuple[Any, ...]]:
        if self._is_empty():
            return []
        with self._opened() as connection:
            return connection.execute(statement, bound).fetchall()

    def _is_empty(self) -> bool:
        """Whether nobody ever had an account; Unavailable where that cannot be seen."""
        try:
            return self.file.stat().st_size == 0
        except FileNotFoundError:
            return True
        except OSError as error:
            raise Unavailable(f"cannot look at {self.file}: {error.strerror}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._is_empty():
            self._make()
        with self._opened() as connection, connection:
            yield connection

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.file, timeout=2.0)) as connection:
                connection.executescript("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            raise Unavailable(f"cannot use the accounts in {self.file}: {error}") from error

    def _make(self) -> None:
        """The file, for its owner alone; made by root, it is the data folder's owner's, as whom the gateway runs."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600))
            if os.geteuid() == 0:
                folder = self.file.parent.stat()
                os.chown(self.file, folder.st_uid, folder.st_gid)
        except OSError as error:
            raise Unavailable(f"cannot write {self.file}: {error.strerror}") from error
        with self._opened() as connection:
            connection.executescript(_SCHEMA)


def _caller(name: str, role: int, grants: str) -> Caller:
    return Caller(name, Role(role), tuple(grants.split("\n")) if grants else ())
