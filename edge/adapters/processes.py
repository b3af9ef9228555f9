"""Child processes that never outlive their parent, free ports, and a lock on a folder."""

import ctypes
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT_BYTES = 5_000_000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Child:
    """One program, started again and again under one name; its output goes to a log file that is kept short."""

    def __init__(self, name: str, command: Sequence[str], log_file: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log_file = log_file
        self.command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.started_s = 0.0

    @property
    def pid(self) -> int | None:
        """The running process, None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the program; the kernel kills it should this process die."""
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, and no threads here
            )
        self.starts += 1
        self.started_s = time.monotonic()

    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.poll() if self._process else None

    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def terminate(self) -> None:
        """Ask it to stop."""
        if self._process and self.running():
            self._process.terminate()

    def wait_or_kill(self, timeout_s: float) -> bool:
        """Wait for its end; kill it after `timeout_s`. Whether it ended by itself."""
        if not self._process:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True

    def last_words(self, lines: int = 3) -> str:
        """The end of its log."""
        try:
            text = self.log_file.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def output_of(command: Sequence[str], timeout_s: float) -> str | None:
    """What a program prints; None where it fails or takes longer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def outcome_of(command: Sequence[str], timeout_s: float) -> tuple[int, str]:
    """A program's exit code and all it printed; 127 where it cannot be started, 124 where it takes longer."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} took longer than {timeout_s:.0f} s"
    return done.returncode, done.stdout


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now, below those that connections going out are given."""
    while True:
        port = 16_384 + secrets.randbelow(16_384)
        if port_is_free(port):
            return port


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def lock(file: Path) -> IO[str] | None:
    """Hold `file` locked until the returned object is closed or this process ends; None where another one holds it."""
    holder = file.open("a+")
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.close()
        return None
    holder.truncate(0)
    holder.write(f"{os.getpid()}\n")
    holder.flush()
    return holder


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
