"""What a backup holds, looked through before anything of it is used; Rejected where one thing in it is wrong."""

import json
import re
from dataclasses import dataclass, field
from typing import IO, Any

from edge.adapters import archive
from edge.adapters.history_lines import check
from edge.core.backup_manifest import CONFIG, Manifest, Member, of_newest
from edge.core.manifest import HOUR_MS, KINDS, Day, from_json
from edge.core.sample import check_building
from edge.errors import BadReading, Rejected

_DAY = re.compile(r"snapshots/building=([^/]+)/date=(\d{4}-\d\d-\d\d)/([^/]+)")
_KIND = re.compile(rf"({'|'.join(KINDS)})-(?:day|\d\d)-[0-9a-f]{{12}}\.parquet")
_REDIS = re.compile(r"redis/([^/]+)\.json")


@dataclass(slots=True)
class Contents:
    """`days`: the stored days; `notes`: each building's counters and events; `newest`: members of hours not stored."""

    manifest: Manifest = field(default_factory=lambda: Manifest("", "", ()))
    config: str = ""
    days: list[Day] = field(default_factory=list)
    notes: dict[str, tuple[dict[str, int], list[tuple[int, str]]]] = field(default_factory=dict)
    newest: list[str] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """What its files take."""
        return sum(one.size_bytes for one in self.manifest.members)


def look(stream: IO[bytes]) -> Contents:
    """Read a whole backup, write nothing. Rejected, in one sentence, where any of it cannot be restored."""
    found = Contents()
    parquet: dict[str, int] = {}
    for one in archive.verify(stream):
        if isinstance(one, Manifest):
            found.manifest = one
            continue
        name, content = one
        try:
            _take(found, parquet, name, content)
        except (BadReading, Rejected, ValueError) as error:
            raise Rejected(f"the backup cannot be used: {name}: {error}") from error
    members = {one.name: one for one in found.manifest.members}
    for day in found.days:
        _check_day(day, members, parquet)
    if stray := parquet.keys() - set(found.newest):
        raise Rejected(f"the backup cannot be used: {min(stray)} is of no stored day")
    return found


def place_of(day: Day) -> str:
    """The folder of a day in a backup."""
    return f"snapshots/building={day.building}/date={day.date}"


def _take(found: Contents, parquet: dict[str, int], name: str, content: bytes) -> None:
    if name == CONFIG:
        found.config = content.decode()
    elif name.startswith("snapshots/"):
        match = _DAY.fullmatch(name)
        if not match:
            raise ValueError("no such file is in a stored day")
        if match[3] == "manifest.json":
            day = from_json(content)
            if (day.building, day.date) != (check_building(match[1]), match[2]):
                raise ValueError(f"it is the manifest of {day.building[:64]}, {day.date}")
            found.days.append(day)
        elif kind := _KIND.fullmatch(match[3]):
            parquet[name] = check(kind[1], content)
        else:
            raise ValueError("no such file is in a stored day")
    elif name.startswith("newest/"):
        about = of_newest(name)
        if about is None or about[2] % HOUR_MS:
            raise ValueError("it is named like no hour")
        check_building(about[0])
        parquet[name] = check(about[1], content)
        found.newest.append(name)
    elif match := _REDIS.fullmatch(name):
        found.notes[check_building(match[1])] = _notes(content)


def _check_day(day: Day, members: dict[str, Member], parquet: dict[str, int]) -> None:
    for part in day.parts:
        name = f"{place_of(day)}/{part.name}"
        member = members.get(name)
        rows = parquet.pop(name, None)
        if member is None or (member.size_bytes, member.sha256) != (part.size_bytes, part.sha256) or rows != part.rows:
            raise Rejected(f"the backup cannot be used: {name} is not what its day's manifest says")


def _notes(content: bytes) -> tuple[dict[str, int], list[tuple[int, str]]]:
    try:
        said: dict[str, Any] = json.loads(content)
        counters = {name: value for name, value in said["counters"].items() if isinstance(value, int)}
        events = [(int(at_ms), str(state)) for at_ms, state in said["events"]]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it lacks something: {error!r}") from error
    return counters, events
