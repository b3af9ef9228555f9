"""DSMR-reader: `dsmr/reading/electricity_currently_delivered` and `..._returned`, kW, import and export apart.

A meter that nets its phases has one of the two at zero, so a delivered power above zero is the whole truth at once and
a zero waits for the returned power, which comes after it. `dsmr/json` has both, as strings, with the meter's time.
"""

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import NoSample, Reading, mean, plain_text, read_number, read_object, read_time_ms
from edge.settings import Meter

_IN, _OUT = "electricity_currently_delivered", "electricity_currently_returned"
_COUNTERS = ("electricity_delivered_1", "electricity_delivered_2")
_LIMIT_KW = 100.0
"""The meter's own format ends there."""


class Reader:
    """Remembers the last import."""

    def __init__(self, meter: Meter) -> None:
        del meter
        self._in_kw: float | None = None

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """One value, or all of them as JSON."""
        del now_ms
        levels = topic.split("/")
        if levels[-1] in {"json", "telegram"}:
            return _from_json(payload)
        if len(levels) < 2 or not levels[-1].startswith(("electricity_", "phase_", "gas_", "timestamp", "extra_")):
            raise BadReading("the topic is neither dsmr/json nor dsmr/reading/electricity_currently_...")
        if levels[-1] not in {_IN, _OUT}:
            return NoSample(f"{levels[-1][:50]} is not the power of now")
        text = plain_text(payload)
        if not text:
            return NoSample(f"{levels[-1]} has no value now")
        power_kw = _kw(text, levels[-1])
        if levels[-1] == _IN:
            self._in_kw = power_kw
            return Reading(power_kw * 1000) if power_kw else NoSample(f"nothing is delivered; {_OUT} follows")
        if power_kw:
            self._in_kw = 0.0
        elif self._in_kw is None:
            return NoSample(f"nothing is returned; {_IN} is not known yet")
        return Reading((self._in_kw or 0.0) * 1000 - power_kw * 1000)


def _from_json(payload: bytes) -> Reading | NoSample:
    message = read_object(payload)
    if _IN not in message:
        raise BadReading(f"no {_IN} in the message")
    if message[_IN] is None or message.get(_OUT, 0) is None:
        return NoSample("the power has no value now")
    power_w = _kw(message[_IN], _IN) * 1000 - _kw(message.get(_OUT, 0), _OUT) * 1000
    if not power_w and _OUT not in message:
        return NoSample(f"nothing is delivered, and {_OUT} is not in the message")
    volts = mean([message.get(f"phase_voltage_l{n}") for n in (1, 2, 3)], "phase_voltage")
    counters = [message.get(name) for name in _COUNTERS]
    energy_wh = None if None in counters else sum(read_number(value, "counter") for value in counters) * 1000
    return Reading(power_w, read_time_ms(message.get("timestamp")), volts, energy_wh=energy_wh)


def _kw(value: object, name: str) -> float:
    """kW as DSMR-reader writes them: below 100, with decimals. A whole number of W of another meter is refused."""
    power_kw = read_number(value, name)
    text = repr(value) if isinstance(value, float) else str(value)
    decimals = len(text.partition(".")[2])
    if not 0 <= power_kw < _LIMIT_KW or (power_kw and not decimals) or (power_kw >= 10 and 0 < decimals < 3):
        raise BadReading(f"{name} is {text[:40]}, not kW with three decimals; is it a meter of another family?")
    return power_kw


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """Import and export of a second."""
    del at_ms, voltage_v
    root = topic.rpartition("/")[0]
    in_kw, out_kw = max(power_w, 0.0) / 1000, max(-power_w, 0.0) / 1000
    return [(f"{root}/{_IN}", f"{in_kw:.3f}".encode()), (f"{root}/{_OUT}", f"{out_kw:.3f}".encode())]


FAMILY = Family(
    topic="dsmr/reading/+",
    example="dsmr/reading/electricity_currently_delivered",
    every_s=10,
    hold_s=30,
    reader=Reader,
    simulate=simulate,
)
