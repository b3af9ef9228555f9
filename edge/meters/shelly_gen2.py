"""Shelly Pro 3EM, EM Gen3, plugs of the second generation and later.

`<id>/events/rpc` carries NotifyStatus: the attributes of a component that changed, to be laid over the last state.
`<id>/status/<component>` carries a component's whole state. Powers are W, negative is export.
"""

from typing import Any

import orjson

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import NoSample, Reading, number_or_none, read_object, read_time_ms
from edge.settings import Meter

_POWER = {"em": "total_act_power", "em1": "act_power", "switch": "apower", "pm1": "apower"}
"""Which attribute of a kind of component is its power."""
_NOTIFICATIONS = {"NotifyStatus", "NotifyFullStatus", "NotifyEvent"}
_PHASES = ("a_act_power", "b_act_power", "c_act_power")


class Reader:
    """Remembers the last state of each component."""

    def __init__(self, meter: Meter) -> None:
        self._wanted = meter.power.replace(" ", "").split("+") if meter.power else []
        self._states: dict[str, dict[str, Any]] = {}

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A notification or a status."""
        del now_ms
        levels = topic.split("/")
        if levels[-1] == "online":
            return NoSample("the device says whether it is online")
        message = read_object(payload)
        if levels[-2:] == ["events", "rpc"]:
            return self._notified(message)
        if len(levels) < 3 or levels[-2] != "status":
            raise BadReading("the topic is neither <id>/events/rpc nor <id>/status/<component>")
        if not _is_power(levels[-1]):
            return NoSample(f"{levels[-1][:30]} measures no power")
        number = int(levels[-1].partition(":")[2])
        if message.get("id", number) != number:
            raise BadReading("the status is another component's than the topic says")
        self._overlay(levels[-1], message)
        return self._reading(self._wanted or [levels[-1]], None)

    def _notified(self, message: dict[str, Any]) -> Reading | NoSample:
        method, params = message.get("method"), message.get("params")
        if not (isinstance(method, str) and method in _NOTIFICATIONS and isinstance(params, dict)):
            raise BadReading("no NotifyStatus with params in the message")
        told = [name for name, state in params.items() if _is_power(name) and isinstance(state, dict)]
        for name in told:
            self._overlay(name, params[name])
        if not told:
            return NoSample(f"a notification of {', '.join(params)[:60]}, which measure no power")
        wanted = self._wanted or [min(self._states, key=_rank)]
        if not set(wanted) & set(told):
            return NoSample(f"a notification of {', '.join(told)[:60]}, not of {', '.join(wanted)}")
        return self._reading(wanted, read_time_ms(params.get("ts")))

    def _overlay(self, name: str, state: dict[str, Any]) -> None:
        last = self._states.setdefault(name, {})
        if any(phase in state for phase in _PHASES) and "total_act_power" not in state:
            last.pop("total_act_power", None)  # the phases are newer: their sum is the total
        last.update(state)

    def _reading(self, wanted: list[str], at_ms: int | None) -> Reading | NoSample:
        total_w, volts, amps = 0.0, [], []
        for name in wanted:
            state = self._states.get(name, {})
            power_w = _power_w(name, state)
            if power_w is None:
                return NoSample(f"{name} has not told its power yet, or has none now")
            total_w += power_w
            names = ("a_", "b_", "c_") if name.startswith("em:") else ("",)
            volts += [v for n in names if (v := number_or_none(state.get(f"{n}voltage"), "voltage")) is not None]
            amps += [a for n in names if (a := number_or_none(state.get(f"{n}current"), "current")) is not None]
        parts = {name: watt for name, state in self._states.items() if (watt := _power_w(name, state)) is not None}
        volt, ampere = sum(volts) / len(volts) if volts else None, sum(amps) if amps else None
        return Reading(total_w, at_ms, volt, ampere, circuits=parts)


def _power_w(name: str, state: dict[str, Any]) -> float | None:
    attribute = _POWER[name.partition(":")[0]]
    if attribute in state or attribute != "total_act_power":
        return number_or_none(state.get(attribute), attribute)
    phases = [number_or_none(state.get(phase), phase) for phase in _PHASES]
    return None if None in phases else sum(phase for phase in phases if phase is not None)


def _is_power(name: str) -> bool:
    kind, _, number = name.partition(":")
    return kind in _POWER and number.isascii() and number.isdecimal() and len(number) < 4


def _rank(name: str) -> tuple[int, str]:
    """Which component is the mains where that is not said: a meter before a plug, the first before the second."""
    return list(_POWER).index(name.partition(":")[0]), name


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The notification of a second, with nothing but what changed."""
    changed: dict[str, Any] = {"id": 0, "total_act_power": round(power_w, 3), "a_voltage": voltage_v}
    params = {"ts": at_ms / 1000, "em:0": changed}
    device = topic.split("/", maxsplit=1)[0]
    message = {"src": device, "dst": f"{device}/events", "method": "NotifyStatus", "params": params}
    return [(topic, orjson.dumps(message))]


FAMILY = Family(
    topic="+/events/rpc",
    example="shellypro3em-abcdef012345/events/rpc",
    every_s=10,
    hold_s=75,
    reader=Reader,
    simulate=simulate,
)
