"""The command that looks at everything: doctor, and its self-test."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.config import SYSTEM_FILE
from edge.errors import ConfigError
from edge.log import start_logging
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parser; `command` makes one, `load` reads the configuration that its options name."""
    doctor = command(
        commands,
        "doctor",
        "look at everything: what is wrong, what it means, what to do; exit code 1 where there is a fault",
        "nilm-edge doctor\n"
        "  sudo nilm-edge doctor --json | jq '.findings[] | select(.level != \"ok\")'\n"
        "  nilm-edge doctor --self-test     # this machine and this installation alone, no servers\n"
        "Exit code: 0 nothing worse than a warning, 1 a fault.",
    )
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.add_argument(
        "--self-test",
        action="store_true",
        help="only import everything, run every shipped model both ways and compare it with its reference",
    )
    doctor.set_defaults(do=lambda options: _doctor(options, load))


def _doctor(options: argparse.Namespace, load: Load) -> int:
    from edge.doctor.examine import as_json, as_text, examine, exit_code  # noqa: PLC0415 - loads everything

    start_logging("critical")  # what libraries would log is said in the findings
    if options.self_test:
        from edge.self_test import self_test  # noqa: PLC0415

        found = self_test()
    else:
        found = look_and_examine(options, load, examine)
    print(json.dumps(as_json(found), indent=2) if options.json else as_text(found))
    sys.stdout.flush()
    return exit_code(found)


def look_and_examine(options: argparse.Namespace, load: Load, examine: Any) -> list[Any]:
    """All findings; the configuration's alone where it cannot be read."""
    from edge.doctor.finding import Look, fault, ok  # noqa: PLC0415
    from edge.unit import now_ms  # noqa: PLC0415

    try:
        config = load(options)
    except ConfigError as error:
        means = "No service starts with it. Nothing else was looked at."
        return [fault("configuration", str(error), means, "Correct that key; docs/config.toml has them all.")]
    file = options.config or next((one for one in (Path("var/config.toml"), SYSTEM_FILE) if one.exists()), None)
    said = f"{file} reads" if file else "there is no file: every setting is at its default"
    return [ok("configuration", said), *examine(Look(config, file, now_ms()))]
