"""evcc: `evcc/site/gridPower`, a number in W, import positive; `homePower` is the house without its chargers."""

from edge.errors import BadReading
from edge.meters.family import Family
from edge.meters.reading import NoSample, Reading, plain_number
from edge.settings import Meter

_GRID = ("site/gridPower", "site/grid/power")
_HOME = ("site/homePower",)


class Reader:
    """Each message stands for itself."""

    def __init__(self, meter: Meter) -> None:
        wild = "+" in meter.topic or "#" in meter.topic
        self._powers = _GRID if wild else (*_GRID, *_HOME)

    def read(self, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        """A power of the site."""
        del now_ms
        if "/site/" not in f"/{topic}":
            raise BadReading("the topic is not evcc/site/gridPower")
        if not f"/{topic}".endswith(tuple(f"/{name}" for name in self._powers)):
            return NoSample(f"{topic.rpartition('/')[2][:30]} is not gridPower")
        power_w = plain_number(payload, topic.rpartition("/")[2])
        return power_w if isinstance(power_w, NoSample) else Reading(power_w)


def simulate(topic: str, at_ms: int, power_w: float, voltage_v: float) -> list[tuple[str, bytes]]:
    """The power of a second."""
    del at_ms, voltage_v
    return [(topic, f"{power_w:.1f}".encode())]


FAMILY = Family(
    topic="evcc/site/+",
    example="evcc/site/gridPower",
    every_s=10,
    hold_s=65,
    reader=Reader,
    simulate=simulate,
)
