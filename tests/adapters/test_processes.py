import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from edge.adapters.processes import Child, free_port, lock, port_is_free
from tests.servers import has_ended, wait_until

PARENT = """
import sys, time
from pathlib import Path
from edge.adapters.processes import Child
child = Child("sleep", ["sleep", "600"], Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: has_ended(child))


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    child = Child("deaf", ["sh", "-c", "trap '' TERM; echo here; sleep 600 & wait; wait"], tmp_path / "log")
    child.start()
    wait_until(lambda: child.last_words() == "here")
    started_s = time.monotonic()
    child.terminate()
    assert not child.wait_or_kill(0.3)
    assert time.monotonic() - started_s < 3
    assert child.exit_code() == -signal.SIGKILL


def test_a_long_log_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 6_000_000)
    child = Child("true", ["true"], log)
    child.start()
    child.wait_or_kill(5)
    assert log.stat().st_size < 1000
    assert (tmp_path / "a.log.1").stat().st_size == 6_000_000


def test_a_folder_is_locked_once(tmp_path: Path) -> None:
    first = lock(tmp_path / "lock")
    assert first
    assert lock(tmp_path / "lock") is None
    first.close()
    second = lock(tmp_path / "lock")
    assert second
    second.close()


def test_a_port_in_use_is_not_free() -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not port_is_free(server.getsockname()[1])
    assert port_is_free(free_port())
