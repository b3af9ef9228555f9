"""`nilm-edge run`: the whole appliance in one data folder, with the simulator as its meter."""

import errno
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO, TypeVar

from edge.adapters.influx import Influx
from edge.adapters.processes import free_port, lock, port_is_free
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.core.vitals import SERVICES
from edge.data_version import migrate
from edge.errors import NilmError, Unavailable
from edge.private_servers import RESTORING
from edge.safe_mode import ACTIVE, note_safe_mode
from edge.settings import Config
from edge.stack import Stack, private_config
from edge.status import live_line, stored_up_to_ms
from edge.unit import now_ms

_Found = TypeVar("_Found")
_NEEDED_FREE_MB = 200
_PATIENCE_S = 60.0


class CannotRun(NilmError):
    """Something about this machine or folder is in the way; the message says what to do."""


def run(config: Config, data_dir: Path, port: int | None, *, safe: bool = False) -> None:
    """Start everything, say where the page is, show one line a second, stop everything on Ctrl-C or SIGTERM.

    `safe`: storage and the page alone.
    """
    holder = _claim(data_dir)
    _start_logging(data_dir)
    stop = _stop_flag()
    stack = Stack(private_config(config, data_dir.resolve(), _choose_port(config, port)), data_dir.resolve())
    try:
        started_ms = now_ms()
        _say(f"Starting mosquitto, redis-server and influxd in {data_dir}")
        stack.start_servers()
        note_safe_mode(data_dir, on=safe)
        if safe:
            _run_safe(stack, started_ms, stop)
            return
        for name in SERVICES:
            stack.start_service(name)
        if config.central.url:
            stack.start_service("sync")
        if config.homeassistant.enabled:
            stack.start_service("announce")
        stack.start_service("simulate", "--preceding-hour")
        if _wait_all_the_way(stack, started_ms, stop) and (page := _wait_for_page(stack, started_ms, stop)):
            took_s = (now_ms() - started_ms) / 1000
            _say(f"Live after {took_s:.1f} s. The page is at {page}")
            _say("Ctrl-C stops everything; nothing is lost.")
            _say_disabled_models(stack)
            _show(stack, stop)
    finally:
        _say("\nStopping", end="")
        stack.stop()
        _say(" - stopped.")
        holder.close()


def _run_safe(stack: Stack, started_ms: int, stop: Callable[[], bool]) -> None:
    for name in ACTIVE:
        stack.start_service(name)
    if page := _wait_for_page(stack, started_ms, stop):
        _say(f"Safe mode: storage and the page alone, at {page}")
        _say("Nothing is taken in meanwhile. Ctrl-C stops it; start it without --safe to go on.")
    while not stop():
        stack.supervise()
        time.sleep(0.1)


def _claim(data_dir: Path) -> IO[str]:
    """The lock of a data folder that can be written and has room; CannotRun in one sentence otherwise."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        holder = lock(data_dir / "lock")
        probe = data_dir / "probe"
        probe.write_bytes(b"\0" * 65536)
        probe.unlink()
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise CannotRun(_no_room(data_dir, 0)) from error
        raise CannotRun(
            f"Cannot write in {data_dir} ({error.strerror}); choose another folder with --data-dir."
        ) from error
    if holder is None:
        raise CannotRun(
            f"nilm-edge already runs in {data_dir}; stop it first, or choose another folder with --data-dir."
        )
    if (data_dir / RESTORING).exists():
        raise CannotRun(f"A restore into {data_dir} was cut short; repeat nilm-edge restore, then start this again.")
    migrate(data_dir)
    free_mb = shutil.disk_usage(data_dir).free // 1_000_000
    if free_mb < _NEEDED_FREE_MB:
        raise CannotRun(_no_room(data_dir, free_mb))
    return holder


def _no_room(data_dir: Path, free_mb: int) -> str:
    return (
        f"The disk of {data_dir} is full: {free_mb} MB free, {_NEEDED_FREE_MB} MB needed; "
        "make room, or choose another folder with --data-dir."
    )


def _choose_port(config: Config, port: int | None) -> int:
    wanted = port or config.gateway.port
    if port_is_free(wanted, config.gateway.host):
        return wanted
    if port:
        raise CannotRun(f"Port {port} is taken by another program; choose another one with --port.")
    return free_port()


def _stop_flag() -> Callable[[], bool]:
    stopped = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    return lambda: stopped


def _wait_all_the_way(stack: Stack, started_ms: int, stop: Callable[[], bool]) -> bool:
    """Wait until a sample of this start has its prediction in InfluxDB; False where the user stopped it before."""
    influx = Influx.connect(stack.config.influx, influx_token(stack.config))
    building = stack.config.simulator.building

    def stored() -> bool:
        return stored_up_to_ms(influx, stack.config, building) >= started_ms

    return bool(_wait_for(stored, "No prediction came through", stack, stop))


def _wait_for_page(stack: Stack, started_ms: int, stop: Callable[[], bool]) -> str | None:
    """Where the gateway of this start says that it answers, once it does; None where the user stopped it before."""
    streams = Streams.connect(stack.config.redis.url)

    def said() -> str:
        gateway = streams.services().get("gateway", {})
        return str(gateway["url"]) if gateway.get("started_ms", 0) >= started_ms else ""

    return _wait_for(said, "The page did not answer", stack, stop)


def _wait_for(look: Callable[[], _Found], failing: str, stack: Stack, stop: Callable[[], bool]) -> _Found | None:
    """What is there at last; None where the user stopped it before, CannotRun when that takes too long."""
    end_s = time.monotonic() + _PATIENCE_S
    while not stop():
        stack.supervise()
        try:
            if there := look():
                return there
        except Unavailable:
            pass  # not there yet
        if time.monotonic() > end_s:
            raise CannotRun(f"{failing} within {_PATIENCE_S:.0f} s; see the logs in {stack.data_dir / 'log'}.")
        time.sleep(0.1)
    return None


def _say_disabled_models(stack: Stack) -> None:
    infer = Streams.connect(stack.config.redis.url).services().get("infer", {})
    for model in infer.get("models", []):
        if model["state"] == "disabled":
            _say(f"Model {model['id']} is off: {model['reason']}")


def _show(stack: Stack, stop: Callable[[], bool]) -> None:
    streams = Streams.connect(stack.config.redis.url)
    next_line_s = time.monotonic()
    while not stop():
        stack.supervise()
        stack.snapshot_when_due()
        stack.backfill_when_due()
        if time.monotonic() >= next_line_s:
            next_line_s += 1.0
            try:
                _show_line(live_line(streams, stack.config.simulator.building, now_ms()))
            except Unavailable as error:
                _show_line(str(error))
        time.sleep(0.1)


def _show_line(text: str) -> None:
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        _say(f"\r{text[:width]}\x1b[K", end="")
    else:
        _say(text)


def _say(text: str, end: str = "\n") -> None:
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:  # whoever read our output has gone; the appliance goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _start_logging(data_dir: Path) -> None:
    """What happens is told in place of the status line, and kept in a file."""
    log_dir = data_dir / "log"
    log_dir.mkdir(exist_ok=True)
    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("\r\x1b[K%(message)s" if sys.stderr.isatty() else "%(message)s"))
    kept = logging.FileHandler(log_dir / "run.log")
    kept.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.raiseExceptions = False  # a full disk must not fill the terminal
    logging.basicConfig(level=logging.INFO, handlers=[told, kept])
