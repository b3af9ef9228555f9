"""The wheels of the lock on a Debian of 64-bit ARM, whose programs QEMU runs: does everything import, do models agree?

A computer with such a processor (Raspberry Pi) rounds as QEMU does; how quick it is, this does not say.
"""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance import machine
from tests.appliance.machine import CACHE, REPOSITORY, checked

pytestmark = pytest.mark.appliance

SUITE = "bookworm"
_NEEDED = "python3,python3-venv,python3-dev,gcc,libc6-dev,pkg-config,libsystemd-dev,ca-certificates"
_KNOWN = Path("/proc/sys/fs/binfmt_misc")
_RULE = (
    r":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:"
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{program}:OCF"
)
"""What an ARM program begins with, and who runs it; F: also in another root."""
_VENV = "opt/nilm-edge/.venv"


@pytest.fixture
def programs_of_arm() -> Iterator[None]:
    """The kernel has QEMU run them; as before afterwards."""
    assert os.geteuid() == 0, "this makes a machine of its own, which takes root: sudo make test-appliance"
    mounted = not (_KNOWN / "register").exists()
    if mounted:
        checked("mount", "-t", "binfmt_misc", "binfmt_misc", str(_KNOWN))
    ours = not (_KNOWN / "qemu-aarch64").exists()
    if ours:
        program = shutil.which("qemu-aarch64-static")
        assert program, "qemu-aarch64-static is not installed: sudo apt-get install qemu-user-static"
        (_KNOWN / "register").write_text(_RULE.format(program=program))
    yield
    if ours:
        (_KNOWN / "qemu-aarch64").write_text("-1")
    if mounted:
        checked("umount", str(_KNOWN))


@pytest.fixture
def tree(programs_of_arm: None) -> Path:
    """A bare Debian of ARM, made once and kept, with the wheels of this checkout's lock."""
    place = CACHE / f"{SUITE}-arm64"
    if not place.exists():
        half_made = place.with_suffix(".half")
        shutil.rmtree(half_made, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        checked("debootstrap", "--arch=arm64", "--variant=minbase", f"--include={_NEEDED}", SUITE, str(half_made))
        machine._reach_registries_as_the_host_does(half_made)
        half_made.rename(place)
    home = place / "opt/nilm-edge"
    locks = [REPOSITORY / "requirements-build.lock", REPOSITORY / "requirements.lock"]
    wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    stamp = home / "locks.sha256"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        for lock in locks:
            shutil.copy(lock, home)
        inside(place, "python3 -m venv .venv")
        inside(place, ".venv/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock")
        inside(place, ".venv/bin/pip install --require-hashes --no-build-isolation --use-pep517 -r requirements.lock")
        stamp.write_text(wanted)
    return place


def inside(tree: Path, script: str) -> str:
    """What a script printed in the machine; AssertionError with all of it where it failed."""
    environment = [f"{name}={value}" for name, value in machine._environment().items()]
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    return checked("chroot", str(tree), "env", "-i", *environment, "sh", "-c", f"cd /opt/nilm-edge && {script}")


def test_the_self_test_on_arm(tree: Path) -> None:
    home = tree / "opt/nilm-edge"
    for name in ("edge", "gateway", "models"):
        shutil.rmtree(home / name, ignore_errors=True)
        shutil.copytree(REPOSITORY / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert inside(tree, "uname -m").strip() == "aarch64"
    began_s = time.monotonic()
    done = subprocess.run(
        ["chroot", str(tree), "sh", "-c", "cd /opt/nilm-edge && .venv/bin/python -m edge doctor --self-test"],
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"{done.stdout}{time.monotonic() - began_s:.0f} s", flush=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults, 0 warnings, 3 ok" in done.stdout
