"""A home's history in the local InfluxDB, a central server beside it, and whether both hold the same."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.csv_lines import COLUMNS
from edge.errors import Unavailable
from edge.settings import Config
from edge.sync import Sync
from edge.unit import now_ms
from tests.servers import wait_until
from tests.services.history import in_influx

HOUR_S = 3600


def hour_s(ago: int) -> int:
    """The first second of the hour that began so many hours before the running one; 1 is closed once it settled."""
    return now_ms() // 1000 // HOUR_S * HOUR_S - ago * HOUR_S


def fill(influx: Influx, seconds: Iterable[int], building: str = "home", seed: int = 0) -> int:
    """Mains, two appliances and the rest at these seconds; how many points."""
    number = random.Random(seed)
    lines = []
    for at_s in seconds:
        volts = f",voltage_v={230 + number.random():.7g}" if number.random() < 0.5 else ""
        power_w = f"{number.uniform(-1000, 9000):.7g}"
        lines.append(f"mains,building={building} power_w={power_w},flags={at_s % 8}i{volts} {at_s}")
        for name in ("Oven", "Heat\\ pump\\,\\ cellar"):
            measured = ",".join(f"{field}={number.uniform(0, 3000):.7g}" for field in ("power_w", "low_w", "high_w"))
            said = f'p_on={number.random():.7g},on={str(number.random() < 0.5).lower()},warmup=false,model="m\\"{seed}"'
            lines.append(f"appliance,appliance={name},building={building} {measured},{said} {at_s}")
        lines.append(f"appliance,appliance=other,building={building} power_w={number.uniform(0, 99):.7g} {at_s}")
    influx.write("nilm", "\n".join(lines))
    return len(lines)


def fill_hours(influx: Influx, first_ago: int, last_ago: int = 1, each_s: int = 5) -> int:
    """The first seconds of each hour, from the oldest on; how many points."""
    hours = range(first_ago, last_ago - 1, -1)
    return fill(influx, [hour_s(ago) + n for ago in hours for n in range(each_s)])


def to_central(config: Config, url: str, **settings: Any) -> Config:
    """`config` with a central server; hours count as closed a few seconds after their end."""
    chosen: dict[str, Any] = {"url": url, "live_every_s": 0.5, "timeout_s": 5.0, **settings}
    central = replace(config.central, **chosen)
    return replace(config, central=central, history=replace(config.history, settle_s=10))


def sync_of(config: Config) -> Sync:
    """What `nilm-edge sync` runs."""
    return Sync(config, Streams.connect(config.redis.url))


def turn(sync: Sync) -> bool:
    """One turn as the service does it; whether all is there."""
    try:
        sync.turn(now_ms())
    except Unavailable as error:
        sync.failed(error)
    return sync.is_done


def finish(sync: Sync, timeout_s: float = 60.0) -> None:
    """Turn until all is there."""
    wait_until(lambda: turn(sync), timeout_s, "all on the central server")


def same(local: Influx, central: Influx, building: str = "home") -> bool:
    """Whether the central server holds each point of the local one, value for value, and no other."""
    return in_influx(central, building) == in_influx(local, building)


def count(influx: Influx, kind: str) -> int:
    """How many points of a measurement there are."""
    assert kind in COLUMNS
    return sum(row[1] for one in influx.query("nilm", f"SELECT count(power_w) FROM {kind}", {}) for row in one.values)
