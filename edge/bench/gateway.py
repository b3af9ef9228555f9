"""`bench gateway`: how quick the gateway answers beside the live load, and what the live path feels of it."""

import math
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from edge.adapters.files import write_whole
from edge.adapters.influx import Influx
from edge.adapters.processes import free_port, output_of
from edge.bench import machine, pipeline
from edge.bench.history import fill
from edge.core.vitals import SERVICES
from edge.errors import NilmError
from edge.settings import Config
from edge.simulate import Home
from edge.stack import Stack, private_config

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_READ_S = 6.0
"""How long each of the reads is asked for."""
_STREAMS, _PER_S = 200, 50
_REST_S = 5.0


def run(config: Config, duration_s: int, clients: int, out: Path | None) -> dict[str, Any]:
    """Start the appliance with two days of history and a meter, ask it, load it; print and store the figures."""
    unlimited = replace(config.gateway, address_per_min=0, user_per_min=0, streams=_STREAMS + 20, streams_each=0)
    with tempfile.TemporaryDirectory(prefix="nilm-edge-bench-") as folder:
        data_dir = Path(folder)
        stack = Stack(private_config(replace(config, gateway=unlimited), data_dir, free_port()), data_dir)
        try:
            figures = {**machine.describe(), "seconds": duration_s, "clients": clients}
            figures |= _measure(stack, duration_s, clients)
        finally:
            stack.stop()
    print(as_text(figures))
    if out:
        write_whole(out, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures


def reads(building: str, now_s: int) -> dict[str, str]:
    """What is asked for: by its name in the table, the path."""
    of = f"building_id={building}"
    end_s = now_s // 60 * 60 + 60
    day, before = (_span(end_s - n * _DAY_S) for n in (1, 2))
    return {
        "readings, last hour": f"/analytics/readings?{of}&last=3600",
        "readings, last hour, columns": f"/analytics/readings?{of}&last=3600&layout=columns",
        "predictions, last hour": f"/analytics/predictions?{of}&last=3600",
        "predictions, last hour, columns": f"/analytics/predictions?{of}&last=3600&layout=columns",
        "readings, a day at 1 m, up to now": f"/analytics/readings?{of}&{day}&resolution=1m",
        "predictions, a day at 1 m, up to now": f"/analytics/predictions?{of}&{day}&resolution=1m",
        "predictions, a day at 1 m, up to now, columns": (
            f"/analytics/predictions?{of}&{day}&resolution=1m&layout=columns"
        ),
        "predictions, the day before, at 1 m": f"/analytics/predictions?{of}&{before}&resolution=1m",
    }


def _span(start_s: int) -> str:
    start, end = (
        datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at_s in (start_s, start_s + _DAY_S)
    )
    return f"start={start}&end={end}"


def mixed(building: str, now_s: int) -> list[str]:
    """What is asked for 50 times a second: pages that poll, and one in ten that opens."""
    asked = reads(building, now_s)
    of = f"building_id={building}"
    small = [f"/analytics/readings?{of}&last=60", f"/analytics/predictions?{of}&last=60", "/api/buildings", "/api/me"]
    opening = [asked["predictions, last hour, columns"], asked["predictions, a day at 1 m, up to now, columns"]]
    return [*small, *small, "/metrics", opening[0], *small, *small, "/live", opening[1]]


def _measure(stack: Stack, duration_s: int, clients: int) -> dict[str, Any]:
    config = stack.config
    stack.start_servers()
    influx = Influx.connect(config.influx)
    influx.prepare()
    first_s = (int(time.time()) // _HOUR_S - 50) * _HOUR_S
    print("writing two days of history …", file=sys.stderr)
    fill(config, influx, first_s, int(time.time()) - _HOUR_S - first_s)
    home = pipeline.start(stack, servers=False)
    live = Live(stack, home)
    try:
        return _with_meter(stack, live, duration_s, clients)
    finally:
        live.stop()


def _with_meter(stack: Stack, live: "Live", duration_s: int, clients: int) -> dict[str, Any]:
    config, building = stack.config, live.building
    time.sleep(30)  # the last day is read, and InfluxDB has taken in what was written
    print("the reads …", file=sys.stderr)
    asked, first_ms = {}, {}
    for name, path in reads(building, int(time.time())).items():
        (first,) = _ask(config.gateway.port, path, 0.001, 1)
        first_ms[name] = round(first["took_ms"][0], 1)
        asked[name] = _times(_ask(config.gateway.port, path, _READ_S, clients)) | {"first_ms": first_ms[name]}
    time.sleep(_REST_S)
    print("the live path alone …", file=sys.stderr)
    without = live.during(lambda: time.sleep(max(10.0, duration_s / 5)))
    print(f"{_STREAMS} streams and {_PER_S} requests a second …", file=sys.stderr)
    pids = {child.name: child.pid for child in [*stack.servers, *stack.services] if child.pid}
    meter = machine.Meter(pids)
    memory = _Memory(pids["gateway"])
    loaded: dict[str, Any] = {}
    with_load = live.during(lambda: loaded.update(_load(config.gateway.port, building, duration_s, memory)))
    costs = meter.read()
    return {
        "reads": asked,
        "load": {
            "streams": _STREAMS,
            "requests_per_s": _PER_S,
            **{name: loaded[name] for name in ("stream_errors", "stream_events", "request_errors", "examples")},
            "requests": _percentiles(loaded["took_ms"]),
        },
        "live": {
            "without": without,
            "with": with_load,
            "streams_with": _until_last(live.sent_s, loaded["last_s"]),
        },
        "gateway_rss_mib": memory.figures(),
        "cpu_percent": {name: cost["cpu_percent"] for name, cost in costs.items()},
        "ours_rss_mib": round(sum(costs[name]["rss_mib"] for name in SERVICES), 1),
    }


class Live:
    """A meter at one message a second, and when each second's prediction is in Redis."""

    def __init__(self, stack: Stack, home: Home) -> None:
        self.building = home.building
        self.sent_s: dict[int, float] = {}
        self._seen = pipeline.Arrivals()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=pipeline.play, args=(stack.config, home, self.sent_s, self._stop)),
            threading.Thread(target=pipeline.watch_redis, args=(stack.config, self.building, self._seen, self._stop)),
        ]
        for thread in self._threads:
            thread.start()

    def during(self, work: Any) -> dict[str, float]:
        """From published to predicted, of the messages that were sent during `work`."""
        began_s = time.monotonic()
        work()
        end_s = time.monotonic()
        time.sleep(1)
        sent = {at: sent_s for at, sent_s in self.sent_s.items() if began_s <= sent_s < end_s}
        return pipeline.latency(sent, self._seen.seen_s) | {"messages": len(sent)}

    def stop(self) -> None:
        """End the meter."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


class _Memory:
    """A process's resident memory, once a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._mib: list[float] = []

    def look(self) -> None:
        self._mib.append(machine.rss_mib(self._pid))

    def figures(self) -> dict[str, float]:
        """At the start, in the middle, at the end, and the most."""
        return {
            "start": self._mib[0],
            "middle": self._mib[len(self._mib) // 2],
            "end": self._mib[-1],
            "most": max(self._mib),
        }


def _client(**what: Any) -> dict[str, Any]:
    said = output_of([sys.executable, "-m", "edge.bench.clients", orjson.dumps(what).decode()], what["seconds"] + 60)
    if said is None:
        raise NilmError("a client of the benchmark failed")
    found: dict[str, Any] = orjson.loads(said)
    return found


def _ask(port: int, path: str, seconds: float, clients: int) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(_client, do="ask", port=port, path=path, seconds=seconds) for _ in range(clients)]
        return [one.result() for one in asking]


def _load(port: int, building: str, duration_s: int, memory: _Memory) -> dict[str, Any]:
    with ThreadPoolExecutor(2) as pool:
        path = f"/api/stream?building_id={building}"
        listening = pool.submit(_client, do="listen", port=port, path=path, count=_STREAMS, seconds=duration_s)
        time.sleep(2)
        paths = mixed(building, int(time.time()))
        asking = pool.submit(_client, do="load", port=port, paths=paths, per_s=_PER_S, seconds=duration_s - 3)
        while not (listening.done() and asking.done()):
            memory.look()
            time.sleep(1)
        streams, requests = listening.result(), asking.result()
    return {
        "stream_errors": streams["errors"],
        "stream_events": streams["heard"],
        "request_errors": requests["errors"],
        "examples": streams["examples"] + requests["examples"],
        "took_ms": requests["took_ms"],
        "last_s": {int(at_s): seen_s for at_s, seen_s in streams["last_s"].items()},
    }


def _times(asked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several clients measured, the first request of each left out: it opens the connection."""
    took_ms = [ms for one in asked for ms in one["took_ms"][1:]]
    about = {"bytes": asked[0]["bytes"], "errors": sum(one["errors"] for one in asked), "requests": len(took_ms)}
    return _percentiles(took_ms) | about


def _percentiles(took_ms: Sequence[float]) -> dict[str, float]:
    """By nearest rank."""
    ordered = sorted(took_ms)
    ranks = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    if not ordered:
        return dict.fromkeys(ranks, math.inf)
    return {name: round(ordered[math.ceil(rank * len(ordered)) - 1], 1) for name, rank in ranks.items()}


def _until_last(sent_s: Mapping[int, float], last_s: Mapping[int, float]) -> dict[str, float]:
    """From published until the last of the streams has it; but for the seconds at either end."""
    at_s = sorted(set(sent_s) & set(last_s))[2:-2]
    return _percentiles([(last_s[at] - sent_s[at]) * 1000 for at in at_s])


def as_text(figures: Mapping[str, Any]) -> str:
    """The figures as the Markdown that docs/performance.md has."""
    load, live, memory = figures["load"], figures["live"], figures["gateway_rss_mib"]
    lines = [
        f"{figures['machine']}: {figures['processor']}, {figures['cores']} cores, {figures['at']}; "
        f"{figures['clients']} clients at a time, {figures['seconds']} s of load",
        "",
        f"| {figures['clients']} clients, beside the live load | size | p50 | p95 | p99 | first |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, one in figures["reads"].items():
        sizes = f"{one['bytes'] / 1000:,.0f} kB"
        times = " | ".join(f"{one[key]:g} ms" for key in ("p50_ms", "p95_ms", "p99_ms", "first_ms"))
        lines.append(f"| {name} | {sizes} | {times} |" + (f" {one['errors']} ERRORS" if one["errors"] else ""))
    lines += [
        "",
        f"| {load['streams']} event streams and {load['requests_per_s']} requests/s for {figures['seconds']} s | |",
        "|---|--:|",
        f"| errors: streams, requests | {load['stream_errors']}, {load['request_errors']} |",
        f"| events delivered | {load['stream_events']:,} |",
        *(
            f"| {what} p50, p99, max | {one['p50_ms']:g}, {one['p99_ms']:g}, {one['max_ms']:g} ms |"
            for what, one in (
                ("a request", load["requests"]),
                ("message published until predicted, without the load", live["without"]),
                ("the same with the load", live["with"]),
                ("message published until the last stream has it", live["streams_with"]),
            )
        ),
        "| gateway's memory at the start, in the middle, at the end | "
        f"{memory['start']:g}, {memory['middle']:g}, {memory['end']:g} MiB |",
        f"| gateway's processor time | {figures['cpu_percent']['gateway']:g} % of a core |",
    ]
    return "\n".join([*lines, *(f"error: {one}" for one in load["examples"])])
