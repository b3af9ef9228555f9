"""vzlogger (volkszaehler): `vzlogger/data/<channel>/raw`, a number or `{"timestamp": <ms>, "value": ...}`.

The value is in the unit of the meter's own register: W for powers (OBIS `1-0:16.7.0`, `1-0:1.7.0`). `<channel>/id`
names the register; one that counts energy is refused.
"""

import re

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import (
    W_PER,
    NoSample,
    Reading,
    plain_number,
    plain_text,
    read_number,
    read_object,
    read_time_ms,
)
from edge.settings import Meter

_POWER = re.compile(r"(\d+-\d+:)?(1|2|15|16|21|36|41|56|61|76)\.7\.\d+(\*\d+)?", re.ASCII)


class Reader:
    """Remembers which register the channel is."""

    def __init__(self, meter: Meter) -> None:
        self._w_per = W_PER.get(meter.unit, 1.0)
        self._registers: dict[str, str] = {}

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """One value of a channel."""
        del now_ms
        root, _, last = topic.rpartition("/")
        if last == "id":
            self._registers[root] = plain_text(payload)[:80]
            return NoSample(f"the channel is {self._registers[root]}")
        if last == "uuid":
            return NoSample("the channel's own name")
        if last not in {"raw", "agg"} or root.count("/") < 1:
            raise BadReading("the topic is not vzlogger/data/<channel>/raw")
        register = self._registers.get(root, "")
        if re.search(r"\d\.\d+\.\d", register) and not _POWER.fullmatch(register):
            raise BadReading(f"the channel is {register}, which is no power")
        if payload.lstrip()[:1] != b"{":
            value = plain_number(payload, last)
            return value if isinstance(value, NoSample) else Reading(value * self._w_per)
        message = read_object(payload)
        if "timestamp" not in message or "value" not in message:
            raise BadReading("timestamp and value are not both in the message")
        if message["value"] is None:
            return NoSample("the channel has no value now")
        return Reading(read_number(message["value"], "value") * self._w_per, read_time_ms(message["timestamp"]))


def _status(topic: str) -> tuple[str, ...]:
    return (f"{topic.rpartition('/')[0]}/id",)


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The value of a second."""
    del voltage_v
    return [(topic, orjson.dumps({"timestamp": at_ms, "value": round(power_w, 1)}))]


FAMILY = Family(
    topic="vzlogger/data/+/raw",
    example="vzlogger/data/chn0/raw",
    every_s=1,
    hold_s=10,
    reader=Reader,
    simulate=simulate,
    status=_status,
)
