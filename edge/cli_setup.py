"""The command that finds meters and writes them down: setup."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.config import SYSTEM_FILE, load_config
from edge.errors import NilmError
from edge.log import start_logging
from edge.settings import Config, Meter

if TYPE_CHECKING:
    from edge.find_meters import Finder, Found

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
_ALL = "#"
_SHOWN = 12


def add(commands: Any, command: Command) -> None:
    """Add the parser; `command` makes one."""
    setup = command(
        commands,
        "setup",
        "listen at the broker, find the meter, and write it into the configuration after a yes",
        "nilm-edge setup\n"
        "  sudo nilm-edge setup --seconds 400            # for a meter that sends seldom, such as a Tasmota\n"
        "  sudo nilm-edge setup --yes --json             # no questions; --topic chooses among several meters\n"
        "Exit code: 0 written, or there already; 1 nothing found, or not written.",
    )
    setup.add_argument("--seconds", type=_positive, default=60, metavar="N", help="listen for so long (default 60)")
    setup.add_argument("--yes", action="store_true", help="write without asking")
    setup.add_argument("--topic", metavar="FILTER", help="of the meters that are found, the one with this topic")
    setup.add_argument("--building", metavar="NAME", help="whose mains it is (default: that of the first meter)")
    setup.add_argument("--replace", action="store_true", help="put it in the place of the building's other meter")
    setup.add_argument("--json", action="store_true", help="say what was found and done as JSON")
    setup.set_defaults(do=_setup)


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")


def _setup(options: argparse.Namespace) -> int:
    file = options.config or SYSTEM_FILE
    config = load_config(file if file.exists() else None)
    start_logging("critical")
    finder, refused = _listen(options, config)
    found = finder.found()
    done: dict[str, Any] = {
        "broker": f"{config.mqtt.host}:{config.mqtt.port}",
        "messages": finder.messages,
        "topics": len(finder.topics),
        "found": [_about(one) for one in found],
        "chosen": None,
        "file": str(file),
        "written": False,
        "why": "",
    }
    try:
        if not found:
            raise NilmError(_nothing(config, finder, refused))
        meter = _choose(options, found).entry(options.building or _building(config))
        done["chosen"] = _entry(meter)
        done["written"], done["why"] = _write(options, file, meter)
    except NilmError as error:
        done["why"] = str(error)
        if not options.json:
            raise
    if options.json:
        print(json.dumps(done, indent=2))
        return 0 if done["written"] or done["why"] == _THERE else 1
    print(done["why"])
    return 0


_THERE = "It is in the configuration already; nothing to do."


def _listen(options: argparse.Namespace, config: Config) -> tuple[Finder, str]:
    """What was heard; why there was no broker, empty where there was one."""
    from edge.adapters.mqtt import Listener  # noqa: PLC0415 - each command loads only what it needs
    from edge.find_meters import Finder  # noqa: PLC0415

    announced = (f"{config.homeassistant.topic}/", f"{config.homeassistant.prefix}/sensor/{config.homeassistant.id}")
    finder = Finder(announced)
    listener = Listener(config.mqtt, [_ALL], passing=f"nilm-edge-setup-{os.getpid()}")
    end_s = time.monotonic() + options.seconds
    reached = False
    try:
        while (now_s := time.monotonic()) < end_s:
            for message in listener.messages(0.1):
                listener.acknowledge(message)
                finder.hear(message, time.monotonic_ns() // 1_000_000)
            reached = reached or listener.connected
            if listener.refused and not reached:
                return finder, listener.refused
            if sys.stderr.isatty():
                left = f"{end_s - now_s:.0f} s"
                said = f"\rlistening, {left} left: {finder.messages} messages, {len(finder.found())} meters\x1b[K"
                print(said, end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        pass  # enough was heard
    finally:
        listener.close()
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
    return finder, "" if reached else "the MQTT broker did not answer"


def _nothing(config: Config, finder: Finder, refused: str) -> str:
    if refused:
        return f"{refused}\nStart it (sudo systemctl start mosquitto), or correct [mqtt] in the configuration."
    if not finder.messages:
        return (
            f"Nothing at all was said at the broker {config.mqtt.host}:{config.mqtt.port}.\n"
            "- Does the meter send to this broker? Give it this machine's address, port 1883, user and password.\n"
            "- mosquitto must listen on the network, not on this machine alone: docs/meters.md.\n"
            "- Does it send seldom? Listen for longer: nilm-edge setup --seconds 400"
        )
    some = "\n".join(f"  {topic}  {payload}" for topic, payload in list(finder.topics.items())[:_SHOWN])
    return (
        f"{finder.messages} messages in {len(finder.topics)} topics, and none that tells a power:\n{some}\n"
        "If one of them is the meter, say how it is read: family generic, docs/meters.md; try it out with\n"
        "  nilm-edge meters try generic --power PATH --payload '...'"
    )


def _choose(options: argparse.Namespace, found: list[Found]) -> Found:
    if options.topic:
        for one in found:
            if options.topic == one.meter.topic:
                return one
        raise NilmError(
            f"no meter with the topic {options.topic}; found: {', '.join(one.meter.topic for one in found)}"
        )
    if not options.json:
        print(f"{len(found)} found:" if len(found) > 1 else "Found:")
        for number, one in enumerate(found[:_SHOWN], 1):
            print(f"  {number}. {_line(one)}")
    if len(found) == 1:
        return found[0]
    if options.yes or options.json or not sys.stdin.isatty():
        topics = ", ".join(one.meter.topic for one in found)
        raise NilmError(f"{len(found)} meters tell a power; say with --topic which one is the mains: {topics}")
    answer = input(f"Which one is the mains of the house? [1 to {min(len(found), _SHOWN)}, default 1] ").strip() or "1"
    if not answer.isdecimal() or not 1 <= int(answer) <= len(found):
        raise NilmError(f"{answer!r} is none of them; nothing was changed")
    return found[int(answer) - 1]


def _write(options: argparse.Namespace, file: Path, meter: Meter) -> tuple[bool, str]:
    """Write the entry after a yes; whether it was, and what is said about it."""
    from edge.config_edit import meter_lines, with_meter, write_keeping_rights  # noqa: PLC0415

    text = _text(file)
    present = load_config(file, {}).meters if text else ()
    if meter in present or any(_same(one, meter) for one in present):
        return False, _THERE
    instead_of = next(
        (n for n, one in enumerate(present) if one.building == meter.building and not one.appliance), None
    )
    if instead_of is not None and not options.replace and not _is_placeholder(present[instead_of]):
        raise NilmError(
            f"building {meter.building} has a meter already ({present[instead_of].topic}): put the new one in its "
            "place with --replace, or name another building with --building"
        )
    changed = with_meter(text, str(file), meter, instead_of)
    entry = "\n    ".join(meter_lines(meter))
    if not options.json:
        print(f"\nFor {file}:\n\n    {entry}\n")
    if not options.yes:
        if options.json or not sys.stdin.isatty():
            raise NilmError("not written: say --yes")
        if input("Write it? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise NilmError("not written")
    write_keeping_rights(file, changed)
    return True, f"Written into {file}. It counts after: sudo nilm-edge-apply"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8") if file.exists() else ""
    except OSError as error:
        raise NilmError(f"cannot read {file}: {error.strerror}") from error


def _same(one: Meter, other: Meter) -> bool:
    """Whether an entry reads that meter for that building already, however it is adjusted."""
    return (one.building, one.family, one.topic, one.power, one.appliance) == (
        *(other.building, other.family, other.topic),
        other.power,
        "",
    )


def _is_placeholder(meter: Meter) -> bool:
    """What a new configuration has before anybody has said which meter there is."""
    return replace(meter, building=Meter().building) == Meter()


def _building(config: Config) -> str:
    return config.meters[0].building if config.meters else Meter().building


def _about(one: Found) -> dict[str, Any]:
    return {
        "family": one.meter.family,
        "topic": one.meter.topic,
        "power": one.meter.power,
        "messages": one.messages,
        "power_w": one.powers_w[-1],
        "lowest_w": min(one.powers_w),
        "highest_w": max(one.powers_w),
        "every_s": None if one.every_s is None else round(one.every_s, 1),
    }


def _entry(meter: Meter) -> dict[str, Any]:
    from edge.settings import settings_of  # noqa: PLC0415

    usual = Meter()
    always = {"building", "family", "topic"}
    return {name: value for name, value, _ in settings_of(meter) if name in always or value != getattr(usual, name)}


def _line(one: Found) -> str:
    often = f"every {one.every_s:.1f} s" if one.every_s is not None else "once"
    path = f" at {one.meter.power}" if one.meter.power else ""
    return f"{one.meter.family:<12} {one.meter.topic}{path}: {one.powers_w[-1]:.0f} W, {often}"
