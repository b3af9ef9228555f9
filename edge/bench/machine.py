"""Which machine a figure was measured on, and what its processes cost."""

import math
import platform
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

MIB = 1 << 20


def describe() -> dict[str, Any]:
    """The machine's name, processor and software, and the time: no figure stands without them."""
    return {
        "machine": socket.gethostname(),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_mib": psutil.virtual_memory().total // MIB,
        "system": platform.platform(),
        "python": platform.python_version(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def own_rss_mib() -> float:
    """This process's resident memory."""
    return round(psutil.Process().memory_info().rss / MIB, 1)


def rss_mib(pid: int) -> float:
    """A process's resident memory."""
    return round(psutil.Process(pid).memory_info().rss / MIB, 1)


def peak_rss_mib() -> float:
    """The most memory that this process has had resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)
    return math.nan


def cpu_s(pid: int | None = None) -> float:
    """The processor time that a process (this one) has taken."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


@dataclass(frozen=True, slots=True)
class _Cost:
    at_s: float
    cpu_s: float
    written_bytes: int


class Meter:
    """Measures running processes from its making until `read`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._start = {name: _cost(process) for name, process in self._processes.items()}

    def read(self) -> dict[str, dict[str, float]]:
        """Per process: CPU %, resident and proportional memory in MiB, bytes written to disk an hour."""
        figures = {}
        for name, process in self._processes.items():
            start, end = self._start[name], _cost(process)
            duration_s = end.at_s - start.at_s
            memory = process.memory_full_info()
            figures[name] = {
                "cpu_percent": round(100 * (end.cpu_s - start.cpu_s) / duration_s, 2),
                "rss_mib": round(memory.rss / MIB, 1),
                "pss_mib": round(memory.pss / MIB, 1),
                "written_bytes_per_h": round((end.written_bytes - start.written_bytes) * 3600 / duration_s),
            }
        return figures


def _cost(process: psutil.Process) -> _Cost:
    times = process.cpu_times()
    return _Cost(time.monotonic(), times.user + times.system, process.io_counters().write_bytes)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()
