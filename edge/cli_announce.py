"""The command about Home Assistant: announce."""

import argparse
from collections.abc import Callable
from typing import Any

from edge.config import only_building
from edge.log import start_logging
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parser; `command` makes one, `load` reads the configuration that its options name."""
    announce = command(
        commands,
        "announce",
        "tell Home Assistant of every appliance by MQTT discovery",
        "nilm-edge announce --config /etc/nilm-edge/config.toml",
    )
    announce.add_argument("--withdraw", action="store_true", help="take everything back, so that it vanishes there")
    announce.set_defaults(do=lambda options: _announce(options, load(options)))


def _announce(options: argparse.Namespace, config: Config) -> None:
    from edge.announce import run, withdraw  # noqa: PLC0415 - each command loads only what it needs

    if options.withdraw:
        print(f"took back {withdraw(config)} entities")
        return
    start_logging(config.log_level, config.log_format, only_building(config), "announce")
    run(config)
