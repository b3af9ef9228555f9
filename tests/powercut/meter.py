"""A meter outside the machine: one reading a second, kept until the broker has acknowledged it."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.settings import Config
from edge.simulate import Home


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter sent for a second, and when the broker acknowledged it (0: not yet)."""

    power_w: float
    acknowledged_s: float


class QueueingMeter:
    """Publishes at QoS 1 from its own queue, which outlives every loss of the broker; remembers what it sent."""

    def __init__(self, port: int, topic: str) -> None:
        self._topic = topic
        self._home = Home(Config())
        self._sent: dict[int, tuple[int, float]] = {}  # second: message id, W
        self._acknowledged: list[tuple[int, float]] = []
        self._stop = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="meter", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_queued_messages_set(0)
        self._client.on_publish = self._on_publish
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def start(self) -> None:
        """Measure from the next whole second on."""
        self._client.loop_start()
        self._thread.start()

    def stop_measuring(self) -> None:
        """No new readings; the queue goes on being sent."""
        self._stop.set()
        self._thread.join()

    def close(self) -> None:
        """Stop everything."""
        self.stop_measuring()
        self._client.disconnect()
        self._client.loop_stop()

    def log(self) -> dict[int, Reading]:
        """Every reading by its second."""
        when = dict(reversed(self._acknowledged.copy()))  # of two acknowledgements the first
        return {
            at_s: Reading(power_w, when.get(message, 0.0)) for at_s, (message, power_w) in self._sent.copy().items()
        }

    def _measure(self) -> None:
        at_s = int(time.time()) + 1
        while not self._stop.is_set():
            if self._stop.wait(max(0.0, at_s - time.time())):
                return
            power_w = round(self._home.sample(at_s).power_w + at_s % 97 / 10, 1)  # no two neighbours are alike
            payload = orjson.dumps({"at_ms": at_s * 1000, "power_w": power_w})
            self._sent[at_s] = (self._client.publish(self._topic, payload, qos=1).mid, power_w)
            at_s += 1

    def _on_publish(self, _client: Any, _data: Any, message: int, _reason: Any, _properties: Any) -> None:
        self._acknowledged.append((message, time.time()))
