"""A disk that is full, then has room again; mounted in a name space of its own, seen by nobody else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.checker import Count
from tests.faults.conftest import Result

DISKS = {
    "influxdb": ("64m", "InfluxDB's disk full for half a minute, then room"),
    "spool": ("2m", "the spool's disk full while InfluxDB is away, then room, then InfluxDB"),
    "": ("160m", "one disk for everything, full for half a minute, then room"),
}


@pytest.mark.faults
@pytest.mark.parametrize("part", DISKS, ids=["influxdb", "spool", "everything"])
def test_a_disk_full_then_freed(tmp_path: Path, result: Result, part: str) -> None:
    size, result.name = DISKS[part]
    place = tmp_path / "chain" / part
    options = ["-m"] if os.geteuid() == 0 else ["-rm"]
    script = (
        f"mkdir -p {place} && mount -t tmpfs -o size={size} none {place} && "
        f"exec {sys.executable} -m tests.faults.full_disk {tmp_path} '{part}'"
    )
    done = subprocess.run(
        ["unshare", *options, "sh", "-c", script], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result.add(Count(**json.loads(done.stdout.splitlines()[-1])), part or "everything")
    assert result.count.good, result.count.faults
