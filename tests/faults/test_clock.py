"""Our processes' clock is wrong, or jumps: libfaketime shows them another one, and leaves monotonic time alone."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults.chain import Chain
from tests.faults.conftest import Result

LIBRARIES = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
HOUR_S, YEAR_S = 3600, 365 * 86_400


class Clock:
    """What our processes take for the time: an offset in seconds, kept in a file that they read each time."""

    def __init__(self, folder: Path, offset_s: float) -> None:
        assert LIBRARIES, "libfaketime is not installed: sudo apt-get install faketime"
        self._file = folder / "faketime"
        self.set(offset_s)

    def set(self, offset_s: float) -> None:
        """Let it jump."""
        self._file.write_text(f"{offset_s:+.0f}\n")

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "offset_s"),
    [("a year ahead", YEAR_S), ("in 1970 at boot", 30 - time.time())],
    ids=["a year ahead", "1970"],
)
def test_a_wrong_clock_that_is_put_right(tmp_path: Path, result: Result, name: str, offset_s: float) -> None:
    """The meter says when; live and an hour of it."""
    result.name = f"our clock is {name}, then right: a meter that sends its time"
    clock = Clock(tmp_path, offset_s)
    with Chain(tmp_path / "chain", start_s=int(time.time()) - 2 * HOUR_S) as chain:
        chain.start(environment=clock.environment)
        chain.feed_all(HOUR_S)
        _live(chain, 15)
        result.add(chain.check(), f"clock {offset_s:+.0f} s")
        clock.set(0)
        _live(chain, 15)
        result.add(chain.check(), "clock right again")
    assert result.count.good, result.count.faults
