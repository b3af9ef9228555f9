"""A machine that has nothing but Debian, git and make: a debootstrap'ed tree in a systemd-nspawn container.

It shares the host's network, because set-up needs apt's and pip's servers; so the Debian packages' own services
are kept from starting in it, which would take the host's ports.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

REPOSITORY = Path(__file__).parents[2]
CACHE = Path("/var/cache/nilm-edge-test")
_CPUINFO = """\
processor	: {}
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

"""
_PIP_CONFIGS = ("/etc/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf")
_HOST_ENVIRONMENT = ("PIP_", "SSL_CERT_", "REQUESTS_CA_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def checked(*command: str) -> str:
    """What a command printed; AssertionError with all of it where it failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
    return done.stdout


def base_tree(suite: str, arch: str = "") -> Path:
    """The bare Debian of a suite, made once and kept; remove the folder to have it made anew.

    `arch`: for another processor, whose programs the kernel must know how to run.
    """
    tree = CACHE / (f"{suite}-{arch}" if arch else suite)
    if tree.exists():
        return tree
    half_made = tree.with_name(f"{tree.name}.half")
    shutil.rmtree(half_made, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    include = "make,ca-certificates" if arch else "git,make,ca-certificates"  # QEMU takes its time for each
    options = ["--variant=minbase", f"--include={include}", *([f"--arch={arch}"] if arch else [])]
    checked("debootstrap", *options, suite, str(half_made))
    (half_made / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    services = half_made / "usr/sbin/policy-rc.d"
    services.write_text("#!/bin/sh\nexit 101\n")
    services.chmod(0o755)
    _reach_registries_as_the_host_does(half_made)
    half_made.rename(tree)
    return tree


def _reach_registries_as_the_host_does(tree: Path) -> None:
    for certificate in Path("/usr/local/share/ca-certificates").glob("*.crt"):
        shutil.copy(certificate, tree / "usr/local/share/ca-certificates")
    checked("chroot", str(tree), "update-ca-certificates")
    apt = checked("apt-config", "dump", "Acquire").splitlines()
    kept = [line for line in apt if "::Check-" in line or "roxy" in line]
    (tree / "etc/apt/apt.conf.d/90host").write_text("\n".join([*kept, ""]))
    for config in map(Path, _PIP_CONFIGS):
        if config.exists():
            copy = tree / config.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(config, copy)


def _environment() -> dict[str, str]:
    """A new login's environment, with what leads this host's apt and pip to their servers."""
    own = {
        "HOME": "/root",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "xterm",
    }
    return own | {name: value for name, value in os.environ.items() if name.upper().startswith(_HOST_ENVIRONMENT)}


def _folders_of_pip() -> set[str]:
    """Local folders that this host's pip looks in."""
    texts = [Path(config).read_text() for config in _PIP_CONFIGS if Path(config).exists()]
    texts += [value for name, value in os.environ.items() if name.startswith("PIP_")]
    words = [word for text in texts for word in text.split()]
    folders = {Path(word) for word in words if word.startswith("/")}
    # The files of an index in a folder often lie beside it.
    folders |= {Path(word.removeprefix("file://")).parent for word in words if word.startswith("file:///")}
    return {str(folder) for folder in folders if folder.is_dir() and folder != Path("/")}


def _pid_space(process: int) -> str:
    return str(Path(f"/proc/{process}/ns/pid").readlink())


class Machine:
    """A started container over `tree`; leaving the block ends everything in it."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._leader = 0

    def __enter__(self) -> "Machine":
        binds = [f"--bind-ro={folder}" for folder in sorted(_folders_of_pip())]
        options = ["--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe", "--resolv-conf=copy-host", *binds]
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", *options, "--directory", str(self.tree), "sleep", "infinity"], stdin=subprocess.DEVNULL
        )
        self._leader = self._wait_for_leader()
        if (self.tree / "lib/ld-linux-aarch64.so.1").exists():
            self._say_it_is_arm()
        self._bare = self._processes_beside(self._leader)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._leader:
            os.kill(self._leader, signal.SIGKILL)  # the first process of the container: all others go with it
        else:
            self._nspawn.kill()
        self._nspawn.wait(30)

    def _wait_for_leader(self) -> int:
        end_s = time.monotonic() + 30
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        while time.monotonic() < end_s and self._nspawn.poll() is None:
            for child in map(int, children.read_text().split()):
                if _pid_space(child) != _pid_space(os.getpid()) and "sleep" in self._processes_beside(child).values():
                    return child
            time.sleep(0.05)
        raise AssertionError("systemd-nspawn did not start the container")

    def _say_it_is_arm(self) -> None:
        """QEMU 7.2 shows the host's /proc/cpuinfo, at which onnxruntime for ARM crashes: now a Raspberry Pi 4's."""
        said = "".join(_CPUINFO.format(number) for number in range(os.cpu_count() or 1))
        (self.tree / "srv/cpuinfo").write_text(said)
        done = self.run("mount --bind /srv/cpuinfo /proc/cpuinfo")
        assert done.returncode == 0, done.stdout

    def command(self, script: str, user: str = "root") -> list[str]:
        """The host's command that runs a shell script in the machine."""
        environment = [f"{name}={value}" for name, value in _environment().items()]
        enter = ["nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--pid", "--root", "--wd", "--"]
        return [*enter, "runuser", "-u", user, "--", "env", "-i", *environment, "bash", "-c", script]

    def run(self, script: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        """Run a shell script in the machine to its end."""
        return subprocess.run(
            self.command(script, user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def _processes_beside(self, leader: int) -> dict[int, str]:
        """The name of each process in the same container."""
        inside = _pid_space(leader)
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if _pid_space(int(process.name)) == inside:
                    found[int(process.name)] = (process / "comm").read_text().strip()
            except OSError:
                pass  # it ended meanwhile
        return found

    def left_over(self) -> dict[int, str]:
        """Processes that were not there when the machine started."""
        return {
            number: name for number, name in self._processes_beside(self._leader).items() if number not in self._bare
        }
