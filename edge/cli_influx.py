"""The command about InfluxDB's own files: mend-influx."""

import argparse
import json
from pathlib import Path
from typing import Any

_DEFAULT = Path("/var/lib/influxdb/data")


def add(commands: Any) -> None:
    """Add the parser; it needs no configuration, and runs as the user whose files they are."""
    help_text = "before InfluxDB 1 starts: remove what a power cut left empty in its files; what its unit runs"
    mend = commands.add_parser(
        "mend-influx",
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.\n"
        "No row is lost by it. Run it as the user influxdb, and only while InfluxDB is stopped.",
        epilog=f"Example:\n  nilm-edge mend-influx {_DEFAULT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mend.add_argument(
        "folder", nargs="?", type=Path, default=_DEFAULT, metavar="DIR", help=f"dir of [data] (default: {_DEFAULT})"
    )
    mend.add_argument("--json", action="store_true", help="say what was removed as JSON")
    mend.set_defaults(do=_mend)


def _mend(options: argparse.Namespace) -> None:
    from edge.adapters.influx_files import mend  # noqa: PLC0415 - each command loads only what it needs

    removed = [str(path) for path in mend(options.folder)]
    if options.json:
        print(json.dumps({"removed": removed}, indent=2))
    else:
        print("\n".join(f"removed {path}" for path in removed) or f"{options.folder}: nothing to mend")
