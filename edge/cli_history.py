"""The commands about history: snapshot, query, export."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.config import only_building
from edge.errors import NilmError
from edge.log import start_logging
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parsers; `command` makes one, `load` reads the configuration that its options name."""
    snapshot = command(
        commands,
        "snapshot",
        "store closed hours as Parquet, apply the retention; what the timer runs",
        "nilm-edge snapshot --verify",
    )
    snapshot.add_argument("--verify", action="store_true", help="first read every stored file; mend what is broken")
    snapshot.add_argument("--json", action="store_true", help="say what was done as JSON")
    snapshot.set_defaults(do=lambda options: _snapshot(options, load(options)))
    query = command(
        commands,
        "query",
        "ask the stored history in SQL; read-only, limited in time and memory",
        'nilm-edge query "SELECT time, appliance, energy_kwh FROM appliance_1d ORDER BY time, appliance"',
    )
    query.add_argument("sql", metavar="SQL", help="one SELECT over mains, appliance, and each with _1m, _15m, _1h, _1d")
    shape = query.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="a JSON array of objects")
    shape.add_argument("--csv", action="store_true", help="CSV with a header")
    query.set_defaults(do=lambda options: _query(options, load(options)))
    export = command(
        commands,
        "export",
        "write history as CSV or Parquet",
        "nilm-edge export --start 2026-11-01 --end 2026-12-01 --table appliance --resolution 15m --out november.csv",
    )
    export.add_argument("--start", type=_time, required=True, metavar="TIME", help="from this time; UTC unless it says")
    export.add_argument("--end", type=_time, required=True, metavar="TIME", help="until before this time")
    export.add_argument("--format", choices=("csv", "parquet"), default="csv", help="default: csv")
    export.add_argument("--building", help="whose data (default: of the first meter configured)")
    export.add_argument("--table", choices=("mains", "appliance"), default="mains", help="default: mains")
    export.add_argument("--resolution", choices=("1s", "1m", "15m", "1h"), default="1s", help="default: 1s")
    export.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: standard output)")
    export.set_defaults(do=lambda options: _export(options, load(options)))


def add_bench(which: Any, command: Command, load: Load) -> None:
    """Add the parser of `bench history`."""
    bench = command(
        which,
        "history",
        "what storing a day as Parquet costs, how large it is, how quick a question to it",
        "nilm-edge bench history --days 30 --json history.json",
    )
    bench.add_argument("--days", type=_days, default=30, metavar="N", help="days that are asked (default 30)")
    bench.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    bench.set_defaults(do=lambda options: _bench(options, load(options)))


def _snapshot(options: argparse.Namespace, config: Config) -> int:
    from edge.snapshot import run  # noqa: PLC0415 - each command loads only what it needs
    from edge.unit import be_nice  # noqa: PLC0415

    start_logging(config.log_level, config.log_format, only_building(config), "snapshot")
    be_nice()
    done = run(config, verify=options.verify)
    print(json.dumps(done, indent=2) if options.json else _done(done), flush=True)
    return int(bool(done["failed"] or done["broken"]))


def _done(done: dict[str, Any]) -> str:
    lines = [
        f"{building}: {said['hours']} hours stored, {said['rows']} rows, {said['bytes'] / 1e6:.1f} MB"
        for building, said in done["buildings"].items()
    ]
    lines += [f"failed: {why}" for why in done["failed"]] + [f"broken: {what}" for what in done["broken"]]
    return "\n".join(lines) or "no building yet"


def _query(options: argparse.Namespace, config: Config) -> None:
    from edge.query import answer  # noqa: PLC0415

    answer(config, options.sql, "json" if options.json else "csv" if options.csv else "table", sys.stdout)


def _export(options: argparse.Namespace, config: Config) -> None:
    from edge.core.wanted import Wanted  # noqa: PLC0415
    from edge.export import to_file, to_stream  # noqa: PLC0415
    from edge.known_buildings import check_known, known_buildings  # noqa: PLC0415

    if options.end <= options.start:
        raise NilmError("--end must be later than --start")
    first = [meter.building for meter in config.meters][:1] or known_buildings(config)[:1] or [""]
    building = check_known(config, options.building or first[0])
    wanted = Wanted(building, options.table, options.resolution, options.start, options.end)
    if options.out:
        rows = to_file(config, wanted, options.format, options.out)
        print(f"{rows} rows in {options.out}", file=sys.stderr)
    else:
        to_stream(config, wanted, options.format, sys.stdout.buffer)


def _bench(options: argparse.Namespace, config: Config) -> None:
    from edge.bench.history import run  # noqa: PLC0415

    run(config, options.days, options.json)


def _days(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= 3660:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of days")


def _time(text: str) -> int:
    """ISO 8601 as ms since 1970; a date alone is its midnight, and no zone is UTC."""
    try:
        time = datetime.fromisoformat(text)
        at_ms = round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        at_ms = -1
    if not 0 <= at_ms < 2**63 // 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-11-21 or 2026-11-21T04:00:00Z")
    return at_ms
