"""The whole chain as `nilm-edge run` starts it, with a meter of ours, on private ports; what a fault is done to."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from edge.adapters.influx import Influx
from edge.adapters.processes import Child, free_port
from edge.adapters.streams import Streams
from edge.config_text import to_toml
from edge.errors import Unavailable
from edge.settings import Config
from edge.settings import Meter as MeterSettings
from edge.stack import Stack, private_config
from tests.faults.checker import Checker, Count
from tests.faults.meter import Meter
from tests.services.appliance import COMMAND

SERVICES = ("ingest", "infer", "persist")
SERVERS = ("mosquitto", "redis-server", "influxd")
TOPIC = "servicelocation/tested/realtime"
BUILDING = "home"
MAINS = "SELECT count(power_w) FROM mains WHERE building=$b AND time>=$start AND time<=$end"


def exact(**changes: object) -> Config:
    """Each acknowledged sample on disk, and no second held: time goes by faster here, and holding goes by the clock."""
    config = Config()
    meter = replace(MeterSettings(), building=BUILDING, hold_s=0)
    right = replace(config.ingest, trust_clock="always")
    return replace(replace(config, durability="sample", meters=(meter,), ingest=right), **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Kill:
    """Which process gets which signal, how long after the samples begin."""

    victim: str
    after_s: float
    number: signal.Signals = signal.SIGKILL


class Chain:
    """Servers, services and a meter, driven by one loop: nothing happens unless `turn` is called."""

    def __init__(self, folder: Path, config: Config | None = None, *, start_s: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stack = Stack(private_config(config or exact(), folder, free_port()), folder)
        self.config = self.stack.config
        self.influx = Influx.connect(self.config.influx)
        self.streams = Streams.connect(self.config.redis.url, self.config.redis.outbox_h, timeout_s=2.0)
        self.meter = Meter(self.config.mqtt, TOPIC, start_s or int(time.time()) - 100_000)
        self.others: list[Meter] = []
        self.checker = Checker(self.influx, self.config, BUILDING)
        self.supervised = True
        self._checked_s = self.meter.next_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for child in self.children().values():
            if child.running() and child.pid:
                os.kill(child.pid, signal.SIGCONT)
        self.stack.stop()

    def start(
        self,
        *,
        influx_url: str = "",
        environment: Mapping[str, str] | None = None,
        before_services: Callable[[], object] = lambda: None,
    ) -> Self:
        """Start everything; the services alone get `environment`, and may be shown another InfluxDB."""
        self.stack.start_servers()
        before_services()
        if influx_url:
            seen = replace(self.config, influx=replace(self.config.influx, url=influx_url))
            self.stack.config_file.write_text(to_toml(seen))
        before = dict(os.environ)
        os.environ.update(environment or {})
        try:
            for name in SERVICES:
                self.stack.start_service(name)
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.until(lambda: len(self.streams.services()) == len(SERVICES), what="the services start")
        self.until(lambda: self.streams.services()["ingest"]["connected"], what="ingest connects")
        self.until(lambda: self.meter.connected, what="the meter connects")
        return self

    def children(self) -> dict[str, Child]:
        """Every process by name."""
        return {child.name: child for child in [*self.stack.servers, *self.stack.services]}

    def turn(self, timeout_s: float = 0.01) -> None:
        """Let the meter send, and start again what has ended."""
        self.meter.turn(timeout_s)
        for meter in self.others:
            meter.turn(0.001)
        if self.supervised:
            self.stack.supervise()

    def run(self, duration_s: float) -> None:
        """Turn for a while."""
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self.turn()

    def until(self, check: Callable[[], object], timeout_s: float = 30.0, what: str = "") -> bool:
        """Turn until `check` is true (Unavailable: no). Else False, or AssertionError where `what` is given."""
        end_s = time.monotonic() + timeout_s
        while True:
            try:
                if check():
                    return True
            except Unavailable:
                pass
            if time.monotonic() > end_s:
                assert not what, f"not within {timeout_s} s: {what}"
                return False
            self.turn()

    def feed(self, duration_s: float, per_s: float) -> None:
        """The meter measures `per_s` seconds a second for a while."""
        start_s = time.monotonic()
        done = 0
        while (passed_s := time.monotonic() - start_s) < duration_s:
            due = int(passed_s * per_s)
            self.meter.send(due - done)
            done = due
            self.turn(0.005)

    def feed_all(self, seconds: int, chunk: int = 1200) -> None:
        """As fast as inference follows: the window is an hour, and infer must not fall out of it."""
        end_s = self.meter.next_s + seconds
        while self.meter.next_s < end_s:
            self.meter.send(min(chunk, end_s - self.meter.next_s))
            last_ms = (self.meter.next_s - 1) * 1000
            self.until(lambda ms=last_ms: self.predicted_ms() >= ms, 120, "predictions")  # type: ignore[misc]

    def predicted_ms(self) -> int:
        return self.streams.newest_ms(BUILDING, "predictions") or 0

    def feed_through(self, kills: list[Kill], *, at_least_s: float = 0.5, per_s: float = 80.0) -> None:
        """Feed while signals strike at their moments, whatever this process is doing then, and a little longer."""
        start_s = time.monotonic()
        waiting = sorted(kills, key=lambda kill: kill.after_s)
        children = self.children()

        def strike(_number: int, _frame: FrameType | None) -> None:
            while waiting and waiting[0].after_s <= time.monotonic() - start_s:
                kill = waiting.pop(0)
                child = children[kill.victim]
                if child.running() and child.pid:
                    os.kill(child.pid, kill.number)
            if waiting:
                signal.setitimer(signal.ITIMER_REAL, max(0.0005, start_s + waiting[0].after_s - time.monotonic()))

        before = signal.signal(signal.SIGALRM, strike)
        try:
            signal.setitimer(signal.ITIMER_REAL, max(0.0005, waiting[0].after_s))
            self.feed(waiting[-1].after_s + at_least_s, per_s)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert not waiting

    def settle(self, timeout_s: float = 30.0) -> bool:
        """Wait until everything sent since the last check is stored; False where nothing has come for `timeout_s`."""
        seconds = [at_s for at_s in self.meter.sent if at_s >= self._checked_s]
        first_ns, last_ns = min(seconds) * 10**9, max(seconds) * 10**9
        bounds: dict[str, str | int | float] = {"b": BUILDING, "start": first_ns, "end": last_ns}
        seen: tuple[int, ...] = ()
        seen_s = time.monotonic()

        def stored() -> bool:
            nonlocal seen, seen_s
            found = self.influx.query(self.config.influx.bucket_raw, MAINS, bounds)
            count = found[0].values[0][1] if found else 0
            behind = self.streams.length(BUILDING, "outbox"), len(self.spool_files()), self.meter.unconfirmed
            now = (count, self.predicted_ms(), *behind)
            if now != seen:
                seen, seen_s = now, time.monotonic()
            waits = any(behind) or self.streams.oldest_unpredicted_ms(BUILDING) is not None
            return count >= len(seconds) and not waits

        while not self.until(stored, 5.0):
            if time.monotonic() - seen_s > timeout_s:
                return False
        return True

    def spool_files(self) -> list[Path]:
        return sorted((self.stack.data_dir / "spool").glob("*.seg"))

    def backfill(self) -> None:
        """What a timer does every two hours."""
        command = [*COMMAND, "backfill", "--auto", "--config", str(self.stack.config_file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        print(f"        backfill: {done.stdout.strip()} {done.stderr.strip()[-300:]}", flush=True)

    def check(self) -> Count:
        """Count what the meter sent since the last check, once it is stored or has had its time."""
        self.settle()
        sent = {at_s: power_w for at_s, power_w in sorted(self.meter.sent.items()) if at_s >= self._checked_s}
        self._checked_s = self.meter.next_s
        return self.checker.count(sent)


def moments(seed: str, victims: tuple[str, ...], rounds: int, within_s: float = 1.2) -> list[Kill]:
    """Who is killed when in each round: each in turn at first, then any; the same for the same seed."""
    chance = random.Random(seed)
    order = [victims[n] if n < len(victims) else chance.choice(victims) for n in range(rounds)]
    return [Kill(victim, chance.uniform(0.0, within_s)) for victim in order]
