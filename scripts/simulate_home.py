"""Write a simulated home as Parquet: one row a second, the mains meter and thirteen appliances' true power."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from simulated_home import SHIPPED_DAYS, shipped, simulate
from simulated_home.shipped import write

EXAMPLE = """example:
  python scripts/simulate_home.py --seed 7 --days 2 --start 2025-07-01 --out home7.parquet
  python scripts/simulate_home.py --shipped --out simulation_data.parquet

Seeds from 1000 on are for training, those below for tests and for what is shipped."""


def main() -> int:
    """Read the command line, simulate, write. Exit 2 on a wrong option, 1 where the file cannot be written."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7, help="which household (default 7)")
    parser.add_argument("--days", type=float, help="how long (default 1; with --shipped all of it)")
    parser.add_argument("--start", type=date.fromisoformat, default=date(2025, 1, 6), help="first day, YYYY-MM-DD, UTC")
    parser.add_argument("--out", type=Path, required=True, help="the Parquet file to write")
    parser.add_argument("--all-appliances", action="store_true", help="leave none of the thirteen out")
    parser.add_argument("--vary-scale", action="store_true", help="some homes' mains read up to 1.6 times the circuits")
    parser.add_argument("--shipped", action="store_true", help="the home of simulation_data.parquet; ignores --seed")
    options = parser.parse_args()
    days = options.days if options.days is not None else SHIPPED_DAYS if options.shipped else 1.0
    if options.seed < 0 or not 0 < days <= 366:
        parser.error("--seed must not be negative, --days be above 0 and at most 366")
    began = time.monotonic()
    _say(f"simulating {days:g} days")
    if options.shipped:
        home = shipped(days)
    else:
        home = simulate(
            options.seed,
            days,
            options.start,
            all_appliances=options.all_appliances,
            vary_scale=options.vary_scale,
        )
    _say(f"writing {len(home.time)} rows, {len(home.owned)} appliances")
    try:
        size = write(home, options.out)
    except OSError as error:
        _say(f"cannot write {options.out}: {error}")
        return 1
    _say(f"{options.out}: {size} bytes, content sha256 {home.digest()}, {time.monotonic() - began:.1f} s")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
