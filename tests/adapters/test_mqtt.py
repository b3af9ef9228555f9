import os
import signal
import time
from dataclasses import replace

import pytest

from edge.adapters.mqtt import Listener, Message, Publisher, matches
from edge.errors import ConfigError
from edge.settings import Config
from tests.servers import Servers, wait_until


def _listen(listener: Listener, count: int, timeout_s: float = 5.0) -> list[Message]:
    got: list[Message] = []
    end_s = time.monotonic() + timeout_s
    while len(got) < count and time.monotonic() < end_s:
        got += listener.messages(0.05)
    return got


def _connected(connection: Listener | Publisher) -> None:

    def turned() -> bool:
        connection.turn(0.05)
        return connection.connected

    wait_until(turned)


@pytest.fixture
def publisher(config: Config) -> Publisher:
    connection = Publisher(config.mqtt, f"publisher-{config.mqtt.client_id}")
    _connected(connection)
    return connection


def _publish(publisher: Publisher, topic: str, *payloads: bytes) -> None:
    for payload in payloads:
        publisher.publish(topic, payload)

    def confirmed() -> bool:
        publisher.turn(0.02)
        return publisher.unconfirmed == 0

    wait_until(confirmed)


def _retain(publisher: Publisher, topic: str, payload: bytes) -> None:
    publisher.client.publish(topic, payload, qos=1, retain=True)
    publisher.unconfirmed += 1
    _publish(publisher, f"{topic}/else", b"something")


def test_what_was_not_acknowledged_comes_again_in_order(config: Config, publisher: Publisher) -> None:
    topic = config.meters[0].topic
    first = Listener(config.mqtt, [topic])
    _connected(first)
    _listen(first, 1, 0.2)
    _publish(publisher, topic, b"1", b"2", b"3")
    got = _listen(first, 3)
    assert [message.payload for message in got] == [b"1", b"2", b"3"]
    first.acknowledge(got[0])
    first.close()
    _publish(publisher, topic, b"4")
    second = Listener(config.mqtt, [topic])
    assert [message.payload for message in _listen(second, 3)] == [b"2", b"3", b"4"]


def test_the_broker_keeps_messages_over_its_own_restart(config: Config, publisher: Publisher, servers: Servers) -> None:
    topic = config.meters[0].topic
    away = Listener(config.mqtt, [topic])
    _connected(away)
    _listen(away, 1, 0.2)
    away.close()
    _publish(publisher, topic, *(str(n).encode() for n in range(50)))
    servers.mosquitto.terminate()
    servers.mosquitto.wait_or_kill(5)
    servers.start()
    back = Listener(config.mqtt, [topic])
    got: list[bytes] = []
    while len(got) < 50 and (messages := _listen(back, 1)):
        got += [message.payload for message in messages]
        for message in messages:
            back.acknowledge(message)
    assert got == [str(n).encode() for n in range(50)]


def test_a_lost_connection_is_counted_and_comes_back_by_itself(config: Config, servers: Servers) -> None:
    listener = Listener(config.mqtt, [config.meters[0].topic])
    _connected(listener)
    servers.mosquitto.terminate()
    servers.mosquitto.wait_or_kill(5)
    wait_until(lambda: bool(listener.messages(0.05)) or listener.losses == 1)
    assert not listener.connected
    servers.start()
    _connected(listener)


def test_what_waited_for_the_broker_is_sent_in_order(config: Config, publisher: Publisher, servers: Servers) -> None:
    topic = config.meters[0].topic
    away = Listener(config.mqtt, [topic])
    _connected(away)
    _listen(away, 1, 0.2)
    away.close()
    servers.mosquitto.terminate()
    servers.mosquitto.wait_or_kill(5)
    numbers = [str(n).encode() for n in range(50)]
    for number in numbers[:48]:
        publisher.publish(topic, number)
        publisher.turn(0)
    servers.start()
    assert servers.mosquitto.pid
    os.kill(servers.mosquitto.pid, signal.SIGSTOP)  # it takes connections and answers nothing
    while publisher.connected or publisher.client.socket() is None:
        publisher.turn(0.01)
    publisher.publish(topic, numbers[48])
    os.kill(servers.mosquitto.pid, signal.SIGCONT)
    _connected(publisher)
    _publish(publisher, topic, numbers[49])
    back = Listener(config.mqtt, [topic])
    got: list[bytes] = []
    while len(got) < 50 and (messages := _listen(back, 1)):
        got += [message.payload for message in messages]
        for message in messages:
            back.acknowledge(message)
    assert got == numbers


def test_retained_messages_are_not_asked_for(config: Config, publisher: Publisher) -> None:
    topic = config.meters[0].topic
    _retain(publisher, topic, b"old")
    listener = Listener(config.mqtt, [topic])
    _connected(listener)
    _listen(listener, 1, 0.3)
    _publish(publisher, topic, b"new")
    assert [message.payload for message in _listen(listener, 1)] == [b"new"]
    _retain(publisher, topic, b"")


def test_a_broker_that_is_away_is_named(config: Config) -> None:
    listener = Listener(replace(config.mqtt, port=1), [config.meters[0].topic])
    assert listener.messages(0.01) == []
    assert "no MQTT broker at 127.0.0.1:1" in listener.refused


@pytest.mark.parametrize("topic", ["", "a/#/b", "a+/b", "a/b#"])
def test_a_topic_that_is_no_filter_is_refused(config: Config, topic: str) -> None:
    with pytest.raises(ConfigError, match="topic filter"):
        Listener(config.mqtt, [topic])


def test_topics_match_their_filters() -> None:
    assert matches("servicelocation/+/realtime", "servicelocation/abc/realtime")
    assert not matches("servicelocation/+/realtime", "servicelocation/a/b/realtime")
