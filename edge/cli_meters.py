"""The commands about meters: families, try, listen, simulate."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edge.errors import BadReading, ConfigError, NilmError
from edge.log import start_logging
from edge.meters import FAMILIES, family_of
from edge.settings import Config, Meter

if TYPE_CHECKING:
    from edge.adapters.mqtt import Message
    from edge.sources import Source

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]

_OF_A_METER = {
    "power": (str, "PATH", "where the power stands in JSON, such as ENERGY.Power or in_w - out_w"),
    "unit": (str, "UNIT", "W or kW, where no message says it"),
    "time": (str, "PATH", "family generic: where the time stands"),
    "circuit": (str, "NAME", "the one circuit that counts, instead of the total"),
    "sign": (str, "SIGN", "what the meter counts as positive: import (default) or export"),
    "scale": (float, "X", "factor on each power"),
    "min_w": (float, "W", "refuse powers below"),
    "max_w": (float, "W", "refuse powers above"),
    "phases": (int, "N", "phases in topics of their own (default of try: those given)"),
}


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parsers; `command` makes one, `load` reads the configuration that its options name."""
    meters = commands.add_parser("meters", help="how meters are read", description="How meters are read.")
    which = meters.add_subparsers(title="commands", metavar="WHAT", required=True)
    families = command(which, "families", "the families of meters", "nilm-edge meters families --json")
    families.add_argument("--json", action="store_true", help="as JSON")
    families.set_defaults(do=_families)
    trial = command(
        which,
        "try",
        "read messages as a family does, without a broker; exit code 0 whether or not they make a sample",
        'nilm-edge meters try tasmota --topic tele/mains/SENSOR --payload \'{"ENERGY": {"Power": 2635}}\'',
    )
    trial.add_argument("family", choices=tuple(FAMILIES), metavar="FAMILY", help=", ".join(FAMILIES))
    trial.add_argument(
        "--topic", action="append", help="the message's topic; repeat it with its payload for more messages"
    )
    trial.add_argument(
        "--payload", action="append", required=True, help="what the message says; - reads standard input"
    )
    trial.add_argument("--retained", action="store_true", help="as the broker had them in store")
    trial.add_argument("--json", action="store_true", help="as JSON")
    _add_meter_options(trial)
    trial.set_defaults(do=_try)
    listen = command(
        which,
        "listen",
        "what arrives at the broker, how it is read, why it is refused",
        "nilm-edge meters listen --all --seconds 30",
    )
    listen.add_argument(
        "--family", choices=tuple(FAMILIES), metavar="FAMILY", help="read as this family, not as configured"
    )
    listen.add_argument("--topic", action="append", help="topic filter (default: as configured, or of the family)")
    listen.add_argument("--all", action="store_true", help="everything at the broker, tried with every family")
    listen.add_argument("--seconds", type=_positive, metavar="N", help="stop after N seconds (default: Ctrl-C)")
    listen.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_meter_options(listen)
    listen.set_defaults(do=lambda options: _listen(options, load(options)))
    simulate = command(
        which,
        "simulate",
        "play the recorded home to MQTT as a meter of that family",
        "nilm-edge meters simulate tasmota --topic tele/mains/SENSOR",
    )
    simulate.add_argument("family", choices=tuple(FAMILIES), metavar="FAMILY", help=", ".join(FAMILIES))
    simulate.add_argument("--topic", help="topic to publish to (default: the family's example)")
    simulate.add_argument(
        "--every", type=_positive, default=1, metavar="S", help="seconds between messages (default 1)"
    )
    simulate.add_argument("--print", dest="shown", type=_positive, metavar="N", help="print N seconds, publish nothing")
    simulate.set_defaults(do=lambda options: _simulate(options, load(options)))


def _add_meter_options(parser: argparse.ArgumentParser) -> None:
    for name, (kind, metavar, about) in _OF_A_METER.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=about)


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")


def _families(options: argparse.Namespace) -> None:
    found = [
        {
            "family": name,
            "topic": family.topic,
            "example": family.example,
            "every_s": family.every_s,
            "hold_s": family.hold_s,
        }
        for name, family in ((name, family_of(name)) for name in FAMILIES)
    ]
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for family in found:
        print(f"{family['family']:<12} {family['example']:<48} held {family['hold_s']} s")


def _meter(options: argparse.Namespace, family: str, **usual: Any) -> Meter:
    """A meter as the options describe it; ConfigError where they cannot be."""
    from edge.config import checked  # noqa: PLC0415 - each command loads only what it needs

    said = {name: value for name in _OF_A_METER if (value := getattr(options, name)) is not None}
    meter: Meter = checked(Meter(), {**usual, **said, "family": family}, "meter")
    return meter


def _try(options: argparse.Namespace) -> None:
    from edge.adapters.mqtt import Message  # noqa: PLC0415 - each command loads only what it needs
    from edge.sources import Source  # noqa: PLC0415

    family = family_of(options.family)
    topics = options.topic or [family.example] * len(options.payload)
    payloads = [sys.stdin.read() if payload == "-" else payload for payload in options.payload]
    if len(topics) == 1:
        topics *= len(payloads)
    if len(topics) != len(payloads):
        raise ConfigError(f"{len(topics)} --topic for {len(payloads)} --payload; each message needs both")
    usual = {"phases": 1, "topic": topics[-1]} | ({"unit": "W"} if options.family in {"homie", "statestream"} else {})
    source = Source(_meter(options, options.family, **usual))
    found: dict[str, Any] = {}
    for topic, payload in zip(topics, payloads, strict=True):
        message = Message(topic, os.fsencode(payload), options.retained, 0, 0)
        found = {"family": options.family, "topic": topic, **_read(source, message)}
    print(json.dumps(found, indent=2) if options.json else _told(found))


def _read(source: Source, message: Message) -> dict[str, Any]:
    """What a message says, as JSON: `power_w` None where it is no sample, `why` in words."""
    from edge.meters.reading import Reading  # noqa: PLC0415

    try:
        reading = source.read(message, time.monotonic_ns() // 1_000_000)
    except BadReading as error:
        return {"power_w": None, "why": str(error), "refused": True}
    if not isinstance(reading, Reading):
        return {"power_w": None, "why": reading.why, "refused": False}
    said = asdict(reading)
    at = None if reading.at_ms is None else datetime.fromtimestamp(reading.at_ms / 1000, UTC).isoformat()
    return {**said, "why": reading.why or "read", "refused": False, "at": at}


def _told(found: dict[str, Any]) -> str:
    if found["power_w"] is None:
        return f"{'refused' if found['refused'] else 'no sample'}: {found['why']}"
    more = [
        f"{found[name]:g} {unit}" for name, unit in (("voltage_v", "V"), ("current_a", "A")) if found[name] is not None
    ]
    told = [f"{found['power_w']:g} W", *more, f"at {found['at']}" if found["at"] else "stamped by arrival"]
    told += [] if found["why"] == "read" else [found["why"]]
    return ", ".join(told)


def _listen(options: argparse.Namespace, config: Config) -> None:
    from edge.adapters.mqtt import Listener  # noqa: PLC0415

    if options.all and options.family:
        raise ConfigError("--all tries every family; leave out --family")
    sources = _sources(options, config)
    topics = ["#"] if options.all else [source.meter.topic for source in sources]
    status = [] if options.all else [topic for source in sources for topic in source.status_topics]
    listener = Listener(config.mqtt, topics, status, passing=f"nilm-edge-listen-{os.getpid()}")
    end_s = time.monotonic() + (options.seconds or 10**9)
    told = ""
    try:
        while time.monotonic() < end_s:
            if not listener.connected and listener.refused != told:
                told = listener.refused
                print(f"nilm-edge: {told}", file=sys.stderr, flush=True)
            for message in listener.messages(0.1):
                listener.acknowledge(message)
                for said in _hearings(sources, message, options.all):
                    print(json.dumps(said) if options.json else _line(said), flush=True)
    finally:
        listener.close()
    if told and not listener.connected:
        raise NilmError(told)


def _sources(options: argparse.Namespace, config: Config) -> list[Source]:
    from edge.sources import Source  # noqa: PLC0415

    if options.all:
        tried = [name for name in FAMILIES if name != "generic"]
        return [Source(_meter(options, name, topic=family_of(name).topic)) for name in tried]
    if options.family:
        topics = options.topic or [family_of(options.family).topic]
        return [Source(_meter(options, options.family, topic=topic)) for topic in topics]
    if options.topic:
        raise ConfigError("--topic needs --family, or --all to try them all")
    return [Source(meter) for meter in config.meters]


def _hearings(sources: list[Source], message: Message, tried: bool) -> list[dict[str, Any]]:
    """What each source makes of a message; of many tried, those alone that read a power, or that nobody does."""
    said = {
        "topic": message.topic,
        "payload": message.payload.decode(errors="replace")[:200],
        "retained": message.retained,
    }
    heard = [(source, _read(source, message)) for source in sources if source.hears(message.topic)]
    if tried:
        good = [(source, found) for source, found in heard if not found["refused"]]
        heard = [(source, found) for source, found in good if found["power_w"] is not None] or good[:1]
        if not heard:
            return [{**said, "family": None, "power_w": None, "why": "no family reads it", "refused": True}]
    return [{**said, "family": source.meter.family, **found} for source, found in heard]


def _line(said: dict[str, Any]) -> str:
    clock = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
    read = f"{said['family']}: {_told(said)}" if said["family"] else _told(said)
    payload = " ".join(said["payload"].split())
    return f"{clock}  {said['topic']}  {payload[:80]}{'...' if len(payload) > 80 else ''}\n          {read}"


def _simulate(options: argparse.Namespace, config: Config) -> None:
    from edge.simulate import Home, run  # noqa: PLC0415 - numpy and pyarrow

    topic = options.topic or family_of(options.family).example
    played = replace(
        config, simulator=replace(config.simulator, format=options.family, topic=topic, every_s=options.every)
    )
    if options.shown:
        home, now_s = Home(played), int(time.time())
        for at_s in range(now_s, now_s + options.shown):
            for where, payload in home.messages(at_s):
                print(f"{where} {payload.decode()}")
        return
    start_logging(config.log_level)
    run(played)
