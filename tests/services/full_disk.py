"""Run on a small disk of its own: fill it under a real InfluxDB, make room, see everything stored. Prints `good`."""

import sys
import time
from dataclasses import replace
from pathlib import Path

from edge import local_store, stack
from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.core.sample import Sample
from edge.errors import Unavailable
from edge.persist import Outlet
from edge.settings import Config
from edge.unit import now_ms
from tests.servers import wait_until

START_S = 1_700_000_000
SECONDS = 3000


def main(folder: Path) -> None:
    local_store._STUCK_S, stack._LOOK_S, stack._STUCK_PAUSE_S = 1.0, 0.1, 1.0
    config = stack.private_config(replace(Config(), disk_reserve_mb=0), folder, free_port())
    running = stack.Stack(config, folder)
    try:
        running.start_servers()
        streams, influx = Streams.connect(config.redis.url), Influx.connect(config.influx)
        outlet = Outlet(config, streams, influx)
        _fill(streams, 0, 10)
        outlet.turn()
        _fill(streams, 10, SECONDS)
        use_up(folder / "filler")
        full = _failure(outlet)
        assert "500" in full, full
        assert streams.length("home", "outbox") == SECONDS - 10
        (folder / "filler").unlink()
        still = _failure(outlet)
        assert "500" in still, f"InfluxDB has mended itself: {still}"
        wait_until(lambda: _said(streams, outlet) and _failure(outlet) and outlet.figures()["influx_stuck"])

        def all_stored() -> bool:
            if _said(streams, outlet):
                running.supervise()
            _failure(outlet)
            return not streams.length("home", "outbox")

        wait_until(all_stored, 30)
        assert running.servers[-1].starts == 2
        (series,) = influx.query("nilm", "SELECT power_w FROM mains WHERE building=$b", {"b": "home"})
        assert [row[1] for row in series.values] == [float(n) for n in range(SECONDS)]
        print("good")
    finally:
        running.stop()


def _fill(streams: Streams, first: int, end: int) -> None:
    streams.add_samples([Sample("home", (START_S + n) * 1000, float(n)) for n in range(first, end)])


def use_up(file: Path) -> None:
    with file.open("wb", buffering=0) as stream:
        for size in (1_000_000, 4096, 1):
            try:
                while stream.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def _failure(outlet: Outlet) -> str:
    time.sleep(0.1)
    try:
        outlet.turn(0.01)
    except Unavailable as error:
        outlet.start_over()
        return str(error)
    return ""


def _said(streams: Streams, outlet: Outlet) -> bool:
    """As the unit does; Redis as well has to find that there is room again."""
    try:
        streams.beat("persist", {"beat_ms": now_ms(), **outlet.figures()})
    except Unavailable:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
