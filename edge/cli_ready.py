"""The command that says whether an appliance just started works: ready."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parser; `command` makes one, `load` reads the configuration that its options name."""
    ready = command(
        commands,
        "ready",
        "wait until services live and a meter's second is stored; exit code 1 where that does not come",
        "nilm-edge ready --within 60\nWithout a meter it says so after ten seconds, with exit code 0.",
    )
    ready.add_argument("--within", type=_seconds, default=30, metavar="S", help="seconds to wait (default 30)")
    ready.add_argument(
        "--since", type=_moment, metavar="MS", help="Unix ms: services must have started since, and receive as before"
    )
    ready.add_argument("--json", action="store_true", help="as JSON")
    ready.set_defaults(do=lambda options: _ready(options, load(options)))


def _seconds(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= 3600:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 3600")


def _moment(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no Unix ms")


def _ready(options: argparse.Namespace, config: Config) -> int:
    from edge.readiness import as_text, wait_until_ready  # noqa: PLC0415 - each command loads only what it needs

    found = wait_until_ready(config, options.within, options.since)
    print(json.dumps(asdict(found), indent=2) if options.json else as_text(found, config))
    return int(bool(found.lacks))
