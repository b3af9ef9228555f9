"""Twenty power cuts in a row while a meter sends, and the count at the end."""

import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import orjson

from edge.adapters.influx import Influx
from edge.errors import Unavailable
from edge.settings import Influx as InfluxSettings
from tests.powercut.count import BUILDING, Count, Stored, count, stored
from tests.powercut.disk import Disk
from tests.powercut.meter import QueueingMeter, Reading
from tests.powercut.root import BUILD, METER, make_image
from tests.powercut.vm import VirtualMachine

_DURING_BOOT = 0.3
"""The share of cuts that fall into booting and catching up, at any moment of it."""
_SURVIVES = (0.0, 0.0, 0.5)
"""The share of the disk's cache that reaches it all the same."""
_LOOK_S, _FIRST_BOOT_S = 3.0, 60.0
_STEADY_S = (1.0, 15.0)
_LIVE_S, _SETTLED_S = 900.0, 900.0


@dataclass
class Outcome:
    """What a trial measured."""

    fsck: list[int] = field(default_factory=list)
    """e2fsck's exit codes after each cut: 0 clean, 1 mended by itself, more is damage."""
    recovery_s: list[float] = field(default_factory=list)
    """From power-on until a second that the meter took after it is in InfluxDB."""
    cuts_s: list[float] = field(default_factory=list)
    lost_blocks: int = 0
    count: Count | None = None


class Trial:
    """A machine on a disk, a meter beside it; leaving the block ends both."""

    def __init__(self, durability: str, seed: int) -> None:
        self._chance = random.Random(seed)
        self._image = BUILD / f"{durability}.img"
        self._name = durability
        _say(f"durability {durability}, seed {seed}: making the disk")
        kernel, initrd = make_image(self._image, durability)
        self._console = BUILD / f"console-{durability}.log"
        self._console.unlink(missing_ok=True)
        self._disk = Disk(self._image, BUILD / f"{durability}.sock")
        self._machine = VirtualMachine(kernel, initrd, self._disk.address, self._console)
        self._meter = QueueingMeter(self._machine.port["mqtt"], METER.topic)
        url = f"http://127.0.0.1:{self._machine.port['influx']}"
        self._influx = Influx.connect(replace(InfluxSettings(), url=url, timeout_s=20.0))
        self._first_s = 0
        self.outcome = Outcome()

    def __enter__(self) -> "Trial":
        self._power_on()
        self._meter.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._machine.cut_power()
        self._meter.close()
        self._disk.close()
        log = {at_s: [one.power_w, one.acknowledged_s] for at_s, one in self._meter.log().items()}
        (BUILD / f"meter-{self._name}.json").write_bytes(orjson.dumps(log, option=orjson.OPT_NON_STR_KEYS))

    def run(self, cuts: int) -> Outcome:
        """Cut, check the file system, boot, again and again; then let it come to rest and count.

        SIGUSR1: this cut was the last one.
        """
        enough = threading.Event()
        signal.signal(signal.SIGUSR1, lambda _number, _frame: enough.set())
        self._wait_until_live()
        self.outcome.recovery_s.clear()  # it recovered from nothing
        self._first_s = min(at_ms for at_ms, _, _ in stored(self._influx).mains) // 1000
        for number in range(1, cuts + 1):
            if enough.is_set():
                break
            if self._chance.random() < _DURING_BOOT:
                longest_s = self.outcome.recovery_s[-1] if self.outcome.recovery_s else _FIRST_BOOT_S
                wait_s, when = self._chance.uniform(1, longest_s), "after power-on"
            else:
                self._wait_until_live()
                wait_s, when = self._chance.uniform(*_STEADY_S), "of steady work"
            time.sleep(wait_s)
            self._cut_and_boot(f"cut {number} of {cuts} {wait_s:.1f} s {when}")
        self._wait_until_live()
        self._meter.stop_measuring()
        self.outcome.count = self._count_at_rest()
        return self.outcome

    def _cut_and_boot(self, what: str, *kernel_options: str) -> None:
        assert self._machine.running(), f"the machine ended by itself; see {self._console}"
        self._machine.cut_power()
        self.outcome.cuts_s.append(time.time())
        held, reached = self._disk.cut(self._chance.choice(_SURVIVES), self._chance)
        self.outcome.lost_blocks += held - reached
        code = _fsck(self._image)
        self.outcome.fsck.append(code)
        waiting = sum(not reading.acknowledged_s for reading in self._meter.log().values())
        _say(
            f"{what}: lost {held - reached} of {held} blocks in the disk's cache; fsck {code}; {waiting} s at the meter"
        )
        assert code < 4, f"the file system is damaged; see {self._image}"
        self._power_on(*kernel_options)

    def _power_on(self, *kernel_options: str) -> None:
        self._machine.power_on(*kernel_options)
        self._powered_s = time.time()

    def _wait_until_live(self) -> None:
        """Until a second that was measured after power-on is stored."""
        end_s = time.monotonic() + _LIVE_S
        while self._newest_s() < self._powered_s:
            assert self._machine.running(), f"the machine ended by itself; see {self._console}"
            assert time.monotonic() < end_s, f"nothing is stored {_LIVE_S:.0f} s after power-on; see {self._console}"
            time.sleep(_LOOK_S)
        self.outcome.recovery_s.append(time.time() - self._powered_s)
        _say(f"  stores again {self.outcome.recovery_s[-1]:.0f} s after power-on")

    def _newest_s(self) -> float:
        query = f"SELECT last(power_w) FROM mains WHERE building = '{BUILDING}'"
        try:
            return max((one.values[0][0] / 1000 for one in self._influx.query("nilm", query, {})), default=0.0)
        except Unavailable:
            return 0.0

    def _count_at_rest(self) -> Count:
        """Once the meter's queue is empty and nothing comes any more; late seconds get predictions by a backfill."""
        found = self._at_rest()
        first = count(self._log(), found, self.outcome.cuts_s)
        if not first.unpredicted:
            return first
        _say(f"{len(first.unpredicted)} late seconds have no predictions yet: booting with the backfill's timer")
        self._cut_and_boot("once more", "systemd.wants=nilm-backfill.timer")
        end_s = time.monotonic() + _SETTLED_S
        while True:
            time.sleep(5)
            try:
                second = count(self._log(), stored(self._influx), self.outcome.cuts_s)
            except Unavailable:
                continue
            if not second.unpredicted or time.monotonic() > end_s:
                return replace(second, missing=first.missing, worst_loss_s=first.worst_loss_s)

    def _log(self) -> dict[int, Reading]:
        """From when nilm-ingest first asked the broker for it: what comes before that no broker keeps."""
        return {at_s: reading for at_s, reading in self._meter.log().items() if at_s >= self._first_s}

    def _at_rest(self) -> Stored:
        end_s = time.monotonic() + _SETTLED_S
        before, since_s = None, time.monotonic()
        while before is None or time.monotonic() < since_s + 20:
            assert time.monotonic() < end_s, f"not at rest after {_SETTLED_S:.0f} s; see {self._console}"
            time.sleep(2)
            waiting = sum(not reading.acknowledged_s for reading in self._meter.log().values())
            try:
                found = stored(self._influx)
            except Unavailable:
                continue
            if waiting or found != before:
                before, since_s = found, time.monotonic()
        return before


def _fsck(image: Path) -> int:
    """As at boot: replays the journal, mends what is safe to mend. Then everything once more, which must be clean."""
    done = subprocess.run(["e2fsck", "-f", "-p", str(image)], capture_output=True, check=False)
    again = subprocess.run(["e2fsck", "-f", "-n", str(image)], capture_output=True, check=False)
    return done.returncode | again.returncode << 2


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}", flush=True)
