"""The command that makes a box what one file says: provision."""

import argparse
import json
from pathlib import Path
from typing import Any

from edge.errors import NilmError


def add(commands: Any) -> None:
    """Add the parser; it needs no configuration, for it makes one."""
    help_text = "take settings and secrets over from one file, without a question: the same image for many boxes"
    parser = commands.add_parser(
        "provision",
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.\nThe file is described in docs/fleet.md.",
        epilog="Example:\n  nilm-edge provision /boot/firmware/nilm-edge.toml && sudo nilm-edge-apply\n"
        "  nilm-edge provision --at-boot     # what waits in /boot/firmware/nilm-edge.toml, as the unit runs it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the file; secrets are removed from it")
    which.add_argument("--at-boot", action="store_true", help="the file that waits on this machine, if there is one")
    which.add_argument("--id", action="store_true", help="only print what {id} stands for on this machine")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="of the machine (default: /)")
    parser.add_argument("--json", action="store_true", help="say what was done as JSON")
    parser.set_defaults(do=_provision)


def _provision(options: argparse.Namespace) -> None:
    from edge.provision import Box, box_id, provision  # noqa: PLC0415 - each command loads only what it needs

    if options.id:
        print(box_id(options.root))
        return
    box = Box(options.root)
    file = box.waiting() if options.at_boot else options.file
    if file is None:
        print("null" if options.json else "no file waits: nothing to do")
        return
    if not file.exists():
        raise NilmError(f"there is no file {file}")
    done = provision(file, box)
    if options.json:
        print(json.dumps(done, indent=2))
        return
    print(f"{file}: {len(done['settings'])} settings are in {done['config']}")
    for name in done["secrets"]:
        print(f"a secret is in {box.secrets / name}")
    if done["account"]:
        print(f"nilm-gateway makes the admin account {done['account']} when it starts")
