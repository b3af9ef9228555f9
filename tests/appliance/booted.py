"""A Debian that is really booted: systemd and all in a systemd-nspawn container, with a network of its own.

The network outlives reboots and has nothing but the loopback interface; what must reach in from outside (a meter, a
look into InfluxDB) runs on this host inside that network. Packages are in the tree's apt cache, so none is downloaded.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from tests.appliance.machine import CACHE, REPOSITORY, Machine, base_tree, checked

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOOPBACK_UP = (  # struct ifreq: name, flags IFF_UP | IFF_RUNNING; SIOCSIFFLAGS
    "import fcntl, socket, struct;fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 0x41))"
)
_REBOOT = 133
"""How systemd-nspawn says that the machine wants to be started again."""
_NEEDED = "mosquitto redis-server influxdb python3 libstdc++6"


def bootable_tree(suite: str) -> Path:
    """The bare Debian of a suite with an init, and what our package depends on downloaded; made once and kept."""
    tree = CACHE / f"{suite}-bootable"
    if tree.exists():
        return tree
    half_made = CACHE / f"{suite}-bootable.half"
    shutil.rmtree(half_made, ignore_errors=True)
    checked("cp", "--archive", "--reflink=auto", str(base_tree(suite)), str(half_made))
    with Machine(half_made) as machine:
        for step in (
            "apt-get update",
            "apt-get install -y --no-install-recommends systemd-sysv dbus",
            f"apt-get install -y --download-only {_NEEDED}",
        ):
            done = machine.run(f"DEBIAN_FRONTEND=noninteractive {step}")
            assert done.returncode == 0, done.stdout
    (half_made / "usr/sbin/policy-rc.d").unlink()  # here services may start
    half_made.rename(tree)
    return tree


class Booted:
    """A machine that runs; leaving the block ends everything in it."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._leader = 0
        (mounted,) = re.findall(r"^\S+ (\S+) cgroup2 ", Path("/proc/mounts").read_text(), re.MULTILINE)[:1]
        self._group = Path(mounted) / f"nilm-test-{os.getpid()}"

    def __enter__(self) -> "Booted":
        self._network = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        try:
            self._wait(lambda: Path(f"/proc/{self._network.pid}/comm").read_text() == "sleep\n", 10, "a network")
            subprocess.run([*self.beside, sys.executable, "-c", _LOOPBACK_UP], check=True)
            self._console = (self.tree.parent / f"{self.tree.name}.console").open("wb")
            self._start()
            self.wait_until_booted()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if hasattr(self, "_nspawn"):
            self._nspawn.send_signal(signal.SIGTERM)  # it kills what is inside
            try:
                self._nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait(30)
            self._console.close()
            for group in sorted(self._group.glob("**/"), reverse=True):  # what is inside before what is around it
                with suppress(OSError):
                    group.rmdir()
        self._network.kill()
        self._network.wait(10)

    def _start(self) -> None:
        """In a control group of its own: two machines in one would see each other's processes."""
        self._group.mkdir(exist_ok=True)
        self._nspawn = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--boot"),
                *("--console=pipe", f"--network-namespace-path={self.network}"),
                *("--resolv-conf=off", "--timezone=off", f"--directory={self.tree}"),
            ],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: (self._group / "cgroup.procs").write_text("0") and None,  # noqa: PLW1509
        )

    @property
    def network(self) -> Path:
        """Its network namespace."""
        return Path(f"/proc/{self._network.pid}/ns/net")

    @property
    def beside(self) -> list[str]:
        """What a command of this host begins with that is to run in the machine's network."""
        return ["nsenter", f"--net={self.network}", "--"]

    def wait_until_booted(self) -> None:
        """Until systemd has started all it starts by itself."""

        def booted() -> bool:
            self._leader = self._find_leader()
            said = self.run("systemctl is-system-running").stdout.strip() if self._leader else ""
            return said in {"running", "degraded"}

        self._wait(booted, 90, "systemd in the machine")

    def reboot(self) -> None:
        """As `systemctl reboot` does; back when all is started again."""
        self.run("systemctl reboot")
        self._leader = 0
        assert self._nspawn.wait(90) == _REBOOT
        self._start()
        self.wait_until_booted()

    def run(self, script: str, within_s: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the machine, as root, to its end; what it leaves running is not waited for."""
        enter = ["nsenter", f"--target={self._leader}", *("-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"), "--"]
        command = [*enter, "env", "-i", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8", "bash", "-c", script]
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=within_s,
            )
            said.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, said.read())

    def check(self, script: str, within_s: float = 600) -> str:
        """The same, where it must go well; what it printed."""
        done = self.run(script, within_s)
        assert done.returncode == 0, f"{script}: exit {done.returncode}\n{done.stdout}{self._last_words()}"
        return done.stdout

    def wait_for(self, script: str, within_s: float) -> None:
        """Until a script goes well."""
        self._wait(lambda: self.run(script).returncode == 0, within_s, script)

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """What systemd says of a unit."""
        said = self.check(f"systemctl show {unit} --property={','.join(names)}")
        return dict(line.split("=", 1) for line in said.splitlines() if line)

    def _find_leader(self) -> int:
        """The machine's first process; 0 while there is none."""
        try:
            children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
            for child in map(int, children):
                status = Path(f"/proc/{child}/status").read_text()
                if re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE) and "systemd" in status.splitlines()[0]:
                    return child
        except OSError:
            pass  # it ended meanwhile
        return 0

    def _wait(self, check: Callable[[], bool], within_s: float, what: str) -> None:
        end_s = time.monotonic() + within_s
        while not check():
            assert time.monotonic() < end_s, f"no {what} within {within_s} s{self._last_words()}"
            time.sleep(0.2)

    def _last_words(self) -> str:
        log = self.run("journalctl --no-pager -o short -n 60").stdout if self._leader else ""
        return f"\n--- the machine's journal ends with\n{log}"


@contextmanager
def scratch(suite: str, what: str) -> Iterator[Path]:
    """A folder on the disk of this checkout: a machine's tree is large."""
    folder = REPOSITORY / "build" / "appliance" / f"{suite}-{what}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def fresh(suite: str, folder: Path) -> Iterator[Booted]:
    """A machine of its own below `folder`, booted."""
    checked("cp", "--archive", "--reflink=auto", str(bootable_tree(suite)), str(folder / "tree"))
    with Booted(folder / "tree") as machine:
        yield machine
