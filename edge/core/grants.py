"""Who a caller is, and which buildings and appliances they may see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from edge.core.sample import check_building
from edge.errors import BadReading

ALL = "*"
MIN_PASSWORD, MAX_PASSWORD = 10, 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_APPLIANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")


class Role(IntEnum):
    """Each may do what the ones before may."""

    VIEWER = 1
    """Sees the data granted to them."""
    OPERATOR = 2
    """May start work, such as a backfill."""
    ADMIN = 3
    """May do everything, and sees every building."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone who calls. A grant is `*`, a building, or building/appliance."""

    name: str
    role: Role
    grants: tuple[str, ...]

    @property
    def sees_everything(self) -> bool:
        """Whether every building, present or future, is theirs to see."""
        return self.role is Role.ADMIN or ALL in self.grants

    def sees(self, building: str) -> bool:
        """Whether the whole building, mains and all, is theirs to see."""
        return self.sees_everything or building in self.grants

    def appliances(self, building: str) -> frozenset[str] | None:
        """The appliances of a building that they may see; None for all of it."""
        if self.sees(building):
            return None
        split = (grant.partition("/") for grant in self.grants)
        return frozenset(appliance for of, _, appliance in split if of == building and appliance)


def check_name(name: str) -> str:
    """Return `name`; BadReading unless it can be a user's."""
    if not _NAME.fullmatch(name):
        raise BadReading(f"user name {name[:80]!r} is not 1-64 of A-Z a-z 0-9 _ . @ -")
    return name


def check_password(name: str, password: str) -> str:
    """Return `password`; BadReading, which does not repeat it, unless it may be that of `name`."""
    if len(password) < MIN_PASSWORD or password == name:
        raise BadReading(f"a password has {MIN_PASSWORD} characters or more, and is not the name")
    if len(password) > MAX_PASSWORD or not password.isprintable():
        raise BadReading(f"a password is at most {MAX_PASSWORD} characters that can be typed")
    return password


def check_grants(grants: Sequence[str]) -> tuple[str, ...]:
    """Return `grants`; BadReading where one is none."""
    for grant in grants:
        building, slash, appliance = grant.partition("/")
        if grant == ALL:
            continue
        check_building(building)
        if slash and not _APPLIANCE.fullmatch(appliance):
            raise BadReading(f"grant {grant[:140]!r} is not *, a building, or building/appliance")
    return tuple(grants)


def role_of(text: str) -> Role:
    """The role of that name; BadReading where there is none."""
    try:
        return Role[text.upper()]
    except KeyError:
        raise BadReading(f"role {text[:80]!r} is not viewer, operator or admin") from None
