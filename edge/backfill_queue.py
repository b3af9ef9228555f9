"""What was asked of the backfill, and how far it is: two small files, so that neither side waits for the other."""

import json
import os
from pathlib import Path
from typing import Any

from edge.adapters.files import write_whole
from edge.errors import Unavailable

_STALLED_MS = 300_000


class BackfillQueue:
    """Files in `data_dir/backfill/`. A request stays until it is done, whoever is killed over it."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "backfill"
        self._asked, self._taken = self._folder / "asked.json", self._folder / "taken.json"
        self._state = self._folder / "state.json"

    def ask(self, days_back: int, max_gap_h: int) -> None:
        """Ask for a backfill; of two requests that wait, the wider one counts."""
        waiting = _read(self._asked)
        wanted = {
            "days_back": max(days_back, waiting.get("days_back", 0)),
            "max_gap_h": max(max_gap_h, waiting.get("max_gap_h", 0)),
        }
        write_whole(self._asked, json.dumps(wanted).encode())

    def waits(self) -> bool:
        """Whether a request waits to be taken."""
        return self._asked.exists()

    def take(self) -> dict[str, int]:
        """The request to work off now, days_back and max_gap_h; empty for none. Of the one who runs alone."""
        taken = _read(self._taken)
        if self._asked.exists():
            wanted = {key: max(value, taken.get(key, 0)) for key, value in _read(self._asked).items()}
            write_whole(self._taken, json.dumps(wanted).encode())
            self._asked.unlink(missing_ok=True)
            return wanted
        return taken

    def finish(self) -> None:
        """What was taken is done."""
        self._taken.unlink(missing_ok=True)

    def say(self, said: dict[str, Any]) -> None:
        """How far it is; for people, so a power cut may take it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._state.with_suffix(".part")
            part.write_text(json.dumps(said))
            part.rename(self._state)
        except OSError as error:
            raise Unavailable(f"cannot write in {self._folder}: {os.strerror(error.errno or 0)}") from error

    def progress(self, now_ms: int) -> dict[str, Any]:
        """What was said last, with `state`: idle, queued, running, done, failed, or interrupted."""
        said = {"state": "idle", **_read(self._state)}
        if said["state"] == "running" and now_ms - int(said.get("updated_ms", 0)) > _STALLED_MS:
            said["state"] = "interrupted"
        if said["state"] != "running" and self.waits():
            said["state"] = "queued"
        return said


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
