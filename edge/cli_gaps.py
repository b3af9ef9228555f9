"""The commands about what is missing: gaps, backfill."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.config import influx_token, only_building
from edge.errors import ConfigError
from edge.log import start_logging
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parsers; `command` makes one, `load` reads the configuration that its options name."""
    gaps = command(
        commands,
        "gaps",
        "what is missing in InfluxDB, day by day, and why; exit code 1 where something is",
        "nilm-edge gaps --days-back 30 --building home",
    )
    gaps.add_argument("--json", action="store_true", help="as JSON")
    gaps.add_argument("--building", help="this building alone")
    gaps.add_argument("--days-back", type=_days, default=7, metavar="N", help="1 to 31 days (default 7)")
    gaps.add_argument("--timezone", default=None, metavar="ZONE", help="whose days (default: history.timezone)")
    gaps.set_defaults(do=lambda options: _gaps(options, load(options)))
    backfill = command(
        commands,
        "backfill",
        "fill gaps from the last hour or a meter's own log, and predict them; what the timer runs",
        "nilm-edge backfill --from meter.csv --building home --timezone Europe/Brussels",
    )
    what = backfill.add_mutually_exclusive_group(required=True)
    what.add_argument("--auto", action="store_true", help="what can be made up for without a log")
    what.add_argument(
        "--from",
        dest="file",
        type=Path,
        metavar="FILE",
        help="CSV or Parquet: time, and power_w, power_kw, or a counter energy_wh or energy_kwh",
    )
    backfill.add_argument("--building", help="--from: whose log it is (default: of the one meter configured)")
    backfill.add_argument("--timezone", metavar="ZONE", help="--from: the zone of times that name none")
    backfill.add_argument("--days-back", type=_days, metavar="N", help="--auto: 1 to 31 days (default: 7)")
    backfill.add_argument("--max-gap-hours", type=_hours, metavar="N", help="--auto: leave longer gaps (default: 48)")
    backfill.add_argument("--json", action="store_true", help="say what was done as JSON")
    backfill.set_defaults(do=lambda options: _backfill(_fitting(options, backfill), load(options)))


def _fitting(options: argparse.Namespace, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options; wrong usage where one of them would have no effect."""
    idle = ("building", "timezone") if options.auto else ("days_back", "max_gap_hours")
    for name in idle:
        if getattr(options, name) is not None:
            parser.error(f"--{name.replace('_', '-')} does not go with {'--auto' if options.auto else '--from'}")
    return options


def _gaps(options: argparse.Namespace, config: Config) -> int:
    from edge.adapters.influx import Influx  # noqa: PLC0415 - each command loads only what it needs
    from edge.adapters.streams import Streams  # noqa: PLC0415
    from edge.gaps import Gaps, as_text  # noqa: PLC0415
    from edge.known_buildings import check_known, known_buildings  # noqa: PLC0415
    from edge.local_time import zone  # noqa: PLC0415
    from edge.unit import now_ms  # noqa: PLC0415

    where = zone(config.history.timezone if options.timezone is None else options.timezone)
    streams = Streams.connect(config.redis.url)
    influx = Influx.connect(config.influx, influx_token(config))
    buildings = [check_known(config, options.building)] if options.building else known_buildings(config)
    found = Gaps(config, streams, influx).summary(buildings, now_ms(), options.days_back, where)
    print(json.dumps(found, indent=2) if options.json else as_text(found))
    return int(any(said["missing"] or said["without_prediction"] for said in found["buildings"].values()))


def _backfill(options: argparse.Namespace, config: Config) -> None:
    from edge.backfill import run  # noqa: PLC0415
    from edge.known_buildings import check_known  # noqa: PLC0415
    from edge.local_time import zone  # noqa: PLC0415
    from edge.meter_log import read  # noqa: PLC0415
    from edge.unit import be_nice  # noqa: PLC0415

    start_logging(config.log_level, config.log_format, only_building(config), "backfill")
    be_nice()
    if options.file:
        building = check_known(config, options.building or _only_building(config))
        where = zone(options.timezone) if options.timezone else None
        meter_log = read(options.file, where)
        for told in meter_log.told:
            print(f"{options.file.name}, {told}; left out", file=sys.stderr)
        if meter_log.malformed > len(meter_log.told):
            print(f"and {meter_log.malformed - len(meter_log.told)} more", file=sys.stderr)
        done = run(config, meter_log, building)
    else:
        given = {"days_back": options.days_back, "max_gap_h": options.max_gap_hours}
        done = run(config, **{name: value for name, value in given.items() if value})
    print(json.dumps(done, indent=2) if options.json else _as_text(done))


def _as_text(done: dict[str, Any]) -> str:
    lines = []
    for building, said in done["buildings"].items():
        more = [f"{said[name]} {what}" for name, what in _SAID.items() if said.get(name)]
        lines.append(f"{building}: {said['stored']} s stored{''.join(f', {text}' for text in more)}")
    lines += [f"left: {what}" for what in done["left"]]
    return "\n".join([*lines, f"{done['predicted_s']} s predicted"])


_SAID = {
    "malformed": "rows left out",
    "too_old": "s too old",
    "too_new": "s too new",
    "counter_resets": "resets of the counter",
}


def _only_building(config: Config) -> str:
    names = sorted({meter.building for meter in config.meters})
    if len(names) != 1:
        raise ConfigError(f"say whose log it is with --building: {', '.join(names) or 'no meter is configured'}")
    return names[0]


def _days(text: str) -> int:
    return _whole(text, 31, "days")


def _hours(text: str) -> int:
    return _whole(text, 744, "hours")


def _whole(text: str, most: int, what: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not 1 to {most} {what}")
