"""Real servers for tests, on free ports of loopback, in a folder of their own; a missing one is an error."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from edge.adapters.influx import Influx
from edge.adapters.mqtt import broker_answers
from edge.adapters.processes import Child, free_port
from edge.adapters.streams import Streams
from edge.errors import Unavailable
from edge.private_servers import find_servers, private_servers
from edge.settings import Config
from edge.stack import private_config


def wait_until(check: Callable[[], object], timeout_s: float = 15.0, what: str = "") -> None:
    """Wait until `check` returns something true without Unavailable; AssertionError after `timeout_s`."""
    end_s = time.monotonic() + timeout_s
    while True:
        try:
            if check():
                return
            failure = "still not so"
        except Unavailable as error:
            failure = str(error)
        assert time.monotonic() < end_s, f"{what or check}: {failure} after {timeout_s} s"
        time.sleep(0.02)


def wait_for_answer(ask: Callable[[], object], timeout_s: float = 15.0, what: str = "") -> None:
    """Wait until `ask` no longer raises Unavailable."""

    def answered() -> bool:
        ask()
        return True

    wait_until(answered, timeout_s, what)


def has_ended(pid: int) -> bool:
    """Whether a process runs no longer, whoever its parent is now."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


class Servers:
    """A private mosquitto, redis-server and influxd, and the configuration that finds them."""

    def __init__(self, folder: Path) -> None:
        (folder / "log").mkdir(parents=True)
        self.config: Config = private_config(Config(), folder, free_port())
        mosquitto, redis, influxd = private_servers(self.config, find_servers(), folder)
        self.mosquitto: Child = mosquitto
        self.redis: Child = redis
        self.influxd: Child = influxd

    def start(self) -> None:
        """Start all three and wait for each."""
        for server in (self.mosquitto, self.redis, self.influxd):
            if not server.running():
                server.start()
        wait_for_answer(lambda: broker_answers(self.config.mqtt), what="mosquitto")
        wait_for_answer(Streams.connect(self.config.redis.url).ping, what="redis-server")
        wait_for_answer(Influx.connect(self.config.influx).ping, what="influxd")

    def stop(self) -> None:
        """Stop all three."""
        for server in (self.mosquitto, self.redis, self.influxd):
            server.terminate()
        for server in (self.mosquitto, self.redis, self.influxd):
            server.wait_or_kill(5)


def central_influxd(folder: Path, port: int) -> Child:
    """A second influxd, as a central server, that is not started yet."""
    (folder / "log").mkdir(parents=True, exist_ok=True)
    config = replace(Config(), influx=replace(Config().influx, url=f"http://127.0.0.1:{port}"))
    return private_servers(config, find_servers(), folder)[2]


def victoria_metrics(folder: Path, port: int, *more: str) -> Child:
    """A victoria-metrics that is not started yet; AssertionError where it is not installed."""
    program = shutil.which("victoria-metrics")
    assert program, "victoria-metrics is not installed: sudo apt-get install victoria-metrics"
    folder.mkdir(parents=True, exist_ok=True)
    options = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}", "-loggerLevel=ERROR"]
    return Child("victoria-metrics", [program, *options, "-search.latencyOffset=0s", *more], folder / "log")
