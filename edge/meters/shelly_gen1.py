"""Shelly EM, 3EM and plugs of the first generation: `shellies/<id>/emeter/<0..2>/power`, a plain number in W.

Phases are topics of their own and are summed; `total`, `total_returned` are Wh, `energy` is W minutes. Values are
published when they change, all of them every 30 s.
"""

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.parts import Parts
from edge.meters.reading import NoSample, Reading, plain_number, read_text
from edge.settings import Meter

_STALE_MS = 95_000
"""A phase that missed three of its rounds."""
_WH = {"total"}
_OTHER = {"energy", "returned_energy", "total_returned", "current", "pf", "reactive_power"}


class Reader:
    """Remembers each phase's last power, voltage and counter."""

    def __init__(self, meter: Meter) -> None:
        self._powers = Parts(meter.phases, _STALE_MS)
        self._volts: dict[str, float] = {}
        self._wh: dict[str, float] = {}

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """One value of one phase."""
        levels = topic.split("/")
        if levels[-1] == "online":
            return NoSample(f"the device says online: {read_text(payload)[:20]}")
        if len(levels) < 5 or levels[-3] not in {"emeter", "relay", "meter"} or not levels[-2].isdecimal():
            raise BadReading("the topic is not shellies/<id>/emeter/<phase>/power")
        phase, name = levels[-2], levels[-1]
        if name not in {"power", "voltage", *_WH, *_OTHER}:
            raise BadReading(f"a Shelly of this generation has no value {name[:30]!r}")
        value = plain_number(payload, name)
        if isinstance(value, NoSample):
            if name == "power":
                self._powers.lost(phase)
            return value
        if name == "power":
            total_w = self._powers.heard(phase, value, now_ms)
            if isinstance(total_w, NoSample):
                return total_w
            volts = list(self._volts.values())
            energy_wh = sum(self._wh.values()) if self._wh else None
            volt = sum(volts) / len(volts) if volts else None
            parts = self._powers.values
            return Reading(total_w, None, volt, None, energy_wh, parts, more_follows=self._powers.more_follow)
        if name == "voltage":
            self._volts[phase] = value
        elif name in _WH:
            self._wh[phase] = value
        return NoSample(f"{name} of phase {phase}; power has a topic of its own")


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """Three phases' powers and voltages of a second."""
    del at_ms
    root = topic.rsplit("/", 2)[0]
    shares = (0.5, 0.3, 0.2)
    volts = [(f"{root}/{i}/voltage", f"{voltage_v:.2f}".encode()) for i in range(3)]
    return volts + [(f"{root}/{i}/power", f"{power_w * shares[i]:.2f}".encode()) for i in range(3)]


FAMILY = Family(
    topic="shellies/+/emeter/+/power",
    example="shellies/shellyem3-ABCDEF/emeter/0/power",
    every_s=30,
    hold_s=60,
    reader=Reader,
    simulate=simulate,
)
