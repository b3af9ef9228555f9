"""`nilm-edge bench gateway`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.settings import Config


def add_bench(which: Any, command: Callable[..., argparse.ArgumentParser], load: Callable[..., Config]) -> None:
    """Add the benchmark to `nilm-edge bench`."""
    bench = command(
        which,
        "gateway",
        "how quick the page's answers are, and what 200 event streams and 50 requests a second do to the live path",
        "nilm-edge bench gateway --seconds 300 --clients 4 --json gateway.json",
    )
    bench.add_argument(
        "--seconds", type=_from(10), default=60, metavar="N", help="how long the load lasts (default 60)"
    )
    bench.add_argument("--clients", type=_from(1), default=4, metavar="N", help="who ask at a time (default 4)")
    bench.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    bench.set_defaults(do=lambda options: _bench(options, load(options)))


def _bench(options: argparse.Namespace, config: Config) -> None:
    from edge.bench.gateway import run  # noqa: PLC0415 - each command loads only what it needs

    run(config, options.seconds, options.clients, options.json)


def _from(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if text.isascii() and text.isdecimal() and least <= int(text) <= 86_400:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to 86400")

    return number
