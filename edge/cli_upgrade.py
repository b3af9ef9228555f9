"""The commands about versions: upgrade, rollback, migrate."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.errors import NilmError
from edge.settings import Config

_RESTART = "/usr/sbin/nilm-edge-apply --units && systemctl restart --no-block nilm-edge.target"
"""Each version has units of its own."""
Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parsers; `command` makes one, `load` reads the configuration that its options name."""
    upgrade = command(
        commands,
        "upgrade",
        "install a newer version from its package; the one before goes on, or comes back, where it does not work",
        "nilm-edge upgrade ./nilm-edge_0.2.0_arm64.deb",
    )
    upgrade.add_argument("file", type=Path, metavar="FILE.deb", help="the package")
    rollback = command(commands, "rollback", "run the version before this one again", "nilm-edge rollback")
    for parser, do in ((upgrade, _upgrade), (rollback, _rollback)):
        parser.add_argument("--json", action="store_true", help="say what runs now as JSON")
        parser.set_defaults(do=do)
    migrate = command(
        commands,
        "migrate",
        "bring the data folder to the format of this version; services and nilm-edge run have it done by themselves",
        "nilm-edge migrate --check\n  nilm-edge migrate --to 0     # for an older nilm-edge, where that can be",
    )
    which = migrate.add_mutually_exclusive_group()
    which.add_argument("--check", action="store_true", help="only say whether this version can use the data")
    which.add_argument("--known", action="store_true", help="only print the latest format that this version knows")
    which.add_argument("--there", action="store_true", help="only print the format that the data has")
    which.add_argument("--to", type=_number, metavar="N", help="bring it to this format")
    migrate.set_defaults(do=lambda options: _migrate(options, load))


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")


def _versions(options: argparse.Namespace) -> Any:
    from edge.adapters.processes import outcome_of  # noqa: PLC0415 - each command loads only what it needs
    from edge.versions import HOME, Versions  # noqa: PLC0415

    if os.geteuid():
        raise NilmError(f"this takes root: sudo nilm-edge {' '.join(sys.argv[1:2])}")
    restart = ["sh", "-c", _RESTART] if Path("/run/systemd/system").exists() else []
    return Versions(HOME, outcome_of, restart, _sayer(options))


def _sayer(options: argparse.Namespace) -> Callable[[str], None]:
    return lambda text: None if options.json else print(text, file=sys.stderr, flush=True)


def _upgrade(options: argparse.Namespace) -> None:
    from edge.adapters.processes import outcome_of  # noqa: PLC0415
    from edge.upgrade import upgrade  # noqa: PLC0415

    _told(options, upgrade(options.file, _versions(options), outcome_of, _sayer(options)))


def _rollback(options: argparse.Namespace) -> None:
    _told(options, _versions(options).roll_back())


def _told(options: argparse.Namespace, version: str) -> None:
    print(json.dumps({"runs": version}) if options.json else f"nilm-edge {version} runs.")


def _migrate(options: argparse.Namespace, load: Load) -> None:
    from edge.data_version import STEPS, check, migrate, version_of  # noqa: PLC0415

    if options.known:
        print(len(STEPS))
        return
    data_dir = Path(load(options).data_dir)
    if options.there:
        print(version_of(data_dir))
    elif options.check:
        check(data_dir)
        print(f"{data_dir}: version {version_of(data_dir)}; this nilm-edge knows {len(STEPS)}")
    elif data_dir.is_dir():
        done = migrate(data_dir, options.to)
        print("\n".join(done) or f"{data_dir} is as it should be")
    else:
        print(f"there is no {data_dir} yet: nothing to do")
