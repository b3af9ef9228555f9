"""The command that forwards everything to the central server: sync; and what it costs: bench sync."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.config import only_building
from edge.log import start_logging
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parser; `command` makes one, `load` reads the configuration that its options name."""
    sync = command(
        commands,
        "sync",
        "forward everything to the central server, and compare it there; serves until stopped",
        "nilm-edge sync --config /etc/nilm-edge/config.toml\n"
        "  nilm-edge sync --once --json            # until all is there; exit code 1 where it cannot be\n"
        "  nilm-edge sync --once --verify          # compare every hour again, send what differs\n"
        "Where to: [central] in the configuration; docs/operations.md has examples.",
    )
    sync.add_argument("--once", action="store_true", help="end when everything is there")
    sync.add_argument(
        "--verify", action="store_true", help="compare every hour that InfluxDB has, not the new ones alone"
    )
    sync.add_argument("--json", action="store_true", help="with --once: say what was done as JSON")
    sync.set_defaults(do=lambda options: _sync(options, load(options)))


def add_bench(which: Any, command: Command, load: Load) -> None:
    """Add the parser of `bench sync`."""
    bench = command(
        which,
        "sync",
        "how quickly a central server catches up, and what the live path notices of it",
        "nilm-edge bench sync --hours 24 --seconds 60 --central influxd",
    )
    bench.add_argument("--hours", type=_whole, default=24, metavar="N", help="hours to catch up with (default 24)")
    bench.add_argument(
        "--seconds",
        type=_whole,
        default=60,
        metavar="N",
        help="seconds of the live path, each (default 60)",
    )
    bench.add_argument("--central", choices=("influxd", "victoria-metrics"), default="influxd", help="default: influxd")
    bench.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    bench.set_defaults(do=lambda options: _bench(options, load(options)))


def _bench(options: argparse.Namespace, config: Config) -> None:
    from edge.bench.sync import run  # noqa: PLC0415

    run(config, options.hours, options.seconds, options.central, options.json)


def _whole(text: str) -> int:
    if text.isascii() and text.isdecimal() and 0 < int(text) <= 10_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 10000")


def _sync(options: argparse.Namespace, config: Config) -> int:
    from edge.sync import run  # noqa: PLC0415 - each command loads only what it needs
    from edge.unit import be_nice  # noqa: PLC0415

    start_logging(config.log_level, config.log_format, only_building(config), "sync")
    be_nice(5)
    done = run(config, once=options.once, verify=options.verify)
    if options.once:
        print(json.dumps(done, indent=2) if options.json else done["status"])
    return int(options.once and bool(done["hours_differing"] or done["second_edge"]))
