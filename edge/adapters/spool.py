"""The spool: segments on disk for what waits longer than the outbox should hold; oldest first in, oldest first out."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.files import write_whole
from edge.core.segment import Frame, pack_segment, read_segment
from edge.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the spool; its name says all of this: `<number>.<entries>.<building>.seg`."""

    file: Path
    number: int
    entries: int
    building: str
    size_bytes: int


class Spool:
    """One folder with one owner. A file in it is whole on disk before `add` returns, and never changed after."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        for part in folder.glob("*.part"):  # of a write that never ended: the outbox still has what was in it
            part.unlink(missing_ok=True)
        self._segments = sorted(
            (found for file in folder.glob("*.seg") if (found := _named(file))), key=lambda segment: segment.number
        )

    def __len__(self) -> int:
        return len(self._segments)

    @property
    def size_bytes(self) -> int:
        """What the segments take."""
        return sum(segment.size_bytes for segment in self._segments)

    def oldest(self) -> Segment | None:
        """The segment that comes next."""
        return self._segments[0] if self._segments else None

    def add(self, building: str, frames: Sequence[Frame]) -> list[Segment]:
        """Store a segment, durable on return; which oldest ones had to go. Unavailable where the disk refuses."""
        content = pack_segment(frames)
        number = self._segments[-1].number + 1 if self._segments else 1
        entries = sum(frame.entries for frame in frames)
        file = self._folder / f"{number:012d}.{entries}.{building}.seg"
        write_whole(file, content)
        self._segments.append(Segment(file, number, entries, building, len(content)))
        dropped = []
        while len(self._segments) > 1 and self.size_bytes > self._limit_bytes:
            dropped.append(self._segments[0])
            self.remove(self._segments[0])
        return dropped

    def read(self, segment: Segment) -> tuple[list[Frame], str]:
        """A segment's frames that are whole, and what is wrong with the rest: empty for nothing."""
        try:
            return read_segment(segment.file.read_bytes())
        except OSError as error:
            return [], f"it cannot be read: {os.strerror(error.errno or 0)}"

    def remove(self, segment: Segment) -> None:
        """Forget a segment: what was in it is stored."""
        try:
            segment.file.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot remove {segment.file}: {error.strerror}") from error
        self._segments.remove(segment)

    def set_aside(self, segment: Segment, folder: Path) -> Path:
        """Move a damaged segment to `folder`, for a person to look at; where it is now."""
        place = folder / f"{time.time_ns()}.{segment.building}.seg"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            segment.file.rename(place)
        except FileNotFoundError:
            pass  # somebody took it away: there is nothing to keep
        except OSError as error:
            raise Unavailable(f"cannot move {segment.file}: {error.strerror}") from error
        self._segments.remove(segment)
        return place


def _named(file: Path) -> Segment | None:
    number, _, rest = file.name.removesuffix(".seg").partition(".")
    entries, _, building = rest.partition(".")
    if not (number.isdecimal() and entries.isdecimal() and building):
        return None  # not ours
    return Segment(file, int(number), int(entries), building, file.stat().st_size)
