"""nilm-simulator: the shipped home as a meter on a real broker."""

import json
import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge.adapters.mqtt import Listener
from edge.adapters.streams import Streams
from edge.core.sample import WINDOW_S
from edge.errors import ConfigError
from edge.settings import Config
from edge.simulate import Home
from tests.servers import wait_until
from tests.services.processes import Service

MONDAY_NOON_S = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())


def test_time_of_day_and_weekday_match_the_wall_clock(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    from edge.simulate import SHIPPED_FILE

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        recorded = pq.read_table(SHIPPED_FILE, columns=["time", "mains_w"])
        home = Home(config)
        for at_s in (MONDAY_NOON_S, MONDAY_NOON_S + 5 * 86_400 + 4321):
            local = datetime.fromtimestamp(at_s, UTC).astimezone()
            row = home._row(at_s)
            played = recorded["time"][row].as_py()
            assert (played.weekday(), played.time()) == (local.weekday(), local.time())
            assert home.sample(at_s).power_w == recorded["mains_w"][row].as_py()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_payloads_are_what_a_smappee_sends_and_plain_json_by_option(config: Config) -> None:
    home = Home(config)
    message = json.loads(home.messages(MONDAY_NOON_S)[0][1])
    assert message["utcTimeStamp"] == MONDAY_NOON_S * 1000
    assert message["totalPower"] == message["channelPowers"][0]["power"] == round(home.sample(MONDAY_NOON_S).power_w)
    plain = Home(replace(config, simulator=replace(config.simulator, format="json")))
    sample = plain.sample(MONDAY_NOON_S)
    assert json.loads(plain.messages(MONDAY_NOON_S)[0][1]) == {
        "at_ms": sample.at_ms,
        "power_w": sample.power_w,
        "voltage_v": sample.voltage_v,
    }


def test_one_message_a_second_on_the_second(config: Config) -> None:
    listener = Listener(config.mqtt, [config.simulator.topic])
    listener.messages(0.1)
    arrived: list[tuple[float, int]] = []
    with Service("simulate", config):

        def ten() -> bool:
            for message in listener.messages(0.02):
                arrived.append((time.time(), json.loads(message.payload)["utcTimeStamp"] // 1000))
                listener.acknowledge(message)
            return len(arrived) >= 8

        wait_until(ten, timeout_s=20)
    seconds = [second for _, second in arrived]
    assert seconds == list(range(seconds[0], seconds[0] + 8))
    assert abs(statistics.median(at_s - second for at_s, second in arrived)) < 0.2


def test_the_preceding_hour_is_put_in_once_and_meets_the_first_message(config: Config, streams: Streams) -> None:
    with Service("simulate", config, "--preceding-hour"):
        wait_until(lambda: "simulator" in streams.services())
        first = streams.window("home")
        assert len(first) == WINDOW_S
        said = streams.services()["simulator"]
        assert said["skipped"] == 0
        assert abs(first[-1].at_ms - said["started_ms"]) < 5000
    with Service("simulate", config, "--preceding-hour"):
        wait_until(lambda: streams.services()["simulator"]["started_ms"] > said["started_ms"])
        assert streams.window("home") == first


def test_a_file_that_cannot_be_played_is_named(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"simulator.data_file: /nowhere.parquet"):
        Home(replace(config, simulator=replace(config.simulator, data_file="/nowhere.parquet")))
