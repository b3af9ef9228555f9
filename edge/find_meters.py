"""Finding meters among everything at a broker: which family reads what, and the `[[meters]]` entry it comes to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from edge.adapters.mqtt import Message, matches
from edge.errors import BadReading
from edge.meters import FAMILIES, family_of
from edge.meters.reading import SANE_MS, Reading, at_paths, read_json, read_time_ms
from edge.settings import Meter
from edge.sources import Source

_MORE_FILTERS = {
    "shelly-gen1": ("shellies/+/relay/+/power",),
    "shelly-gen2": ("+/status/+",),
    "dsmr": ("dsmr/json",),
}
"""What a family publishes as well, beside its usual topic."""
_NEEDS_UNIT = {"homie", "statestream"}
_POWER_WORD = re.compile(r"(?i)power|watt|leistung|vermogen|puissance|potencia|verbrauch|consumption|\bkw\b")
_POWER_KEY = re.compile(r"(?i)((total|act|active|real|mains|grid|current)_?)*(power|watts?)(_?k?w)?")
_MAINS_WORD = re.compile(r"(?i)mains|grid|total|main|house|home|smart_?meter|meter|zaehler|em:0|emeter|linky|p1")
_PLUG_WORD = re.compile(r"(?i)plug|socket|relay|switch|solar|pv|battery|charger|inverter")
_TIMES = ("at_ms", "time", "timestamp", "ts")
_MOST_TOPICS = 5000
_MOST_DEEP = 3


@dataclass(slots=True)
class Found:
    """One meter: the entry that reads it, and what it has said so far."""

    meter: Meter
    source: Source
    messages: int = 0
    powers_w: list[float] = field(default_factory=list)
    heard_ms: list[int] = field(default_factory=list)

    @property
    def every_s(self) -> float | None:
        """How often it tells its power; None where it did so once alone."""
        if len(self.heard_ms) < 2:
            return None
        return (self.heard_ms[-1] - self.heard_ms[0]) / (len(self.heard_ms) - 1) / 1000

    def entry(self, building: str) -> Meter:
        """The entry for a building; a meter slower than its family usually is gets a longer `hold_s`."""
        every_s = self.every_s or 0
        meter = replace(self.meter, building=building)
        return replace(meter, hold_s=min(round(every_s * 1.3) + 5, 3600)) if every_s > self.source.hold_s else meter


class Finder:
    """Hears messages, and keeps what can be read of each meter."""

    def __init__(self, ignored: tuple[str, ...] = ()) -> None:
        self._ignored = ignored
        self._filters = {
            name: (family_of(name).topic, *_MORE_FILTERS.get(name, ())) for name in FAMILIES if name != "generic"
        }
        self._found: dict[tuple[str, str], Found] = {}
        self._early: list[Message] = []
        self.messages = 0
        self.topics: dict[str, str] = {}
        """Each topic's last payload, shortened."""

    def hear(self, message: Message, now_ms: int) -> None:
        """Take a message in, at `now_ms`, monotonic."""
        if message.topic.startswith(self._ignored):
            return
        self.messages += 1
        if message.topic in self.topics or len(self.topics) < _MOST_TOPICS:
            self.topics[message.topic] = message.payload[:80].decode(errors="replace")
        if message.retained and len(self._early) < _MOST_TOPICS:
            self._early.append(message)  # such as what a device is made of, which comes before its values
        else:
            for meter in self._candidates(message):
                self._add(meter)
        for one in self._found.values():
            self._take(one, message, now_ms)

    def found(self) -> list[Found]:
        """The meters that told a power, the likeliest mains first."""
        return sorted((one for one in self._found.values() if one.powers_w), key=_rank)

    def _add(self, meter: Meter) -> None:
        key = (meter.family, meter.topic)
        if key not in self._found and len(self._found) < _MOST_TOPICS:
            one = self._found[key] = Found(meter, Source(meter))
            for message in self._early:
                self._take(one, message, 0)

    def _take(self, one: Found, message: Message, now_ms: int) -> None:
        if not one.source.hears(message.topic):
            return
        one.messages += 1
        try:
            reading = one.source.read(message, now_ms)
        except BadReading:
            return
        if isinstance(reading, Reading) and not reading.more_follows:
            one.powers_w.append(reading.power_w)
            one.heard_ms.append(now_ms)

    def _candidates(self, message: Message) -> Iterator[Meter]:
        known = False
        for name, filters in self._filters.items():
            if any(matches(one, message.topic) for one in filters):
                known = True
                needs_unit = name in _NEEDS_UNIT and _POWER_WORD.search(message.topic)
                yield Meter(family=name, topic=_filter_of(name, message.topic), unit="W" if needs_unit else "auto")
        if not known and (generic := _generic(message)):
            yield generic


def _filter_of(family: str, topic: str) -> str:
    """The filter of one meter of this family, of which `topic` is one."""
    levels = topic.split("/")
    if family == "shelly-gen1" and levels[-3] == "emeter":
        return "/".join([*levels[:-2], "+", levels[-1]])  # its phases
    if family == "dsmr" and levels[1:2] == ["reading"]:
        return "/".join([*levels[:2], "+"])  # what is delivered, and what is returned
    return topic


def _generic(message: Message) -> Meter | None:
    """The entry for a meter of no family: a number under a telling topic, or JSON with a telling key."""
    try:
        content = read_json(message.payload)
    except BadReading:
        return None
    if isinstance(content, (int, float)) and not isinstance(content, bool):
        if not _POWER_WORD.search(message.topic):
            return None
        kilo = re.search(r"(?i)(^|[^a-z])kw($|[^a-z])", message.topic)
        return Meter(family="generic", topic=message.topic, unit="kW" if kilo else "auto")
    paths = sorted(_power_paths(content), key=lambda path: (path.count("."), len(path)))
    if not paths:
        return None
    time = next((name for name in _TIMES if _is_now(content.get(name))), "")
    unit = "kW" if paths[0].lower().endswith("kw") else "auto"
    return Meter(family="generic", topic=message.topic, power=paths[0], time=time, unit=unit)


def _power_paths(content: Any, before: str = "", deep: int = 0) -> Iterator[str]:
    if not isinstance(content, dict) or deep == _MOST_DEEP:
        return
    for key, value in content.items():
        if "." in key or " " in key:
            continue
        if isinstance(value, dict):
            yield from _power_paths(value, f"{before}{key}.", deep + 1)
        elif _POWER_KEY.fullmatch(key):
            try:
                if at_paths({key: value}, key) is not None:
                    yield before + key
            except BadReading:
                continue


def _is_now(value: Any) -> bool:
    at_ms = read_time_ms(value)
    return at_ms is not None and at_ms in SANE_MS


def _rank(one: Found) -> tuple[bool, bool, bool, float, str]:
    topic = one.meter.topic
    return (
        not _MAINS_WORD.search(topic) and one.meter.family not in {"dsmr", "smappee", "evcc", "shelly-gen1"},
        bool(_PLUG_WORD.search(topic)) or one.meter.family == "zigbee2mqtt",
        one.meter.family == "generic",
        one.every_s or 1e9,
        topic,
    )
