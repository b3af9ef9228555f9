"""The gateway on real servers: as an app for single requests, and as its own process for everything live."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
import urllib3
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright

from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.config_text import to_toml
from edge.settings import Config
from gateway import create_app
from gateway.hub import Hub
from tests.servers import wait_until


@pytest.fixture
def client(config: Config, streams: Streams, influx: Influx) -> FlaskClient:
    """Requests to an app without a server; its hub does not run."""
    return create_app(config, streams, influx, Hub(streams)).test_client()


ADMIN_TOKEN = "a-token-for-tests-that-is-long-enough"


@pytest.fixture
def guarded(config: Config, tmp_path: Path) -> Config:
    """A configuration with an admin token."""
    file = tmp_path / "admin-token"
    file.write_text(ADMIN_TOKEN)
    return replace(config, gateway=replace(config.gateway, admin_token_file=str(file)))


E2E_TOKEN = "a-token-for-probes-that-is-long-enough"


@pytest.fixture
def probed(guarded: Config, tmp_path: Path) -> Config:
    """The same with the probes under /e2e switched on."""
    file = tmp_path / "e2e-token"
    file.write_text(E2E_TOKEN)
    return replace(guarded, gateway=replace(guarded.gateway, e2e_probes=True, e2e_token_file=str(file)))


@pytest.fixture
def admin(guarded: Config, streams: Streams, influx: Influx) -> FlaskClient:
    """Requests with the admin token."""
    client = create_app(guarded, streams, influx, Hub(streams)).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {ADMIN_TOKEN}"
    return client


class Gateway:
    """A gateway process on a free port, or the one given."""

    def __init__(self, config: Config, folder: Path, port: int = 0, stderr: IO[bytes] | None = None) -> None:
        port = port or free_port()
        self.config = replace(config, gateway=replace(config.gateway, port=port))
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        file = folder / "gateway.toml"
        file.write_text(to_toml(self.config))
        self.process = subprocess.Popen([sys.executable, "-m", "edge", "gateway", "--config", str(file)], stderr=stderr)
        try:
            wait_until(self.answers, 60, "the gateway")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def answers(self) -> bool:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return urllib3.request("GET", f"{self.url}/live", retries=False, timeout=1).status == 200
        return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        os.kill(self.process.pid, number)
        return self.process.wait(timeout=5)


@contextlib.contextmanager
def running(config: Config, folder: Path) -> Iterator[Gateway]:
    """A gateway with a configuration of its own; it must stop as it should, and does not outlive its test."""
    found = Gateway(config, folder)
    try:
        yield found
        assert found.stop() == 0
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.wait()


@pytest.fixture
def gateway(config: Config, streams: Streams, tmp_path: Path) -> Iterator[Gateway]:
    """A running gateway."""
    running = Gateway(config, tmp_path)
    yield running
    if running.process.poll() is None:
        running.stop()


QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, for the page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "chromium is not installed: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=[*QUIET.split(), "--no-first-run"])
        yield running
        running.close()
