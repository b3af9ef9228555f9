"""What the setting `durability` makes of the real servers, and what a Redis with a torn log still has."""

from dataclasses import replace
from pathlib import Path

import pytest
import redis

from edge.adapters.influx import Influx
from edge.adapters.processes import Child, free_port
from edge.adapters.redis_log import RedisLog
from edge.adapters.streams import Streams
from edge.core.sample import Sample
from edge.durability import DURABILITY, Keeper, mosquitto_settings
from edge.persist import Outlet
from edge.private_servers import find_servers, private_servers
from edge.settings import Config
from edge.stack import private_config
from tests.servers import Servers, wait_for_answer

START_S = 1_700_000_000


def _fill(streams: Streams, first: int, count: int) -> list[str]:
    return streams.add_samples([Sample("home", (START_S + n) * 1000, float(n)) for n in range(first, first + count)])


@pytest.mark.parametrize("durability", DURABILITY)
def test_the_servers_are_told_what_it_means(tmp_path: Path, durability: str) -> None:
    (tmp_path / "log").mkdir()
    config = replace(private_config(Config(), tmp_path, free_port()), durability=durability)
    mosquitto, server, _ = private_servers(config, find_servers(), tmp_path)
    assert isinstance(mosquitto, Child)
    assert mosquitto_settings(durability) in (tmp_path / "mosquitto" / "mosquitto.conf").read_text()
    log = RedisLog(config.redis.url)
    server.start()
    try:
        wait_for_answer(log.fsync_policy)
        keeper = Keeper(durability, log)
        keeper.turn()
        assert keeper.fault == ""
        assert log.fsync_policy() == DURABILITY[durability].redis_fsync
        with redis.Redis.from_url(config.redis.url) as client:
            assert client.exists("nilm:synced") == (durability == "relaxed")  # by us, for Redis does not
            client.config_set("appendonly", "no")
        other = Keeper(durability, log)
        other.turn()
        assert "appendfsync off" in other.fault
        assert "nilm-edge config --for redis" in other.fault
    finally:
        server.terminate()
        server.wait_or_kill(5)


def test_a_redis_that_keeps_less_than_promised_is_said(config: Config) -> None:
    keeper = Keeper("sample", RedisLog(config.redis.url))
    keeper.turn()
    assert "Redis has appendfsync everysec, and durability = sample needs always" in keeper.fault


def test_relaxed_gives_influxdb_a_write_every_ten_seconds(config: Config, streams: Streams) -> None:
    outlet = Outlet(replace(config, durability="relaxed"), streams, Influx.connect(config.influx))
    for n in range(3):
        _fill(streams, n, 1)
        outlet.turn(0.01)
    assert outlet.persisted == 1
    assert streams.length("home", "outbox") == 2


@pytest.mark.parametrize("torn_bytes", [1, 40, 300])
def test_a_redis_with_its_log_torn_at_the_end_goes_on_with_the_rest(
    config: Config, servers: Servers, streams: Streams, torn_bytes: int
) -> None:
    for n in range(50):
        _fill(streams, n, 1)  # one acknowledged message after the other
    assert servers.redis.pid
    servers.redis.wait_or_kill(0)
    (log,) = (Path(servers.config.data_dir) / "redis" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(log.read_bytes()[:-torn_bytes])
    servers.start()
    kept = streams.length("home", "window")
    assert kept in {48, 49}  # what was torn, and nothing else
    verdicts = _fill(streams, 0, 60)  # the broker sends again what was not acknowledged, and the meter goes on
    assert verdicts == ["duplicate"] * kept + ["accepted"] * (60 - kept)
    outlet = Outlet(config, streams, Influx.connect(config.influx))
    outlet.turn()
    (series,) = Influx.connect(config.influx).query(
        "nilm", "SELECT power_w FROM mains WHERE building=$b", {"b": "home"}
    )
    assert [row[1] for row in series.values] == [float(n) for n in range(60)]
