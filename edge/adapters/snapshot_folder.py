"""The folder of stored days: `snapshots/building=…/date=…/`, Parquet files and the manifest that names them.

Files are immutable and named by their content; a day changes when its manifest is replaced, so that a reader sees one
state of it. What no manifest names any more is removed by the next `tidy`, for whoever still reads it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

from edge.adapters.files import write_whole
from edge.core.manifest import KINDS, Day, Part, from_json, to_json
from edge.core.sample import is_building
from edge.errors import Rejected, Unavailable

MANIFEST = "manifest.json"
_OURS = re.compile(rf"({'|'.join(KINDS)})-(day|[01][0-9]|2[0-3])-([0-9a-f]{{12}})\.parquet")


class SnapshotFolder:
    """`data_dir/snapshots`. Reading needs no lock; only one process may write (see `edge.snapshot`)."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "snapshots"
        self.catalogue = data_dir / "snapshot.duckdb"

    def buildings(self) -> list[str]:
        """Who has stored days."""
        return sorted(name for name in _named(self.root, "building") if is_building(name))

    def dates(self, building: str) -> list[str]:
        """The days of which there is a folder, oldest first."""
        return sorted(name for name in _named(self.root / f"building={building}", "date") if _is_date(name))

    def place(self, building: str, day: str) -> Path:
        """A day's folder."""
        return self.root / f"building={building}" / f"date={day}"

    def file(self, day: Day, part: Part) -> Path:
        """Where a part lies."""
        return self.place(day.building, day.date) / part.name

    def load(self, building: str, day: str) -> Day:
        """A day by its manifest, empty where there is none yet; Rejected where the manifest is torn or not its own."""
        file = self.place(building, day) / MANIFEST
        try:
            found = from_json(file.read_bytes())
        except FileNotFoundError:
            return Day(building, day)
        except ValueError as error:
            raise Rejected(f"{file} is no manifest: {error}") from error
        except OSError as error:
            raise Unavailable(f"cannot read {file}: {error.strerror}") from error
        if (found.building, found.date) != (building, day):
            raise Rejected(f"{file} is the manifest of {found.building}, {found.date}")
        return found

    def days(self, building: str) -> Iterator[Day]:
        """The days whose manifest can be read, oldest first."""
        for day in self.dates(building):
            try:
                yield self.load(building, day)
            except Rejected:
                continue

    def is_there(self, day: Day, part: Part) -> bool:
        """Whether a part has its size; `read` looks closer."""
        try:
            return self.file(day, part).stat().st_size == part.size_bytes
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Unavailable(f"cannot read {self.file(day, part)}: {error.strerror}") from error

    def read(self, day: Day, part: Part) -> bytes:
        """A part's content; Rejected where it is missing or not what was written."""
        file = self.file(day, part)
        try:
            content = file.read_bytes()
        except FileNotFoundError as error:
            raise Rejected(f"{file} is missing") from error
        except OSError as error:
            raise Unavailable(f"cannot read {file}: {error.strerror}") from error
        if sha256(content).hexdigest() != part.sha256:
            raise Rejected(f"{file} is not what was written: its sha256 is another")
        return content

    def add(self, day: Day, kind: str, hour: int | None, rows: int, content: bytes, *, measured: bool = False) -> Part:
        """Write one file; it counts once `commit` has named it."""
        part = Part(kind, hour, rows, len(content), sha256(content).hexdigest(), measured)
        if not self.is_there(day, part):
            write_whole(self.file(day, part), content)
        return part

    def commit(
        self, day: Day, parts: Iterable[Part], rows: Mapping[str, Mapping[int, int]], *, seconds_dropped: bool = False
    ) -> None:
        """Make `parts`, all written, the day."""
        changed = replace(day, parts=tuple(parts), rows=rows, seconds_dropped=seconds_dropped)
        write_whole(self.place(day.building, day.date) / MANIFEST, to_json(changed))

    def remove(self, day: Day) -> None:
        """Remove a day: its manifest, then its files."""
        place = self.place(day.building, day.date)
        try:
            (place / MANIFEST).unlink(missing_ok=True)
            self.tidy(replace(day, parts=()))
            if not any(place.iterdir()):
                place.rmdir()
        except OSError as error:
            raise Unavailable(f"cannot remove {place}: {error.strerror}") from error

    def unnamed(self, building: str, day: str) -> list[Part]:
        """The whole files of a day whose manifest is lost, rows not counted, in the order of their making."""
        found = []
        for file in self.place(building, day).iterdir():
            match = _OURS.fullmatch(file.name)
            if match and file.is_file():
                content = file.read_bytes()
                digest = sha256(content).hexdigest()
                if digest.startswith(match[3]):
                    hour = None if match[2] == "day" else int(match[2])
                    found.append((Part(match[1], hour, 0, len(content), digest), file.stat().st_mtime_ns))
        return [part for part, _ in sorted(found, key=lambda entry: entry[1])]

    def set_aside(self, file: Path) -> None:
        """Keep a broken file for a person to look at, where nothing takes it for data."""
        try:
            if file.exists():
                file.replace(file.with_name(f"{file.name}.broken"))
        except OSError as error:
            raise Unavailable(f"cannot rename {file}: {error.strerror}") from error

    def tidy(self, day: Day) -> None:
        """Remove files of ours that the manifest no longer names, and halves of an interrupted write."""
        named = {part.name for part in day.parts}
        try:
            for file in self.place(day.building, day.date).iterdir():
                half = file.name.endswith(".part")
                if half or (_OURS.fullmatch(file.name) and file.name not in named):
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot tidy up in {self.root}: {error.strerror}") from error


def _named(folder: Path, key: str) -> Iterator[str]:
    for place in folder.glob(f"{key}=*"):
        if place.is_dir():
            yield place.name.partition("=")[2]


def _is_date(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False
