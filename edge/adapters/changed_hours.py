"""Hours whose stored seconds changed after the fact, noted on disk until each reader has done its work again."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from edge.adapters.files import write_whole
from edge.errors import Unavailable

HOUR_MS = 3_600_000
MINUTES = "minutes"
"""The gateway, which keeps minutes; it is told of a changed second as soon as that is no longer new."""
FRESH_MS = 30_000
"""What is younger it asks for each time, and need not be told of."""
READERS = ("snapshot", "sync", MINUTES)
"""Who must look at a changed hour again; each clears its own note."""
PREDICT = "predict"
"""The reader of hours whose predictions are of other mains; it then notes them for READERS."""
_BUILDING = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class ChangedHours:
    """Notes under `data_dir/changed/<reader>/<building>/<hour's first ms>`, one empty file each; any process may add.

    A reader clears a note before it reads the hour, and notes it again where its work then fails: a change in between
    is never lost, at worst an hour is done twice.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "changed"

    def note(self, building: str, times_ms: Iterable[int], readers: Iterable[str] = READERS) -> None:
        """Note the hours that hold `times_ms`; durable on return, and free where a note is there already.

        Unavailable where the disk refuses.
        """
        hours_ms = sorted({at_ms - at_ms % HOUR_MS for at_ms in times_ms})
        for reader in readers:
            for hour_ms in hours_ms:
                note = self._place(reader, building) / str(hour_ms)
                if not note.exists():  # cleared from now on, it is cleared before the hour is read
                    write_whole(note, b"")

    def waiting(self, reader: str) -> dict[str, list[int]]:
        """The hours noted for a reader, oldest first, by building."""
        found: dict[str, list[int]] = {}
        for folder in sorted(self._folder.glob(f"{reader}/*")):
            hours_ms = sorted(int(note.name) for note in folder.iterdir() if note.name.isdecimal())
            if hours_ms:
                found[folder.name] = hours_ms
        return found

    def clear(self, reader: str, building: str, hour_ms: int) -> None:
        """Take one note away, before the hour is read."""
        try:
            (self._place(reader, building) / str(hour_ms)).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot clear a note in {self._folder}: {os.strerror(error.errno or 0)}") from error

    def _place(self, reader: str, building: str) -> Path:
        if not _BUILDING.fullmatch(building) or building.startswith("."):
            raise ValueError(f"{building!r} is no building")
        return self._folder / reader / building
