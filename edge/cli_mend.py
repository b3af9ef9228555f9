"""The commands about the servers' own files after a power cut: mend influxdb, mend redis."""

import argparse
import json
from pathlib import Path
from typing import Any

_SERVERS = {
    "influxdb": (Path("/var/lib/influxdb/data"), "`dir` of [data] in influxdb.conf", "what is left empty is removed"),
    "redis": (Path("/var/lib/redis"), "`dir` in redis.conf", "zeros at the end of its log are cut off"),
}
"""Where each has its data on Debian, the setting that says so, and what is done."""


def add(commands: Any) -> None:
    """Add the parsers; they need no configuration, and run as whoever may write the files."""
    help_text = "before a server starts: what a power cut left of its files that keeps it from starting"
    mend = commands.add_parser("mend", help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
    which = mend.add_subparsers(title="servers", metavar="SERVER", required=True)
    for name, (folder, setting, what) in _SERVERS.items():
        server = which.add_parser(
            name,
            help=what,
            description=f"After a power cut: {what}. Nothing stored is lost.\nOnly while {name} is stopped; its unit "
            "runs this before each start (docs/operations.md, When the power goes).",
            epilog=f"Example:\n  nilm-edge mend {name} {folder}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        server.add_argument(
            "folder", nargs="?", type=Path, default=folder, metavar="DIR", help=f"{setting} (default: {folder})"
        )
        server.add_argument("--json", action="store_true", help="say what was mended as JSON")
        server.set_defaults(do=_mend, server=name)


def _mend(options: argparse.Namespace) -> None:
    from edge.adapters import influx_files, redis_files  # noqa: PLC0415 - each command loads only what it needs

    server = influx_files if options.server == "influxdb" else redis_files
    mended = [str(path) for path in server.mend(options.folder)]
    if options.json:
        print(json.dumps({"mended": mended}, indent=2))
    else:
        print("\n".join(f"mended {path}" for path in mended) or f"{options.folder}: nothing to mend")
