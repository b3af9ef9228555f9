"""`nilm-edge run` as a user starts it, and what can be asked of it from outside."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.config import load_config
from edge.settings import Config
from tests.servers import wait_until

COMMAND = [sys.executable, "-m", "edge"]


class Appliance:
    """A running `nilm-edge run`; leaving the block stops it as Ctrl-C does."""

    def __init__(self, data_dir: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.lines: list[str] = []
        self._headers: dict[str, str] = {}
        command = [*COMMAND, "run", "--data-dir", str(data_dir), *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(env or {})}
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        self._reader.join()

    def wait_live(self, timeout_s: float = 30.0) -> None:
        """Wait until it says that it is live."""
        wait_until(
            lambda: self.process.poll() is not None or any("Live after" in line for line in self.lines),
            timeout_s,
            "live",
        )
        assert self.process.poll() is None, "\n".join(self.lines)

    @property
    def config(self) -> Config:
        """Where its private servers are."""
        return load_config(self.data_dir / "config.toml", {})

    @property
    def streams(self) -> Streams:
        """Its Redis."""
        return Streams.connect(self.config.redis.url)

    @property
    def influx(self) -> Influx:
        """Its InfluxDB."""
        return Influx.connect(self.config.influx)

    def be_admin(self) -> None:
        """Make an account with a token, and ask with that from now on."""
        config = ("--config", str(self.data_dir / "config.toml"))
        made = nilm_edge("user", "add", "anna", *config, said="a password of some length\n")
        assert made.returncode == 0, made.stderr
        token = nilm_edge("user", "token", "anna", *config).stdout.strip()
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, method: str = "GET") -> Any:
        """JSON from its gateway."""
        url = f"http://127.0.0.1:{self.config.gateway.port}{path}"
        asked = urllib.request.Request(url, headers=self._headers, method=method)
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return json.loads(answer.read())

    def post(self, path: str) -> Any:
        """The same, to have something done."""
        return self.get(path, "POST")

    def status(self, *options: str) -> dict[str, Any]:
        """`nilm-edge status --json`."""
        done = nilm_edge("status", "--json", "--config", str(self.data_dir / "config.toml"), *options)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))


def nilm_edge(
    *arguments: str, env: Mapping[str, str] | None = None, before: Sequence[str] = (), said: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end; `before` wraps it in another one, `said` is typed into it."""
    command = [*before, *COMMAND, *arguments]
    return subprocess.run(
        command, input=said, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})}
    )
