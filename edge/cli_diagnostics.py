"""The command that collects what somebody elsewhere needs: diagnostics."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.errors import NilmError
from edge.log import start_logging
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parser; `command` makes one, `load` reads the configuration that its options name."""
    diagnostics = command(
        commands,
        "diagnostics",
        "collect logs, configuration, versions, metrics, gaps and what doctor says in one file, without secrets",
        "nilm-edge diagnostics /tmp/box.tar.gz && tar -tzf /tmp/box.tar.gz",
    )
    diagnostics.add_argument("file", type=Path, metavar="FILE.tar.gz", help="the file to write; you alone may read it")
    diagnostics.add_argument("--json", action="store_true", help="say what is in it as JSON")
    diagnostics.set_defaults(do=lambda options: _diagnostics(options, load(options)))


def _diagnostics(options: argparse.Namespace, config: Config) -> None:
    from edge.adapters.files import written_whole  # noqa: PLC0415 - each command loads only what it needs
    from edge.diagnostics import run  # noqa: PLC0415

    start_logging("critical")
    if not options.file.parent.is_dir():
        raise NilmError(f"there is no folder {options.file.parent}")

    def say(text: str) -> None:
        if not options.json:
            print(text, file=sys.stderr, flush=True)

    with written_whole(options.file, private=True) as out:
        done = run(config, options.config, out, say)
    if options.json:
        print(json.dumps(done, indent=2))
        return
    size_kb = options.file.stat().st_size // 1000
    print(f"{options.file}: {len(done['files']) + 1} files, {size_kb} kB; doctor says: {done['level']}")
    for name, why in done["left_out"].items():
        print(f"NOT in it: {name}: {why}")
    for name in done["secrets_not_looked_into"]:
        print(f"{name} could not be looked into: see yourself that its secret is not in the file, or run this as root")
    print("Passwords, tokens and keys are taken out; names of buildings, topics and machines are in it.")
