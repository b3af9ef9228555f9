"""MQTT by paho: a listener that acknowledges by hand and a publisher; both run in their caller's loop."""

import logging
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.adapters.broker import broker_answers as broker_answers  # noqa: PLC0414 - part of what this module tells
from edge.config import read_secret, secret_file
from edge.errors import ConfigError, Unavailable
from edge.settings import Mqtt

_FOR_EVER = 0xFFFFFFFF
_log = logging.getLogger("nilm.mqtt")
_TELLS_S = 0.5
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `retained` says that the broker had it in store, so that it may be old."""

    topic: str
    payload: bytes
    retained: bool
    id: int
    qos: int
    connection: int = 0
    """Which connection brought it: on another one its id means another message."""


class _Connection:
    """Connects, and connects again after a loss, while its owner calls `turn`."""

    def __init__(self, settings: Mqtt, client_id: str, session_expiry_s: int, *, manual_ack: bool) -> None:
        self._settings = settings
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, manual_ack=manual_ack
        )
        if settings.username:
            self.client.username_pw_set(settings.username, read_secret(settings.password_file))
        if settings.tls:
            _set_tls(self.client, settings)
        self._properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        self._properties.SessionExpiryInterval = session_expiry_s
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.connected = False
        self.refused = ""
        self._attempt = 0
        self._next_attempt_s = 0.0

    def turn(self, timeout_s: float) -> None:
        """Read and write what is due, waiting at most `timeout_s` for something to come."""
        if self.client.socket() is None and not self._connect():
            time.sleep(min(timeout_s, 0.2))
            return
        self.client.loop(timeout_s)

    def close(self) -> None:
        """Send what is queued, then say goodbye; a persistent session stays at the broker."""
        if self.client.socket() is not None:
            self.client.loop(0.01)
            self.connected = False  # an end of our own is no loss
            self.client.disconnect()
            self.client.loop(0.01)

    def on_connected(self) -> None:
        """Called after each successful connect."""

    def on_lost(self) -> None:
        """Called after each lost connection."""

    def _connect(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._next_attempt_s:
            return False
        self._next_attempt_s = now_s + _RETRY_S[min(self._attempt, len(_RETRY_S) - 1)]
        self._attempt += 1
        try:
            self.client.connect(
                self._settings.host,
                self._settings.port,
                self._settings.keepalive_s,
                clean_start=False,
                properties=self._properties,
            )
        except ssl.SSLError as error:
            self._refused(f"no TLS with the MQTT broker at {self._settings.host}:{self._settings.port}: {error}")
            return False
        except (OSError, ValueError) as error:
            self._refused(f"no MQTT broker at {self._settings.host}:{self._settings.port}: {error}")
            return False
        if isinstance(line := self.client.socket(), socket.socket):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # acknowledgements do not wait for one another
        return True

    def _refused(self, why: str) -> None:
        if why != self.refused:
            _log.warning("%s", why)
        self.refused = why

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused(f"the MQTT broker refuses nilm-edge: {reason}")
            return
        _log.info("connected to the MQTT broker at %s:%d", self._settings.host, self._settings.port)
        self.connected, self.refused, self._attempt = True, "", 0
        self.on_connected()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self.connected:
            self._refused(f"the connection to the MQTT broker ended: {reason}")
        self.connected = False
        self.on_lost()


class Listener(_Connection):
    """A persistent session: the broker keeps each QoS 1 message until it is acknowledged, also while we are away.

    What the broker has retained is sent for `status_topics` alone: it is status, never a sample. A `passing` listener
    leaves nothing at the broker and hears everything retained.
    """

    def __init__(
        self, settings: Mqtt, topics: Sequence[str], status_topics: Sequence[str] = (), *, passing: str = ""
    ) -> None:
        super().__init__(settings, passing or settings.client_id, 0 if passing else _FOR_EVER, manual_ack=True)
        self._retained = {topic: bool(passing) for topic in topics} | dict.fromkeys(status_topics, True)
        self._arrived: deque[Message] = deque()
        self._done: deque[Message] = deque()
        self.losses = 0
        self.client.on_message = self._on_message
        for topic in self._retained:
            if not _is_filter(topic):
                raise ConfigError(f"{topic!r} is not an MQTT topic filter")

    def messages(self, timeout_s: float) -> list[Message]:
        """What has arrived; waits at most `timeout_s`. After a loss, unacknowledged messages arrive again.

        A broker that was killed may have forgotten what it had just sent. So everything is read before anything is
        acknowledged, which on a dead connection would drop the rest; and what arrived before a loss still comes.
        """
        self._read(0)
        self._send_acknowledgements()
        if not self._arrived:
            self._read(timeout_s)
        arrived = list(self._arrived)
        self._arrived.clear()
        return arrived

    def acknowledge(self, message: Message) -> None:
        """Let the broker forget `message`, soon; one of an earlier connection comes again."""
        if message.qos:
            self._done.append(message)

    def close(self) -> None:
        """Say what is acknowledged, then goodbye; the session stays at the broker."""
        self._send_acknowledgements()
        super().close()

    def _read(self, timeout_s: float) -> None:
        known = len(self._arrived)
        self.turn(timeout_s)
        while known < len(self._arrived) and self.client.socket() is not None:
            known = len(self._arrived)
            self.client.loop(0)

    def _send_acknowledgements(self) -> None:
        while self._done:
            message = self._done.popleft()
            if message.connection == self.losses:
                self.client.ack(message.id, message.qos)

    def on_connected(self) -> None:
        """Subscribe."""
        wanted = []
        for topic, retained in self._retained.items():
            how = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if retained else SubscribeOptions.RETAIN_DO_NOT_SEND
            wanted.append((topic, SubscribeOptions(qos=1, retainHandling=how)))
        self.client.subscribe(wanted)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message that nobody needs to keep; lost where there is no broker."""
        if self.connected:
            self.client.publish(topic, payload, qos=0)

    def on_lost(self) -> None:
        """What is not acknowledged by now cannot be any more."""
        self.losses += 1

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self._arrived.append(Message(message.topic, payload, message.retain, message.mid, message.qos, self.losses))


class Publisher(_Connection):
    """Publishes at QoS 1, in order; what the broker has not confirmed (`unconfirmed`) is sent again after a loss."""

    def __init__(self, settings: Mqtt, client_id: str, will: tuple[str, bytes] | None = None) -> None:
        super().__init__(settings, client_id, 3600, manual_ack=False)
        self.unconfirmed = 0
        self.connections = 0
        self._unsent: deque[tuple[str, bytes, bool]] = deque()
        if will:
            self.client.will_set(will[0], will[1], qos=1, retain=True)
        self.client.on_publish = self._on_publish

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send `payload`, or keep it for a broker that is away; with `retain` also for who comes later."""
        self._unsent.append((topic, payload, retain))
        self.unconfirmed += 1
        self._send()

    def turn(self, timeout_s: float) -> None:
        """The same, and send what has waited."""
        super().turn(timeout_s)
        self._send()

    def _send(self) -> None:
        """Not before the broker has said that it is there: paho would send it ahead of what it has to send again."""
        while self.connected and self._unsent:
            topic, payload, retain = self._unsent.popleft()
            self.client.publish(topic, payload, qos=1, retain=retain)

    def on_connected(self) -> None:
        """Count it: the broker may have forgotten what it had."""
        self.connections += 1

    def _on_publish(self, _client: Any, _data: Any, _id: int, _reason: Any, _properties: Any) -> None:
        self.unconfirmed -= 1


def _set_tls(client: paho.Client, settings: Mqtt) -> None:
    files = [settings.ca_file, settings.cert_file, settings.key_file]
    authority, certificate, key = (secret_file(file) or None for file in files)
    try:
        client.tls_set(authority, certificate, key)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise ConfigError(f"mqtt: cannot use the certificates in {', '.join(filter(None, files))}: {error}") from error


def _is_filter(topic: str) -> bool:
    levels = topic.split("/")
    if levels[0] == "$share":
        if len(levels) < 3 or not levels[1] or "+" in levels[1] or "#" in levels[1]:
            return False
        levels = levels[2:]
    wild = all(level in {"+", "#"} for level in levels if "+" in level or "#" in level)
    return bool(topic) and any(levels) and wild and "#" not in levels[:-1]


def unshared(topic_filter: str) -> str:
    """The filter behind `$share/GROUP/`, or `topic_filter` itself."""
    return topic_filter.split("/", 2)[2] if topic_filter.startswith("$share/") else topic_filter


def matches(topic_filter: str, topic: str) -> bool:
    """Whether `topic` falls under `topic_filter`, shared or not."""
    return bool(paho.topic_matches_sub(unshared(topic_filter), topic))


def try_broker(settings: Mqtt, timeout_s: float) -> str:
    """What the broker says it is, "" where it does not tell; Unavailable unless it lets us in within `timeout_s`."""
    listener = Listener(settings, ["$SYS/broker/version"], passing=f"nilm-edge-doctor-{os.getpid()}")
    end_s = time.monotonic() + timeout_s
    try:
        while not listener.connected:
            if listener.refused or time.monotonic() > end_s:
                raise Unavailable(listener.refused or f"no answer of an MQTT broker at {settings.host}:{settings.port}")
            listener.turn(0.05)
        told_s = time.monotonic() + _TELLS_S
        while time.monotonic() < told_s:
            for message in listener.messages(0.05):
                return message.payload.decode(errors="replace")[:60]
        return ""
    finally:
        listener.close()
