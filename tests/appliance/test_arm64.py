"""The package, made and installed on a Debian of 64-bit ARM, whose programs QEMU runs: does it import, do models agree?

A computer with such a processor (Raspberry Pi) rounds as QEMU does; how quick it is, this does not say.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.machine import REPOSITORY, Machine, base_tree, checked
from tests.appliance.packages import made_for
from tests.appliance.test_installed import check_no_file_is_left

pytestmark = pytest.mark.appliance

SUITE = "bookworm"
_KNOWN = Path("/proc/sys/fs/binfmt_misc")
_RULE = (
    r":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:"
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{program}:OCF"
)
"""What an ARM program begins with, and who runs it; F: also in another root."""
PROCESSORS = ("cortex-a72", "max")
"""A Raspberry Pi 4's, and all that QEMU knows: without and with dot products, onnxruntime has code for each."""


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
def package(programs_of_arm: None) -> Path:
    """Made of this checkout; nothing is made where none of its files changed."""
    began_s = time.monotonic()
    made = made_for(SUITE, "arm64")
    print(f"{made.name} is there after {time.monotonic() - began_s:.0f} s", flush=True)
    return made


@pytest.fixture
def machine(programs_of_arm: None) -> Iterator[Machine]:
    tree = REPOSITORY / "build" / "appliance" / f"{SUITE}-arm64"
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    checked("cp", "--archive", "--reflink=auto", str(base_tree(SUITE, "arm64")), str(tree))
    try:
        with Machine(tree) as machine:
            yield machine
    finally:
        shutil.rmtree(tree)


def test_the_package_on_arm(package: Path, machine: Machine) -> None:
    """As into an image: its services start with the first boot."""

    def check(script: str) -> str:
        began_s = time.monotonic()
        done = machine.run(f"export DEBIAN_FRONTEND=noninteractive; {script}")
        print(f"{script}: {time.monotonic() - began_s:.0f} s", flush=True)
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert check("uname -m").strip() == "aarch64"
    shutil.copy(package, machine.tree / "root")
    check("apt-get update")
    check(f"cd /root && apt-get install -y ./{package.name}")
    assert check("systemctl is-enabled nilm-edge.target nilm-ingest redis-server").split() == ["enabled"] * 3
    for processor in PROCESSORS:
        said = check(f"QEMU_CPU={processor} nilm-edge doctor --self-test")
        print(said, flush=True)
        assert "0 faults, 0 warnings, 3 ok" in said
    check("apt-get purge -y nilm-edge")
    check_no_file_is_left(machine)
