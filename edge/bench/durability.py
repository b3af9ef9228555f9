"""`bench durability`: what each value of the setting writes to the disk, by the real servers at one sample a second."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from edge.adapters.files import write_whole
from edge.adapters.processes import Child, free_port
from edge.adapters.streams import Streams
from edge.bench import machine
from edge.core.vitals import SERVICES
from edge.durability import DURABILITY
from edge.errors import NilmError
from edge.settings import Config
from edge.stack import Stack, private_config

_SYNCS = "fsync,fdatasync,sync_file_range,msync"
_WARM_UP_S = 15


def run(config: Config, duration_s: int, out: Path | None) -> dict[str, Any]:
    """Run the appliance once for each value, print and store bytes and fsyncs an hour."""
    if not shutil.which("strace"):
        raise NilmError("strace is not installed, which counts the fsyncs: sudo apt-get install strace")
    figures: dict[str, Any] = {**machine.describe(), "seconds": duration_s, "durability": {}}
    print(f"{figures['machine']}: {figures['processor']}, {duration_s} s each\n")
    print(f"{'durability':<12}{'process':<14}{'MB/h':>8}{'fsyncs/h':>10}")
    for durability in DURABILITY:
        found = figures["durability"][durability] = _measure(replace(config, durability=durability), duration_s)
        for name, cost in {**found, "together": _sum(found)}.items():
            print(f"{durability:<12}{name:<14}{cost['bytes_per_h'] / 1e6:>8.1f}{cost['fsyncs_per_h']:>10.0f}")
    print(
        "\nBytes as the processes gave them to the disk; the file system's own journal comes on top, with each fsync."
    )
    if out:
        write_whole(out, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures


def _measure(config: Config, duration_s: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="nilm-edge-bench-") as folder:
        data_dir = Path(folder)
        stack = Stack(private_config(config, data_dir, free_port()), data_dir)
        try:
            stack.start_servers()
            for name in SERVICES:
                stack.start_service(name)
            stack.start_service("simulate")
            _wait_for_samples(stack.config)
            time.sleep(_WARM_UP_S)
            pids = {child.name: child.pid for child in [*stack.servers, *stack.services] if child.pid}
            with _counted_syncs(pids, data_dir) as counts:
                meter = machine.Meter(pids)
                time.sleep(duration_s)
                written = meter.read()
            return {
                name: {
                    "bytes_per_h": written[name]["written_bytes_per_h"],
                    "fsyncs_per_h": counts[name] * 3600 / duration_s,
                }
                for name in pids
            }
        finally:
            stack.stop()


@contextlib.contextmanager
def _counted_syncs(pids: Mapping[str, int], folder: Path) -> Iterator[dict[str, int]]:
    """The fsyncs of each process while the block runs; there once it has ended."""
    traces = {name: folder / f"{name}.trace" for name in pids}
    watchers = []
    for name, pid in pids.items():
        command = ["strace", "-f", "-qq", "-e", f"trace={_SYNCS}", "-e", "signal=none", "-o", str(traces[name])]
        watchers.append(Child(f"strace {name}", [*command, "-p", str(pid)], folder / "log" / "strace.log"))
    counts: dict[str, int] = {}
    for watcher in watchers:
        watcher.start()
    time.sleep(1)
    before = {name: _calls(trace) for name, trace in traces.items()}
    try:
        yield counts
        counts.update({name: _calls(trace) - before[name] for name, trace in traces.items()})
    finally:
        for watcher in watchers:
            watcher.terminate()
            watcher.wait_or_kill(5)


def _calls(trace: Path) -> int:
    lines = trace.read_text().splitlines() if trace.exists() else []
    return sum("resumed>" not in line for line in lines)


def _wait_for_samples(config: Config) -> None:
    streams = Streams.connect(config.redis.url)
    end_s = time.monotonic() + 60
    while streams.newest_ms(config.simulator.building, "predictions") is None:
        if time.monotonic() > end_s:
            raise NilmError("the appliance does not start: see its log")
        time.sleep(0.2)


def _sum(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {key: sum(cost[key] for cost in found.values()) for key in ("bytes_per_h", "fsyncs_per_h")}
