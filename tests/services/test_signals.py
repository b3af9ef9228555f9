"""Each service stops within 2 s of SIGTERM, with its servers there or away, and says what is wrong in one line."""

import time
from dataclasses import replace

import pytest

from edge.adapters.streams import Streams
from edge.settings import Config
from tests.servers import wait_until
from tests.services.appliance import nilm_edge
from tests.services.processes import Service

SERVICES = {"ingest": "ingest", "infer": "infer", "persist": "persist", "gateway": "gateway", "simulate": "simulator"}
SERVICES |= {"announce": "announce"}


@pytest.mark.parametrize("name", SERVICES)
def test_sigterm_stops_a_working_service(name: str, config: Config, streams: Streams) -> None:
    with Service(name, config):
        wait_until(lambda: SERVICES[name] in streams.services())


@pytest.mark.parametrize("name", SERVICES)
def test_sigterm_stops_a_service_whose_servers_are_away(name: str, config: Config) -> None:
    away = replace(
        config,
        redis=replace(config.redis, url="redis://127.0.0.1:1/0"),
        mqtt=replace(config.mqtt, port=1),
        influx=replace(config.influx, url="http://127.0.0.1:1"),
    )
    with Service(name, away) as service:
        time.sleep(1.5)
        assert service.process.poll() is None


def test_a_wrong_key_is_named_and_exits_78(config: Config) -> None:
    for name in SERVICES:
        done = nilm_edge(name, env={"NILM_EDGE__MQTT__PROT": "1884"})
        assert done.returncode == 78
        assert done.stderr == "nilm-edge: NILM_EDGE__MQTT__PROT: mqtt.prot: unknown key; did you mean 'port'?\n"
