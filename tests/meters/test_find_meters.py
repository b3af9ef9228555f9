"""Which meters are found at a broker, and whether the entry that is proposed reads them."""

import orjson
import pytest

from edge.adapters.mqtt import Message
from edge.find_meters import Finder
from edge.meters import FAMILIES, family_of
from edge.meters.reading import Reading
from edge.sources import Source

NOW_MS = 1_790_000_000_000


def say(finder: Finder, topic: str, payload: bytes | str, at_s: float, *, retained: bool = False) -> None:
    content = payload.encode() if isinstance(payload, str) else payload
    finder.hear(Message(topic, content, retained, 0, 0), round(at_s * 1000))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_meter_of_each_family_is_found_and_its_entry_reads_it(name: str) -> None:
    family = family_of(name)
    finder = Finder()
    for second in range(4):
        for topic, payload in family.simulate(family.example, NOW_MS + second * 1000, 1234.0, 230.0):
            say(finder, topic, payload, second)
    (one, *_) = finder.found()
    assert one.meter.family == name
    assert abs(one.powers_w[-1] - 1234) <= 1
    entry = one.entry("barn")
    assert entry.building == "barn"
    source = Source(entry)
    read = []
    for second in range(4):
        for topic, payload in family.simulate(family.example, NOW_MS + second * 1000, 1234.0, 230.0):
            if source.hears(topic):
                read.append(source.read(Message(topic, payload, False, 0, 0), second * 1000))
    assert any(isinstance(reading, Reading) and abs(reading.power_w - 1234) <= 1 for reading in read)


def test_two_meters_of_a_family_are_two() -> None:
    finder = Finder()
    for second in range(5):
        for device, power_w in (("shellyem3-A", 100), ("shellyem3-B", 900)):
            for phase in range(3):
                say(finder, f"shellies/{device}/emeter/{phase}/power", f"{power_w}", second)
    assert {(one.meter.topic, one.powers_w[-1]) for one in finder.found()} == {
        ("shellies/shellyem3-A/emeter/+/power", 300),
        ("shellies/shellyem3-B/emeter/+/power", 2700),
    }


def test_the_mains_come_before_a_plug() -> None:
    finder = Finder()
    for second in range(3):
        say(finder, "zigbee2mqtt/fridge", '{"power": 80}', second)
        say(finder, "tele/plug_tv/SENSOR", '{"ENERGY": {"Power": 120}}', second)
        say(finder, "tele/mains/SENSOR", '{"ENERGY": {"Power": 2635}}', second)
    assert next(one.meter.topic for one in finder.found()) == "tele/mains/SENSOR"


@pytest.mark.parametrize(
    ("topic", "payload", "power", "time", "unit"),
    [
        ("my/house/power", "812.5", "", "", "auto"),
        ("my/house/active_power_kw", "0.8125", "", "", "kW"),
        ("my/kw", "0.8125", "", "", "kW"),
        ("x/y", {"at_ms": NOW_MS, "power_w": 812.5, "voltage_v": 230}, "power_w", "at_ms", "auto"),
        ("x/y", {"em": {"total_power": 812.5}, "ok": True}, "em.total_power", "", "auto"),
        ("x/y", {"power_kw": 0.8125}, "power_kw", "", "kW"),
    ],
)
def test_a_meter_of_no_family(topic: str, payload: object, power: str, time: str, unit: str) -> None:
    finder = Finder()
    text = payload if isinstance(payload, str) else orjson.dumps(payload)
    for second in range(2):
        say(finder, topic, text, second)
    (one,) = finder.found()
    assert (one.meter.family, one.meter.power, one.meter.time, one.meter.unit) == ("generic", power, time, unit)
    if unit == "kW":
        assert one.powers_w[-1] == 812.5


def test_what_is_no_meter_is_none() -> None:
    finder = Finder(("nilm-edge/",))
    for second in range(2):
        say(finder, "weather/outside/temperature", "21.5", second)
        say(finder, "lights/kitchen", '{"state": "on", "brightness": 12}', second)
        say(finder, "homeassistant/sensor/bedroom_temperature/state", "21.5", second)
        say(finder, "nilm-edge/home/power", "500", second)
        say(finder, "broken/power", "\udcff".encode(errors="surrogateescape"), second)
        say(finder, "old/power", "500", second, retained=True)
    assert finder.found() == []
    assert finder.messages == 10


def test_a_slow_meter_is_held_for_longer() -> None:
    finder = Finder()
    for second in (0, 400, 800):
        say(finder, "tele/mains/SENSOR", '{"ENERGY": {"Power": 2635}}', second)
    (one,) = finder.found()
    assert (one.every_s, one.entry("home").hold_s) == (400, 525)
