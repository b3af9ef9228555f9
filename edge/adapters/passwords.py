"""Passwords: argon2id, at a price that a small box can pay."""

import threading

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # 19 MiB: OWASP's for small machines
_AT_ONCE = threading.BoundedSemaphore(2)  # many log-ins at a time must not take all memory
_NOBODY = _HASHER.hash("nobody has this password")


def hash_password(password: str) -> str:
    """What is stored in a password's place."""
    return _HASHER.hash(password)


def is_cheap_hash(stored: str) -> bool:
    """Whether it is an argon2id hash that costs a log-in no more than a few of ours."""
    try:
        cost = extract_parameters(stored)
    except InvalidHashError:
        return False
    return cost.type is Type.ID and cost.memory_cost * cost.time_cost <= 8 * _HASHER.memory_cost * _HASHER.time_cost


def is_password(stored: str | None, password: str) -> bool:
    """Whether `password` is the one that was stored; takes as long where there is none."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored or _NOBODY, password) and stored is not None
        except (Argon2Error, InvalidHashError):
            return False
