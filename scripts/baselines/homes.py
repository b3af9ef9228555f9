"""What the rivals share with `nilm-edge evaluate`: its appliances and on-thresholds, its grid, labels and figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edge.adapters.files import write_whole
from edge.core.metrics import Score, Tally
from edge.core.prediction import COLUMN
from edge.core.registry import Appliance, parse_registry
from edge.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
_PART_S = 1 << 16


@dataclass(frozen=True)
class Segment:
    """Seconds that belong together: time, mains and true power (t, appliance), and which of its rows tells each.

    `first_s` is the first second of each row, so that `mains_w[first_s]` is the file as it was sampled.
    """

    at_ms: NDArray[np.int64]
    mains_w: NDArray[np.float64]
    true_w: Floats
    first_s: NDArray[np.intp]
    row: NDArray[np.intp]


@dataclass(frozen=True)
class Home:
    """A metered home and the appliances that it labels, in the order of the columns of `true_w`."""

    name: str
    interval_s: float
    appliances: tuple[Appliance, ...]
    segments: tuple[Segment, ...]


def registered() -> dict[str, Appliance]:
    """What the shipped models serve, by name: the one place of on-thresholds."""
    specs, _ = parse_registry((ROOT / "models" / "registry.json").read_text(encoding="utf-8"))
    return {a.name: a for spec in specs for a in spec.appliances}


def read(file: Path, served: dict[str, Appliance]) -> Home:
    """A file on the 1 s grid with what it labels of `served`; NilmError where it cannot be used."""
    recording = Recording(file, list(served))
    labels, segments = recording.labels(), []
    for part in recording.segments():
        _, first_s, row = np.unique(recording.row[part], return_index=True, return_inverse=True)
        true_w = labels.watts(part)
        segments.append(Segment(recording.at_ms[part], recording.mains_w[part], true_w, first_s, row))
    found = tuple(served[name] for name in recording.columns)
    return Home(file.name, recording.interval_s, found, tuple(segments))


def scores(home: Home, power_w: Sequence[Floats], on: Sequence[Bools]) -> list[Score]:
    """Figures of the said power and state, (t, appliance) a segment; those of p_on and the interval mean nothing."""
    tally = Tally(home.appliances)
    for segment, said_w, said_on in zip(home.segments, power_w, on, strict=True):
        tally.start()
        for begin in range(0, len(segment.at_ms), _PART_S):
            part = slice(begin, begin + _PART_S)
            values = np.zeros(said_w[part].shape, COLUMN)
            values["power_w"], values["on"] = said_w[part], said_on[part]
            tally.add(segment.at_ms[part], values, segment.true_w[part])
    return tally.scores()


def kindest_level_w(said_w: Floats, true: Bools) -> float:
    """The level with the best F1 when "on" is a said power of at least that."""
    order = np.argsort(-said_w)
    levels_w = said_w[order]
    hits = np.cumsum(true[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + hits[-1])
    # Seconds of the same power are on together.
    f1[:-1][levels_w[:-1] == levels_w[1:]] = -1
    return float(levels_w[np.argmax(f1)])


def tell(figures: dict[str, Any], file: Path | None) -> None:
    """Print the figures as JSON, and write them to `file` where one is named."""
    text = json.dumps(figures, indent=1)
    print(text)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode() + b"\n")
