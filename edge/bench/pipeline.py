"""`bench pipeline`: from a published message to where a person can read its prediction."""

import http.client
import math
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from edge.adapters.files import write_whole
from edge.adapters.influx import Influx
from edge.adapters.mqtt import Publisher
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.bench import machine
from edge.core.pace import Pace
from edge.core.sample import WINDOW_S
from edge.core.vitals import SERVICES
from edge.errors import Unavailable
from edge.settings import Config
from edge.simulate import Home
from edge.stack import Stack, private_config
from edge.status import stored_up_to_ms

_WARM_UP_S = 5
_POLL_S = 0.01


def run(config: Config, duration_s: int, out: Path | None) -> dict[str, Any]:
    """Start the appliance on an empty folder with a full window, publish at 1 Hz, print and store the figures."""
    with tempfile.TemporaryDirectory(prefix="nilm-edge-bench-") as folder:
        data_dir = Path(folder)
        stack = Stack(private_config(config, data_dir, free_port()), data_dir)
        try:
            figures = _measure(stack, duration_s)
        finally:
            stack.stop()
    _print(figures)
    if out:
        write_whole(out, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures


class Arrivals:
    """When each second was first seen at one place."""

    def __init__(self) -> None:
        self.seen_s: dict[int, float] = {}

    def up_to(self, at_ms: int) -> None:
        """Every second up to this one is there."""
        now_s = time.monotonic()
        at_s = at_ms // 1000
        while at_s not in self.seen_s and at_s > at_ms // 1000 - 60:
            self.seen_s[at_s] = now_s
            at_s -= 1


def _measure(stack: Stack, duration_s: int) -> dict[str, Any]:
    home = start(stack)
    latencies, processes = measure(stack, home, duration_s)
    ours = {name: processes[name] for name in SERVICES}
    return {
        **machine.describe(),
        "seconds": duration_s,
        "latency": latencies,
        "processes": processes,
        "ours_rss_mib": round(sum(cost["rss_mib"] for cost in ours.values()), 1),
        "ours_pss_mib": round(sum(cost["pss_mib"] for cost in ours.values()), 1),
        "ours_cpu_percent": round(sum(cost["cpu_percent"] for cost in ours.values()), 2),
        "written_bytes_per_h": sum(cost["written_bytes_per_h"] for cost in processes.values()),
    }


def start(stack: Stack, *, servers: bool = True) -> Home:
    """Start everything (or all but the servers), with a full window whose seconds are all predicted."""
    if servers:
        stack.start_servers()
    for name in SERVICES:
        stack.start_service(name)
    home = Home(stack.config)
    streams = Streams.connect(stack.config.redis.url)
    _until(lambda: streams.services().get("ingest", {}).get("connected"))
    first_s = int(time.time()) + 1
    streams.add_samples([home.sample(at_s) for at_s in range(first_s - WINDOW_S, first_s)])
    _until(lambda: streams.newest_ms(home.building, "predictions") == (first_s - 1) * 1000)
    return home


def measure(
    stack: Stack, home: Home, duration_s: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Publish at 1 Hz for so long: latencies to each place, and what each process cost."""
    config = stack.config
    publisher = Publisher(config.mqtt, "nilm-bench")
    _until(lambda: _turn(publisher).connected)
    arrivals = {"prediction": Arrivals(), "influx": Arrivals(), "stream": Arrivals()}
    stop = threading.Event()
    watchers = [
        threading.Thread(target=watch_redis, args=(config, home.building, arrivals["prediction"], stop)),
        threading.Thread(target=_watch_influx, args=(config, home.building, arrivals["influx"], stop)),
        threading.Thread(target=_watch_stream, args=(config, home.building, arrivals["stream"], stop)),
    ]
    for watcher in watchers:
        watcher.start()
    try:
        sent_s, processes = _publish(stack, home, publisher, duration_s)
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()
    return {name: latency(sent_s, seen.seen_s) for name, seen in arrivals.items()}, processes


def _publish(
    stack: Stack, home: Home, publisher: Publisher, duration_s: int
) -> tuple[dict[int, float], dict[str, dict[str, float]]]:
    """Publish one message a second; when each was sent, and what the processes cost after the warm-up."""
    sent_s: dict[int, float] = {}
    next_second = int(time.time()) + 1
    pace = Pace(time.monotonic() + next_second - time.time(), next_second)
    pids = {child.name: child.pid for child in [*stack.servers, *stack.services] if child.pid}
    meter = machine.Meter(pids)
    for n in range(_WARM_UP_S + duration_s):
        while (wait_s := pace.wait_s(time.monotonic())) > 0:
            publisher.turn(min(wait_s, 0.1))
        if n == _WARM_UP_S:
            meter = machine.Meter(pids)
        at_s = pace.take(time.monotonic())
        if n >= _WARM_UP_S:
            sent_s[at_s] = time.monotonic()
        for topic, payload in home.messages(at_s):
            publisher.publish(topic, payload)
    end_s = time.monotonic() + 2
    while time.monotonic() < end_s:
        publisher.turn(0.1)
    costs = meter.read()
    publisher.close()
    return sent_s, costs


def play(config: Config, home: Home, sent_s: dict[int, float], stop: threading.Event) -> None:
    """Publish one message a second until `stop`; when each was sent."""
    publisher = Publisher(config.mqtt, "nilm-bench")
    _until(lambda: _turn(publisher).connected)
    next_second = int(time.time()) + 1
    pace = Pace(time.monotonic() + next_second - time.time(), next_second)
    while not stop.is_set():
        if (wait_s := pace.wait_s(time.monotonic())) > 0:
            publisher.turn(min(wait_s, 0.1))
            continue
        at_s = pace.take(time.monotonic())
        sent_s[at_s] = time.monotonic()
        for topic, payload in home.messages(at_s):
            publisher.publish(topic, payload)
    publisher.close()


def watch_redis(config: Config, building: str, arrivals: Arrivals, stop: threading.Event) -> None:
    """Note when predictions can be read, until `stop`."""
    streams = Streams.connect(config.redis.url)
    newest_ms = streams.newest_ms(building, "predictions") or 0
    while not stop.is_set():
        if streams.wait("predictions", {building: newest_ms}, 0.2):
            newest_ms = streams.newest_ms(building, "predictions") or 0
            arrivals.up_to(newest_ms)


def _watch_influx(config: Config, building: str, arrivals: Arrivals, stop: threading.Event) -> None:
    influx = Influx.connect(config.influx)
    while not stop.is_set():
        newest_ms = stored_up_to_ms(influx, config, building)
        arrivals.up_to(newest_ms)
        now_s = time.time()
        all_there = newest_ms >= int(now_s) * 1000  # asking on and on would be a load of our own making
        time.sleep(int(now_s) + 1 - now_s if all_there else _POLL_S)


def _watch_stream(config: Config, building: str, arrivals: Arrivals, stop: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", config.gateway.port, timeout=5)
    connection.request("GET", f"/api/stream?building_id={building}")
    with connection.getresponse() as answer:
        while not stop.is_set():
            line = answer.readline()
            if line.startswith(b"id:"):
                arrivals.up_to(int(line[3:]))
    connection.close()


def _turn(publisher: Publisher) -> Publisher:
    publisher.turn(0.05)
    return publisher


def latency(sent_s: dict[int, float], seen_s: dict[int, float]) -> dict[str, float]:
    """p50, p99 and maximum in ms (nearest rank), and how many never came."""
    took_ms = sorted((seen_s[at_s] - sent) * 1000 for at_s, sent in sent_s.items() if at_s in seen_s)
    if not took_ms:
        return {"p50_ms": math.inf, "p99_ms": math.inf, "max_ms": math.inf, "lost": len(sent_s)}
    ranks = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
    figures = {name: round(took_ms[math.ceil(rank * len(took_ms)) - 1], 1) for name, rank in ranks.items()}
    return {**figures, "lost": len(sent_s) - len(took_ms)}


def _until(check: Callable[[], object], timeout_s: float = 30.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > end_s:
            raise Unavailable("the appliance does not start: see its log")
        time.sleep(0.05)


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['machine']}: {figures['processor']}, {figures['cores']} cores; {figures['seconds']} s at 1 Hz\n")
    print(f"{'publish until readable':<28}{'p50':>8}{'p99':>8}{'max':>8}  ms")
    places = {"prediction": "prediction in Redis", "influx": "prediction in InfluxDB", "stream": "on the event stream"}
    for name, place in places.items():
        latency = figures["latency"][name]
        print(f"{place:<28}{latency['p50_ms']:>8}{latency['p99_ms']:>8}{latency['max_ms']:>8}")
    print(f"\n{'process':<16}{'CPU %':>8}{'RSS MiB':>10}{'PSS MiB':>10}{'MB/h written':>15}")
    for name, cost in figures["processes"].items():
        written_mb = cost["written_bytes_per_h"] / 1e6
        print(f"{name:<16}{cost['cpu_percent']:>8}{cost['rss_mib']:>10}{cost['pss_mib']:>10}{written_mb:>15.1f}")
    ours = (figures["ours_cpu_percent"], figures["ours_rss_mib"], figures["ours_pss_mib"])
    print(f"{'ours together':<16}{ours[0]:>8}{ours[1]:>10}{ours[2]:>10}")
