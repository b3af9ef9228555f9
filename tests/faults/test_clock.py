"""The clock of our processes is wrong, or jumps; monotonic time goes on."""

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.adapters.files import write_whole
from edge.settings import Meter as MeterSettings
from tests.faults.chain import Chain, exact
from tests.faults.conftest import Result

SOURCE = Path(__file__).parent / "wrong_clock.c"
HOUR_S, YEAR_S = 3600, 365 * 86_400
BRUSSELS = ZoneInfo("Europe/Brussels")


class Clock:
    """What our processes take for the time: an offset in seconds, in a file that they look at each time."""

    def __init__(self, folder: Path, offset_s: float) -> None:
        self._file = folder / "offset_s"
        self._library = folder / "wrong_clock.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE)], check=True)
        self.set(offset_s)

    def set(self, offset_s: float) -> None:
        """Let it jump."""
        write_whole(self._file, f"{offset_s:.0f}".encode())

    @property
    def environment(self) -> Mapping[str, str]:
        return {"LD_PRELOAD": str(self._library), "WRONG_CLOCK": str(self._file)}


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "offset_s"),
    [
        ("an hour behind and not kept by NTP", -HOUR_S),
        ("a year ahead", YEAR_S),
        ("in 1970 at boot", 30 - int(time.time())),
    ],
    ids=["behind", "ahead", "1970"],
)
def test_a_wrong_clock_that_is_put_right(tmp_path: Path, result: Result, name: str, offset_s: int) -> None:
    """An hour that had waited, then a second a second; the clock jumps meanwhile."""
    result.name = f"our clock is {name}, then right; the meter sends its time"
    clock = Clock(tmp_path, offset_s)
    config = exact()
    config = replace(
        config, ingest=replace(config.ingest, trust_clock="never")
    )  # this machine's kernel may know better
    with Chain(tmp_path / "chain", config, start_s=int(time.time()) - HOUR_S - 60) as chain:
        chain.start(environment=clock.environment)
        told_ms = chain.streams.services()["ingest"]["beat_ms"]
        assert abs(told_ms / 1000 - time.time() - offset_s) < 20, "the clock is not another one"
        chain.feed_all(HOUR_S)
        _live(chain, 12)
        result.add(chain.check(), f"clock {offset_s:+} s")
        clock.set(0)
        _live(chain, 12)
        result.add(chain.check(), "clock right again")
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_both_days_on_which_clocks_are_changed(tmp_path: Path, result: Result) -> None:
    result.name = "the hours around both changes of the clocks, local times in the messages, time zone Europe/Brussels"
    meter = MeterSettings(family="generic", power="w", time="at", hold_s=0)
    changes = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    start_s = [int(change.timestamp()) - HOUR_S // 2 for change in changes]
    clock = Clock(tmp_path, start_s[0] + HOUR_S - time.time())
    with Chain(tmp_path / "chain", exact(meters=(meter,)), start_s=start_s[0]) as chain:
        chain.meter.message = _local
        chain.start(environment={**clock.environment, "TZ": "Europe/Brussels"})
        for at_s in start_s:
            clock.set(at_s + HOUR_S - time.time())
            chain.meter.next_s = at_s
            chain.feed_all(HOUR_S)
            result.add(chain.check(), f"{datetime.fromtimestamp(at_s, BRUSSELS):%F}")
    assert result.count.good, result.count.faults


def _live(chain: Chain, seconds: int) -> None:
    """A second a second, as a meter does."""
    chain.meter.next_s = max(chain.meter.next_s, int(time.time()))
    for _ in range(seconds):
        chain.meter.send(1)
        while time.time() < chain.meter.next_s:
            chain.turn()


def _local(at_s: int, power_w: float) -> bytes:
    return json.dumps({"w": power_w, "at": datetime.fromtimestamp(at_s, BRUSSELS).isoformat()}).encode()
