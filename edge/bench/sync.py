"""`bench sync`: how quickly a central server on this machine catches up, and what the live path notices of it."""

import shutil
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from edge.adapters.files import write_whole
from edge.adapters.influx import Influx
from edge.adapters.processes import Child, free_port
from edge.adapters.streams import Streams
from edge.bench import machine, pipeline
from edge.bench.history import fill
from edge.errors import Unavailable
from edge.private_servers import MissingServer, find_servers, private_servers
from edge.settings import Config
from edge.stack import Stack, private_config

_HOUR_S = 3600
_WEEK_H = 168
_LONGEST_S = 3600.0


def run(config: Config, hours: int, duration_s: int, central: str, out: Path | None) -> dict[str, Any]:
    """The simulated home with `hours` of history; print and store the figures."""
    with tempfile.TemporaryDirectory(prefix="nilm-edge-bench-") as folder:
        data_dir = Path(folder)
        port = free_port()
        chosen = replace(config.central, url=f"http://127.0.0.1:{port}", api="auto", bandwidth_kbit_s=0)
        alone = private_config(replace(config, central=chosen), data_dir, free_port())
        server = _central(central, alone, data_dir / "central", port)
        stack = Stack(alone, data_dir)
        try:
            server.start()
            figures = {**machine.describe(), "central": central, "hours": hours}
            figures |= _measure(stack, server, hours, duration_s)
        finally:
            server.terminate()
            stack.stop()
            server.wait_or_kill(5)
    _print(figures)
    if out:
        write_whole(out, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures


def _measure(stack: Stack, server: Child, hours: int, duration_s: int) -> dict[str, Any]:
    config = stack.config
    home = pipeline.start(stack)
    end_s = int(time.time()) // _HOUR_S * _HOUR_S - _HOUR_S
    influx = Influx.connect(config.influx)
    influx.prepare()
    appliances, _ = fill(config, influx, end_s - hours * _HOUR_S, hours * _HOUR_S)
    time.sleep(5)
    without, _ = pipeline.measure(stack, home, duration_s)
    influxd = next(child.pid for child in stack.servers if child.name == "influxd")
    before_s = machine.cpu_s(influxd), machine.cpu_s(server.pid)
    began_s = time.time()
    stack.start_service("sync")
    with_it, _ = pipeline.measure(stack, home, duration_s)
    said = _wait(Streams.connect(config.redis.url), hours)
    took_s = (stack.data_dir / "sync" / "state.json").stat().st_mtime - began_s  # written with each hour
    stored = sum(file.stat().st_blocks * 512 for file in (stack.data_dir / "central").rglob("*") if file.is_file())
    own_s = machine.cpu_s(next(child.pid for child in stack.services if child.name == "sync"))
    return {
        "appliances": appliances,
        "points": said["sent_points"],
        "bytes": said["sent_bytes"],
        "bytes_stored": stored,
        "series": _series(config.central.url),
        "took_s": round(took_s, 1),
        "points_s": round(said["sent_points"] / took_s),
        "week_min": round(took_s * _WEEK_H / hours / 60, 1),
        "sync_cpu_s": round(own_s, 1),
        "influxd_cpu_s": round(machine.cpu_s(influxd) - before_s[0], 1),
        "central_cpu_s": round(machine.cpu_s(server.pid) - before_s[1], 1),
        "hours_differing": said["hours_differing"],
        "without": without,
        "with": with_it,
    }


def _series(url: str) -> int:
    """How many series the central server has: of InfluxDB one an appliance, of VictoriaMetrics one a field of each."""
    for path, query in (
        ("/api/v1/series/count", None),
        ("/query", {"db": "nilm", "q": "SELECT last(power_w) FROM mains, appliance GROUP BY *"}),
    ):
        try:
            body = urlencode(query).encode() if query else None
            with urllib.request.urlopen(f"{url}{path}", body, timeout=10) as answer:  # noqa: S310 - http alone
                said = orjson.loads(answer.read())
        except urllib.error.HTTPError:
            continue  # it is the other one
        return int(said["data"][0]) if query is None else len(said["results"][0].get("series", []))
    return 0


def _wait(streams: Streams, hours: int) -> dict[str, Any]:
    """What sync says once it has caught up."""
    end_s = time.monotonic() + _LONGEST_S
    while time.monotonic() < end_s:
        said = streams.services().get("sync", {})
        if said.get("hours_settled", 0) >= hours and not said["backlog_s"]:
            return said
        time.sleep(0.2)
    raise Unavailable(f"it has not caught up after {_LONGEST_S:.0f} s")


def _central(name: str, config: Config, folder: Path, port: int) -> Child:
    (folder / "log").mkdir(parents=True)
    if name == "influxd":
        there = replace(config, influx=replace(config.influx, url=f"http://127.0.0.1:{port}"))
        return private_servers(there, find_servers(), folder)[2]
    program = shutil.which(name)
    if not program:
        raise MissingServer(f"{name} not installed. Install with:\n\n    sudo apt-get install {name}\n")
    options = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}", "-loggerLevel=ERROR"]
    return Child(name, [program, *options, "-dedup.minScrapeInterval=1ms"], folder / "log" / f"{name}.log")


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['machine']}: {figures['processor']}, {figures['cores']} cores")
    print(
        f"{figures['hours']} hours of {figures['appliances']} appliances and the rest into {figures['central']}: "
        f"{figures['points']:,} points, {figures['bytes'] / 1e6:.1f} MB in {figures['took_s']} s, "
        f"{figures['bytes_stored'] / 1e6:.1f} MB on its disk now, {figures['series']} series"
    )
    print(f"{figures['points_s']:,} points/s; 7 days at that rate: {figures['week_min']} min")
    print(
        f"processor time: sync {figures['sync_cpu_s']} s, local InfluxDB {figures['influxd_cpu_s']} s, "
        f"central server {figures['central_cpu_s']} s; {figures['hours_differing']} hours differ\n"
    )
    print(f"{'publish until readable':<28}{'p50':>8}{'p99':>8}{'max':>8}  ms, without; with sync catching up")
    for name, place in (("prediction", "prediction in Redis"), ("influx", "prediction in InfluxDB")):
        for one in (figures["without"][name], figures["with"][name]):
            print(f"{place:<28}{one['p50_ms']:>8}{one['p99_ms']:>8}{one['max_ms']:>8}")
