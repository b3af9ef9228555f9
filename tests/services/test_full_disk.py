"""A disk that was full once, under real servers; mounted in a name space of its own, seen by nobody else."""

import os
import subprocess
import sys
from pathlib import Path


def test_influxdb_after_a_full_disk_is_started_again_and_gets_everything(tmp_path: Path) -> None:
    options = ["-m"] if os.geteuid() == 0 else ["-rm"]
    script = (
        f"mount -t tmpfs -o size=64m none {tmp_path} && exec {sys.executable} -m tests.services.full_disk {tmp_path}"
    )
    done = subprocess.run(
        ["unshare", *options, "sh", "-c", script], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout == "good\n", done.stderr
