"""Fixtures: a second influxd, as the central server."""

import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.settings import Config
from tests.servers import central_influxd, wait_for_answer


@pytest.fixture(scope="session")
def central_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a second influxd listens."""
    port = free_port()
    server = central_influxd(tmp_path_factory.mktemp("central"), port)
    server.start()
    url = f"http://127.0.0.1:{port}"
    wait_for_answer(Influx.connect(replace(Config().influx, url=url)).ping)
    yield url
    server.terminate()
    server.wait_or_kill(5)


@pytest.fixture
def central(central_url: str) -> Influx:
    """The second influxd, emptied."""
    query = urllib.parse.urlencode({"q": 'DROP DATABASE "nilm"'}).encode()
    urllib.request.urlopen(f"{central_url}/query", query, timeout=10).read()
    influx = Influx.connect(replace(Config().influx, url=central_url))
    influx.prepare()
    return influx
