"""A command on a terminal of its own, as a person at the keyboard has it."""

import os
import re
import select
import signal
import subprocess
import termios
import time
from types import TracebackType
from typing import Self

CTRL_C = b"\x03"


class Terminal:
    """Starts the command; what it shows is read and waited for by pattern. Leaving the block ends it."""

    def __init__(self, command: list[str]) -> None:
        self._keyboard, screen = os.openpty()
        termios.tcsetwinsize(screen, (50, 200))  # wide: lines that do not fit are cut short
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=screen,
            stdout=screen,
            stderr=screen,
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509
        )
        os.close(screen)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait(10)
        os.close(self._keyboard)

    def expect(self, pattern: str, within_s: float) -> re.Match[str]:
        """Wait until the pattern was shown."""
        end_s = time.monotonic() + within_s
        while not (match := re.search(pattern, self.shown)):
            assert time.monotonic() < end_s, f"no {pattern!r} within {within_s} s in:\n{self.shown}"
            assert self._read(), f"ended without {pattern!r}:\n{self.shown}"
        return match

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._keyboard, keys)

    def wait(self, within_s: float) -> int:
        """The exit code, once the command has ended."""
        end_s = time.monotonic() + within_s
        while self._process.poll() is None:
            assert time.monotonic() < end_s, f"still running after {within_s} s:\n{self.shown}"
            self._read()
        return self._process.returncode

    def _read(self) -> bool:
        """Take what came within a moment; False when the command's side is closed."""
        if not select.select([self._keyboard], [], [], 0.1)[0]:
            return True
        try:
            self.shown += os.read(self._keyboard, 65536).decode(errors="replace")
        except OSError:
            return False
        return True


def _heed_ctrl_c() -> None:
    """A program started in the background ignores Ctrl-C, and so would all it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
