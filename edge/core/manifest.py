"""The manifest of one stored day: which Parquet files make it up, and how many rows each of its hours has."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RAW = ("mains", "appliance")
"""Every second, as InfluxDB has it; named by the measurement."""
MINUTES = ("mains_1m", "appliance_1m")
"""The same by minutes."""
KINDS = RAW + MINUTES
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One immutable file: one hour of the day, or (None) the whole of it."""

    kind: str
    hour: int | None
    rows: int
    size_bytes: int
    sha256: str
    measured: bool = False
    """Whether it has a column of what appliances' own meters said."""

    @property
    def name(self) -> str:
        """The file's name, which no other content has."""
        return f"{self.kind}-{'day' if self.hour is None else f'{self.hour:02d}'}-{self.sha256[:12]}.parquet"


@dataclass(frozen=True, slots=True)
class Day:
    """One building's UTC day. `rows`: by measurement, the rows of each hour that has any; one that also tells what an
    appliance's own meter said counts twice."""

    building: str
    date: str
    parts: tuple[Part, ...] = ()
    rows: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    seconds_dropped: bool = False
    """Whether only the minutes are kept, by the retention."""

    @property
    def start_ms(self) -> int:
        """The day's first millisecond."""
        return int(np.datetime64(self.date, "ms").astype(np.int64))

    @property
    def end_ms(self) -> int:
        """The next day's first millisecond."""
        return self.start_ms + DAY_MS

    @property
    def hours(self) -> set[int]:
        """The hours of the day (0 to 23) that are stored."""
        return {hour for by_hour in self.rows.values() for hour in by_hour}

    @property
    def is_compact(self) -> bool:
        """Whether each kind is one file of the whole day."""
        return all(part.hour is None for part in self.parts) and len({part.kind for part in self.parts}) == len(
            self.parts
        )

    def of(self, kind: str) -> list[Part]:
        """The files of one kind, in the order in which they were made."""
        return [part for part in self.parts if part.kind == kind]


def date_of(at_ms: int) -> str:
    """The UTC date of a time."""
    return str(np.datetime64(at_ms, "ms").astype("datetime64[D]"))


def to_json(day: Day) -> bytes:
    """What `from_json` reads."""
    said = {
        "format": _FORMAT,
        "building": day.building,
        "date": day.date,
        "seconds_dropped": day.seconds_dropped,
        "rows": {kind: {str(hour): count for hour, count in by_hour.items()} for kind, by_hour in day.rows.items()},
        "parts": [
            {
                "file": part.name,
                "kind": part.kind,
                "hour": part.hour,
                "rows": part.rows,
                "bytes": part.size_bytes,
                "sha256": part.sha256,
                **({"measured": True} if part.measured else {}),
            }
            for part in day.parts
        ],
    }
    return json.dumps(said, indent=1).encode()


def from_json(content: bytes) -> Day:
    """The day that a manifest describes; ValueError where it is torn or of another make."""
    try:
        said: dict[str, Any] = json.loads(content)
        if said["format"] != _FORMAT:
            raise ValueError(f"the manifest has format {said['format']}, not {_FORMAT}")
        parts = tuple(
            Part(
                entry["kind"],
                entry["hour"],
                int(entry["rows"]),
                int(entry["bytes"]),
                str(entry["sha256"]),
                bool(entry.get("measured", False)),
            )
            for entry in said["parts"]
        )
        if any(
            part.kind not in KINDS or part.name != entry["file"]
            for part, entry in zip(parts, said["parts"], strict=True)
        ):
            raise ValueError("the manifest names files that are not its own")
        rows = {
            kind: {int(hour): int(count) for hour, count in by_hour.items()} for kind, by_hour in said["rows"].items()
        }
        return Day(
            str(said["building"]),
            str(np.datetime64(said["date"], "D")),
            parts,
            rows,
            bool(said["seconds_dropped"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the manifest lacks something: {error!r}") from error
