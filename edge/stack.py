"""The whole appliance as children of one process: private servers and our services, restarted when they die."""

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge.adapters.influx import Influx
from edge.adapters.mqtt import broker_answers
from edge.adapters.processes import Child, free_port
from edge.adapters.streams import Streams
from edge.backfill_queue import BackfillQueue
from edge.config import influx_token, without_settings
from edge.config_text import to_toml
from edge.core.vitals import is_up
from edge.errors import ConfigError, NilmError, Unavailable
from edge.private_servers import find_servers, private_servers
from edge.settings import Config
from edge.unit import now_ms

_RESTART_S = (0.0, 0.2, 1.0, 5.0)
_STEADY_S = 10.0
_START_TIMEOUT_S = 30.0
_FIRST_SNAPSHOT_S, _SNAPSHOT_EVERY_S = 60.0, 3600.0
_FIRST_BACKFILL_S = 120.0
_LOOK_S, _STUCK_PAUSE_S = 2.0, 60.0
_log = logging.getLogger("nilm.run")


class StartFailed(NilmError):
    """A server or service does not start; the message has its last words."""


class Stack:
    """Servers and services with everything they write under `data_dir`, which belongs to this process alone."""

    def __init__(self, config: Config, data_dir: Path) -> None:
        self.config = config
        self.data_dir = data_dir
        self.config_file = data_dir / "config.toml"
        (data_dir / "log").mkdir(parents=True, exist_ok=True)
        _write_private(self.config_file, to_toml(config, comments=True))
        self.servers = private_servers(config, find_servers(), data_dir)
        self.services: list[Child] = []
        self._restarts: dict[str, tuple[int, float]] = {}
        self._snapshot = self._child("snapshot")
        self._snapshot_due_s = time.monotonic() + _FIRST_SNAPSHOT_S
        self._backfill = self._child("backfill", "--auto")
        self._backfill_due_s = time.monotonic() + _FIRST_BACKFILL_S
        self._asked = BackfillQueue(data_dir)
        self._streams = Streams.connect(config.redis.url, timeout_s=0.5)
        self._look_due_s = 0.0

    def start_servers(self) -> None:
        """Start the servers and wait until each answers; StartFailed with the last words of one that does not."""
        for server in self.servers:
            server.start()
        streams = Streams.connect(self.config.redis.url)
        influx = Influx.connect(self.config.influx, influx_token(self.config))
        checks: tuple[Callable[[], object], ...] = (lambda: broker_answers(self.config.mqtt), streams.ping, influx.ping)
        for server, check in zip(self.servers, checks, strict=True):
            wait_for(server, check)

    def start_service(self, name: str, *options: str) -> None:
        """Start one of our services by the command that systemd uses as well."""
        service = self._child(name, *options)
        service.start()
        self.services.append(service)

    def snapshot_when_due(self) -> None:
        """Every hour, and soon after the start: what systemd's timer does elsewhere."""
        if time.monotonic() >= self._snapshot_due_s and not self._snapshot.running():
            self._snapshot_due_s = time.monotonic() + _SNAPSHOT_EVERY_S
            self._snapshot.start()

    def backfill_when_due(self) -> None:
        """Every `backfill.every_h` hours, soon after the start, and whenever it is asked for."""
        due = self.config.backfill.every_h and time.monotonic() >= self._backfill_due_s
        if (due or self._asked.waits()) and not self._backfill.running():
            self._backfill_due_s = time.monotonic() + max(self.config.backfill.every_h * 3600, _FIRST_BACKFILL_S)
            self._backfill.start()

    def supervise(self) -> None:
        """Start again whatever has ended: at once at first, with growing pauses if it keeps ending."""
        for child in [*self.servers, *self.services]:
            code = child.exit_code()
            if code is None:
                continue
            if code == ConfigError.exit_code:
                raise StartFailed(f"{child.name} stopped: {child.last_words(1)}")
            failures, due_s = self._restarts.get(child.name, (0, 0.0))
            if due_s <= child.started_s:  # this end has not been seen yet
                steady = time.monotonic() - child.started_s > _STEADY_S
                failures = 0 if steady else failures + 1
                due_s = time.monotonic() + _RESTART_S[min(failures, len(_RESTART_S) - 1)]
                self._restarts[child.name] = (failures, due_s)
                _log.warning("%s ended (%s); starting it again", child.name, _how(code))
            if time.monotonic() >= due_s:
                child.start()
        if time.monotonic() >= self._look_due_s:
            self._look_due_s = time.monotonic() + _LOOK_S
            self._end_stuck_influxd()

    def _end_stuck_influxd(self) -> None:
        """InfluxDB 1.6 whose disk was full once answers 500 for ever: end it, so that it is started again."""
        influxd = self.servers[-1]
        if not influxd.running() or time.monotonic() - influxd.started_s < _STUCK_PAUSE_S:
            return
        try:
            persist = self._streams.services().get("persist", {})
        except Unavailable:
            return
        if persist.get("influx_stuck") and is_up(persist, now_ms()):
            _log.warning("influxd refuses every write though there is room; ending it")
            influxd.terminate()
            influxd.wait_or_kill(10)

    def _child(self, name: str, *options: str) -> Child:
        command = [sys.executable, "-m", "edge", name, "--config", str(self.config_file), *options]
        return Child(name, command, self.data_dir / "log" / f"{name}.log", without_settings(os.environ))

    def stop(self) -> None:
        """Stop the services, then the servers; nothing is left after 5 s."""
        for children in ([*self.services, self._snapshot, self._backfill], self.servers):
            for child in children:
                child.terminate()
            end_s = time.monotonic() + 2.2
            for child in children:
                if not child.wait_or_kill(max(0.0, end_s - time.monotonic())):
                    _log.warning("%s did not stop in time and was killed", child.name)


def private_config(config: Config, data_dir: Path, port: int) -> Config:
    """`config` with every server on a free port of loopback and every file under `data_dir`."""
    return replace(
        config,
        data_dir=str(data_dir),
        mqtt=replace(config.mqtt, host="127.0.0.1", port=free_port(), username="", password_file="", tls=False),
        redis=replace(config.redis, url=f"redis://127.0.0.1:{free_port()}/0"),
        influx=replace(config.influx, url=f"http://127.0.0.1:{free_port()}", api="auto", token="", token_file=""),
        gateway=replace(config.gateway, port=port),
    )


def wait_for(server: Child, check: Callable[[], object]) -> None:
    """Wait until a started server answers; StartFailed with its last words where it does not."""
    end_s = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            check()
        except Unavailable as error:
            if not server.running() or time.monotonic() > end_s:
                raise StartFailed(f"{server.name} does not start: {server.last_words() or error}") from error
            time.sleep(0.02)
        else:
            return


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
