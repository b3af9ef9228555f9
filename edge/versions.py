"""The versions that are installed, a folder each, and the links that say which one runs and which one did before.

    <home>/0.1.0/bin/nilm-edge   <home>/0.2.0/...   <home>/current -> 0.2.0   <home>/previous -> 0.1.0

A link is replaced by renaming: there is one at any moment. What a version can do, and whether it works, is asked of its
own program, so that one that is broken is told by its exit code.
"""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.adapters.files import sync_folder
from edge.errors import NilmError

HOME = Path("/opt/nilm-edge")
READY_S = 60
_ASKED_S = 300.0
_USAGE = 2
"""The exit code of a program that does not know an option."""
_NAME = re.compile(r"[0-9][A-Za-z0-9.+~_-]{0,60}")
Run = Callable[[Sequence[str], float], tuple[int, str]]
"""Runs a command for at most so many seconds: its exit code and what it printed."""
Say = Callable[[str], None]


class Versions:
    """The folder `home`; `restart` is the command that starts the appliance anew, empty for none."""

    def __init__(self, home: Path, run: Run, restart: Sequence[str], say: Say) -> None:
        self.home = home
        self._run = run
        self._restart = restart
        self._say = say

    def of(self, link: str) -> str:
        """The version that `current` or `previous` names; empty for none that is there."""
        try:
            name = str((self.home / link).readlink())
        except OSError:
            return ""
        return name if _NAME.fullmatch(name) and (self.home / name).is_dir() else ""

    def ask(self, version: str, *arguments: str, timeout_s: float = _ASKED_S) -> tuple[int, str]:
        """What a version's own program answers."""
        return self._run([str(self.home / version / "bin" / "nilm-edge"), *arguments], timeout_s)

    def point(self, link: str, version: str) -> None:
        """Have `link` name `version`, at once and durably."""
        new = self.home / f".{link}.new"
        try:
            new.unlink(missing_ok=True)
            new.symlink_to(version)
            new.rename(self.home / link)
            sync_folder(self.home)
        except OSError as error:
            raise NilmError(f"cannot set {self.home / link}: {error.strerror}; are you root?") from error

    def test(self, version: str) -> None:
        """NilmError unless a version imports everything and its models say what they should."""
        code, said = self.ask(version, "doctor", "--self-test")
        if code:
            raise NilmError(f"version {version} does not work on this machine:\n{_last(said)}")

    def switch(self, version: str) -> None:
        """Test a version that is there, run it, and go back by itself where it is not ready in time. NilmError then."""
        before = self.of("current")
        if not (self.home / version).is_dir():
            raise NilmError(f"there is no version {version} in {self.home}")
        if version == before:
            raise NilmError(f"{version} is what runs")
        self._say(f"testing {version}")
        self.test(version)
        self._take(version, before)
        why = self._start(version)
        if why and before:
            self._say(f"{version} is not ready; going back to {before}")
            self._go_back(before, version)
            raise NilmError(f"{version} did not become ready, {before} runs again:\n{why}")
        if why:
            raise NilmError(f"{version} did not become ready:\n{why}")

    def roll_back(self) -> str:
        """Run the version before this one; which. NilmError where there is none, or it is not ready either."""
        now, before = self.of("current"), self.of("previous")
        if not before or before == now:
            raise NilmError(f"there is no earlier version in {self.home}")
        if why := self._go_back(before, now):
            raise NilmError(f"{before} runs again, and is not ready:\n{why}")
        return before

    def _take(self, version: str, before: str) -> None:
        code, said = self.ask(version, "migrate")
        if code:
            raise NilmError(f"{version} cannot use the data that is here:\n{_last(said)}")
        if before:
            self.point("previous", before)
        self.point("current", version)

    def _go_back(self, before: str, now: str) -> str:
        """Bring the data to what `before` knows, run it; why it is not ready, empty where it is."""
        known = self._data_version(before) or 0  # 0 for one that is older than the data's versions
        there = self._data_version(before, "--there")  # `now` may not even start
        if there is None:
            there = self._data_version(now, "--there") or 0
        code, said = 0, ""
        if there > known:
            code, said = self.ask(now, "migrate", "--to", str(known))
        elif there < known:
            code, said = self.ask(before, "migrate")
        if code:
            raise NilmError(f"the data cannot be used by {before} any more:\n{_last(said)}")
        self.point("current", before)
        if now:
            self.point("previous", now)
        return self._start(before)

    def _data_version(self, version: str, which: str = "--known") -> int | None:
        """The data's version that a nilm-edge knows, or finds here; None where it cannot say."""
        code, said = self.ask(version, "migrate", which)
        return int(said) if not code and said.strip().isdecimal() else None

    def _start(self, version: str) -> str:
        """Start anew what `current` names, wait until it works; why it does not, empty where it does."""
        if not self._restart:
            return ""
        since_ms = time.time_ns() // 1_000_000
        self._say(f"starting {version}")
        code, said = self._run(self._restart, _ASKED_S)
        if not code:
            code, said = self.ask(version, "ready", "--within", str(READY_S), "--since", str(since_ms))
        if code == _USAGE:  # a version that does not know --since yet
            code, said = self.ask(version, "ready", "--within", str(READY_S))
        return (_last(said) or f"exit code {code}") if code else ""


def _last(said: str) -> str:
    return "\n".join(said.strip().splitlines()[-8:])
