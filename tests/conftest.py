"""Fixtures: real servers for a session, emptied for each test."""

import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.settings import Config
from tests.servers import Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """mosquitto, redis-server and influxd, running."""
    running = Servers(tmp_path_factory.mktemp("servers") / "with space")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def config(servers: Servers, tmp_path: Path) -> Config:
    """The configuration of emptied servers; what is written goes to the test's own folder."""
    servers.start()
    with redis.Redis.from_url(servers.config.redis.url) as client:
        client.flushall()
    query = urllib.parse.urlencode({"q": 'DROP DATABASE "nilm"'}).encode()
    urllib.request.urlopen(f"{servers.config.influx.url}/query", query, timeout=10).read()  # answered before it is done
    topic = f"test/{tmp_path.name}/realtime"  # no test hears another one's messages
    meter = replace(servers.config.meters[0], topic=topic)
    mqtt = replace(servers.config.mqtt, client_id=f"ingest-{tmp_path.name}")
    simulator = replace(servers.config.simulator, topic=topic)
    return replace(servers.config, data_dir=str(tmp_path), meters=(meter,), mqtt=mqtt, simulator=simulator)


@pytest.fixture
def streams(config: Config) -> Streams:
    """An empty Redis."""
    return Streams.connect(config.redis.url, config.redis.outbox_h)


@pytest.fixture
def influx(config: Config) -> Influx:
    """An InfluxDB with an empty database."""
    connection = Influx.connect(config.influx)
    connection.prepare()
    return connection
