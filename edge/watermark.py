"""How far each building is on the central server: kept in one file, so that a kill or a power cut forgets nothing."""

import json
import logging
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge.adapters.files import write_whole
from edge.errors import Unavailable

_FORMAT = 1
_log = logging.getLogger("nilm.sync")


@dataclass(slots=True)
class Mark:
    """One building: every hour before `confirmed_ms` is on the central server, but for those `left`, and why."""

    since_s: float
    confirmed_ms: int = 0
    left: dict[int, str] = field(default_factory=dict)


class Watermark:
    """What is confirmed by the server `target` alone: of another one nothing is known, so it begins anew."""

    def __init__(self, data_dir: Path, target: str) -> None:
        self._file = data_dir / "sync" / "state.json"
        self._target = target
        said = _read(self._file)
        self._marks: dict[str, Mark] = said["buildings"] if said.get("target") == target else {}

    def of(self, building: str, now_s: float) -> Mark:
        """A building's mark; a new one where it has none."""
        return self._marks.setdefault(building, Mark(now_s))

    def save(self) -> None:
        """Durable on return; Unavailable where the disk refuses."""
        marks = {building: asdict(mark) for building, mark in sorted(self._marks.items())}
        said = {"format": _FORMAT, "target": self._target, "buildings": marks}
        write_whole(self._file, json.dumps(said, indent=1).encode())


def edge_name(data_dir: Path) -> str:
    """This box's name among others, drawn by lot once; it stays whatever happens to the marks."""
    file = data_dir / "sync" / "edge"
    if not file.exists():
        write_whole(file, uuid.uuid4().hex.encode())
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Unavailable(f"cannot read {file}: {error.strerror}") from error


def confirmed_ms(data_dir: Path, building: str) -> int:
    """Before when everything of a building is on the central server; 0 where nothing is."""
    mark = _read(data_dir / "sync" / "state.json").get("buildings", {}).get(building)
    return mark.confirmed_ms if mark else 0


def _read(file: Path) -> dict[str, Any]:
    """The file's content; empty where there is none, or none that can be read: hours are then compared once more."""
    try:
        said: dict[str, Any] = json.loads(file.read_bytes())
        if said["format"] != _FORMAT:
            raise ValueError(f"format {said['format']}")
        said["buildings"] = {
            building: Mark(
                float(mark["since_s"]),
                int(mark["confirmed_ms"]),
                {int(hour_ms): str(why) for hour_ms, why in mark["left"].items()},
            )
            for building, mark in said["buildings"].items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Unavailable(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be used (%r): every hour is compared with the central server once more", file, error)
        return {}
    return said
