"""Which version of its format the data folder has, and the steps from one to the next.

A step may be done twice, for power may go before its version is written down. `back` undoes it for an older nilm-edge;
None where that cannot be.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge import __version__
from edge.adapters.files import write_whole
from edge.errors import ConfigError, NilmError

FILE = "version.json"
"""In the data folder. Where it is missing the data is of version 0: so were those before it was written."""
Change = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Step:
    """From one version to the next."""

    does: str
    forward: Change
    back: Change | None


def _nothing(_data_dir: Path) -> None:
    """The data is the same."""


STEPS: Sequence[Step] = (Step("the data gets a version", _nothing, _nothing),)
"""In order: the first one leads from version 0 to 1. Only ever add at the end."""


def version_of(data_dir: Path) -> int:
    """The data's version; NilmError where the file says none."""
    try:
        said = json.loads((data_dir / FILE).read_bytes())
        version = said["data"]
        if type(version) is not int or version < 0:
            raise ValueError(f"data is {version!r}")
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise NilmError(f"cannot read {data_dir / FILE}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NilmError(f"{data_dir / FILE} says no version: {error}; restore it from a backup") from error
    return version


def check(data_dir: Path, steps: Sequence[Step] = STEPS) -> None:
    """ConfigError where the data is of a later nilm-edge, which this one would spoil. What we may not see is good."""
    try:
        there = version_of(data_dir)
    except NilmError:
        return
    if there > len(steps):
        raise ConfigError(
            f"the data in {data_dir} is of a later nilm-edge (version {there}, this one knows {len(steps)}): "
            "install that one again, or restore a backup"
        )


def migrate(data_dir: Path, to: int | None = None, steps: Sequence[Step] = STEPS) -> list[str]:
    """Bring the data to version `to`, the latest if not said; what was done. Repeat it after a failure."""
    wanted = len(steps) if to is None else to
    check(data_dir, steps)
    if not 0 <= wanted <= len(steps):
        raise NilmError(f"there is no version {wanted} of the data; this nilm-edge knows 0 to {len(steps)}")
    done = []
    while (there := version_of(data_dir)) != wanted:
        step = steps[there if there < wanted else there - 1]
        change = step.forward if there < wanted else step.back
        if change is None:
            means = "stay with this nilm-edge, or restore a backup"
            raise NilmError(f"the data cannot go back to version {wanted} ({step.does}): {means}")
        change(data_dir)
        _stamp(data_dir, there + (1 if there < wanted else -1))
        done.append(step.does if there < wanted else f"undone: {step.does}")
    return done


def _stamp(data_dir: Path, version: int) -> None:
    said = {"data": version, "by": f"nilm-edge {__version__}"}
    write_whole(data_dir / FILE, json.dumps(said).encode())
