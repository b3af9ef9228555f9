"""Plots: a day of an appliance as a PNG, where matplotlib is installed (the extra `train`)."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from edge.core.busiest import Day
from edge.errors import Unavailable


def available() -> bool:
    """Whether plots can be drawn here."""
    return find_spec("matplotlib") is not None


def draw(days: Sequence[Day], folder: Path) -> list[Path]:
    """Write one PNG an appliance, predicted over true power; the files. Unavailable where the disk refuses."""
    import matplotlib.figure  # noqa: PLC0415 - takes a second, and is not there on an appliance

    files = []
    for day in days:
        figure = matplotlib.figure.Figure(figsize=(12, 4.5), layout="constrained")
        mains, appliance = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
        when = day.at_ms.astype("datetime64[ms]")
        gaps = np.flatnonzero(np.diff(day.at_ms) != 1000) + 1
        mains_w, true_w, power_w = (np.insert(w, gaps, np.nan) for w in (day.mains_w, day.true_w, day.power_w))
        shown = np.insert(when, gaps, when[gaps - 1])  # a gap is not drawn over
        mains.plot(shown, mains_w, color="#888888", linewidth=0.6)
        mains.set_ylabel("mains W")
        appliance.plot(shown, true_w, color="#222222", linewidth=0.9, label="true")
        appliance.plot(shown, power_w, color="#e4572e", linewidth=0.9, alpha=0.85, label="predicted")
        appliance.set_ylabel(f"{day.appliance} W")
        appliance.legend(loc="upper right", frameon=False)
        figure.suptitle(f"{day.appliance}, {when[0].astype('datetime64[D]')} (UTC), its busiest day")
        files.append(folder / f"{day.appliance}.png")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(files[-1], dpi=110)
        except OSError as error:
            raise Unavailable(f"cannot write {files[-1]}: {error.strerror}") from error
    return files
