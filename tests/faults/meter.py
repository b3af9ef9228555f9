"""A meter that publishes one second after the other at QoS 1, queues while the broker is away, knows what it sent."""

import json
from collections.abc import Callable, Iterable

from edge.adapters.mqtt import Publisher
from edge.settings import Mqtt


def drawn_w(at_s: int) -> float:
    """A home that switches; seven digits at most, which is what InfluxDB is given; a whole number now and then."""
    fridge, kettle, oven = at_s % 1800 < 700, at_s % 3100 < 150, at_s % 5200 < 1300
    noise_w = (at_s * 7919 % 2311) / 100
    return round(180.0 + 110 * fridge + 2050 * kettle + 2400 * oven + noise_w, 2 * (at_s % 4 > 0))


def smappee(at_s: int, power_w: float) -> bytes:
    """The message of a Smappee."""
    return json.dumps({"totalPower": power_w, "utcTimeStamp": at_s * 1000}).encode()


class Meter:
    """`sent` is what the meter gave to its MQTT client, by second; `unconfirmed` of it the broker has not taken."""

    def __init__(
        self,
        settings: Mqtt,
        topic: str,
        start_s: int,
        *,
        name: str = "meter",
        power_w: Callable[[int], float] = drawn_w,
        message: Callable[[int, float], bytes] = smappee,
    ) -> None:
        self._publisher = Publisher(settings, name)
        self._topic = topic
        self._power_w, self.message = power_w, message
        self.next_s = start_s
        self.sent: dict[int, float] = {}

    @property
    def unconfirmed(self) -> int:
        return self._publisher.unconfirmed

    @property
    def connected(self) -> bool:
        return self._publisher.connected

    def send(self, seconds: int) -> None:
        """Publish the next seconds, or queue them."""
        self.send_these(range(self.next_s, self.next_s + seconds))

    def send_these(self, seconds: Iterable[int]) -> None:
        """Publish seconds in any order; a second may come again."""
        for at_s in seconds:
            self.sent[at_s] = self._power_w(at_s)
            self._publisher.publish(self._topic, self.message(at_s, self.sent[at_s]))
            self.next_s = max(self.next_s, at_s + 1)

    def send_raw(self, payload: bytes) -> None:
        """Publish what may be no sample; nothing of it is expected to be stored."""
        self._publisher.publish(self._topic, payload)

    def retain(self, payload: bytes) -> None:
        """Publish what the broker keeps and gives to everybody who subscribes later."""
        self._publisher.unconfirmed += 1
        self._publisher.client.publish(self._topic, payload, qos=1, retain=True)

    def turn(self, timeout_s: float) -> None:
        """Connect, send, receive what is due."""
        self._publisher.turn(timeout_s)
