"""Victron GX (dbus-flashmq): `N/<portal>/grid/<instance>/Ac/Power`, `{"value": 936}` in W; `Ac/L1/Power` by phases.

`null` is a value that is not valid, an empty payload a device that is gone. Without an empty message to
`R/<portal>/keepalive` once a minute it goes quiet.
"""

import re

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.parts import Parts
from edge.meters.reading import NoSample, Reading, read_number, read_object, read_text
from edge.settings import Meter

_TOPIC = re.compile(r"N/[^/]+/(grid|acload|system|vebus)/\d+/Ac/(.+/)?(Power|P)", re.ASCII)
_PHASE = re.compile(r"L[123]", re.ASCII)
_STALE_MS = 95_000


class Reader:
    """Remembers the phases, where the topic is a phase's."""

    def __init__(self, meter: Meter) -> None:
        self._phases = Parts(meter.phases, _STALE_MS)

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """One value."""
        if not _TOPIC.fullmatch(topic):
            raise BadReading("the topic is not N/<portal>/grid/<instance>/Ac/Power")
        phase = next((level for level in topic.split("/") if _PHASE.fullmatch(level)), "")
        if not read_text(payload):
            self._phases.lost(phase)
            return NoSample("the device is gone")
        message = read_object(payload)
        if "value" not in message or "timestamp" in message:
            raise BadReading("the message is not a value of a Victron device")
        if message["value"] is None:
            self._phases.lost(phase)
            return NoSample("the value is not valid now")
        power_w = read_number(message["value"], "value")
        if not phase:
            return Reading(power_w)
        total_w = self._phases.heard(phase, power_w, now_ms)
        return total_w if isinstance(total_w, NoSample) else Reading(total_w, more_follows=self._phases.more_follow)


def _keepalive(topic: str) -> str:
    levels = topic.split("/")
    portal = levels[1] if len(levels) > 1 and levels[0] == "N" else ""
    return f"R/{portal}/keepalive" if portal and portal not in {"+", "#"} else ""


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The value of a second."""
    del at_ms, voltage_v
    return [(topic, orjson.dumps({"value": round(power_w, 1)}))]


FAMILY = Family(
    topic="N/+/grid/+/Ac/Power",
    example="N/d0ff50abcdef/grid/30/Ac/Power",
    every_s=1,
    hold_s=15,
    reader=Reader,
    simulate=simulate,
    keepalive=_keepalive,
)
