"""Our package for a suite: made in a bare machine of it, as `make deb` does, and made into other versions."""

import fcntl
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.appliance.machine import CACHE, REPOSITORY, Machine, base_tree, checked

_CODENAME = "VERSION_CODENAME="
ENDS = 'def run(_config: object) -> None:\n    raise RuntimeError("this version is broken")'
HANGS = "def run(_config: object) -> None:\n    import time\n\n    time.sleep(10**6)"
FAILS = 'raise RuntimeError("this version is broken")'
"""What a broken service does when it is run; the last one, as soon as it is loaded."""
NOVELTY = "[Unit]\nPartOf=nilm-edge.target\n[Service]\nExecStart=/usr/bin/sleep infinity\n"
_RELEASES = {"bookworm": "deb12", "trixie": "deb13"}
_EARLIER = "ee79f131354b0900d1813d04a85f263ecd9ed111"
"""The first commit that has a package. Its data has no version yet."""


@cache
def made_for(suite: str, arch: str = "") -> Path:
    """The package of this checkout: one that was made of it before, or made here, or in that suite.

    `arch`: for another processor, made in a machine of it.
    """
    processor = arch or checked("dpkg", "--print-architecture").strip()
    for package in (REPOSITORY / "dist").glob(f"nilm-edge_*+{_RELEASES[suite]}_{processor}.deb"):
        if _source_of(package) == checked(str(REPOSITORY / "scripts/deb.sh"), "--source"):
            return package
    (REPOSITORY / "dist").mkdir(exist_ok=True)
    if not arch and _is_ours(suite):
        checked(str(REPOSITORY / "scripts/deb.sh"))
        return _newest(REPOSITORY / "dist", f"*+{_RELEASES[suite]}_{processor}")  # others may come there meanwhile
    make = "LEVEL=1 make deb" if arch else "make deb"  # where QEMU runs it, compressing takes as long as all else
    return _made_in(_builder(suite, arch), _put_checkout, REPOSITORY / "dist", make)


@cache
def made_before(suite: str) -> Path:
    """The package of an earlier commit, kept; the test is skipped where this clone does not have that commit."""
    known = subprocess.run(["git", "-C", str(REPOSITORY), "cat-file", "-e", _EARLIER], capture_output=True, check=False)
    if known.returncode:
        pytest.skip(f"this clone is shallow: it lacks {_EARLIER[:9]} (git fetch --unshallow)")
    kept = CACHE / "packages" / f"{suite}-{_EARLIER[:9]}"
    if not kept.exists():
        half_made = kept.with_name(f"{kept.name}.half")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(parents=True)
        if _is_ours(suite):
            _put_earlier(half_made / "source")
            checked(str(half_made / "source/scripts/deb.sh"))
            shutil.copy(_newest(half_made / "source/dist"), half_made)
            shutil.rmtree(half_made / "source")
        else:
            _made_in(_builder(suite, ""), _put_earlier, half_made)
        half_made.rename(kept)
    return _newest(kept)


def _is_ours(suite: str) -> bool:
    """Whether this host is of that suite."""
    return f"{_CODENAME}{suite}\n" in Path("/etc/os-release").read_text()


def _put_checkout(source: Path) -> None:
    for name in checked("git", "-C", str(REPOSITORY), "ls-files").splitlines():
        if (REPOSITORY / name).exists() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, source / name)


def _put_earlier(source: Path) -> None:
    source.mkdir(parents=True)
    archive = source.with_name(f"{source.name}.tar")
    checked("git", "-C", str(REPOSITORY), "archive", f"--output={archive}", _EARLIER)
    checked("tar", "-xf", str(archive), "-C", str(source))
    archive.unlink()


def _made_in(tree: Path, put: Callable[[Path], None], into: Path, make: str = "make deb") -> Path:
    source = tree / "srv/nilm"
    with (tree / "srv/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another checkout may be at it
        shutil.rmtree(source, ignore_errors=True)
        put(source)
        with Machine(tree) as machine:
            machine.run("dpkg --configure -a")  # where an earlier run was cut off
            done = machine.run(f"cd /srv/nilm && {make}")
            assert done.returncode == 0, done.stdout
        package = Path(shutil.copy(_newest(source / "dist"), into))
        shutil.rmtree(source)
    return package


def _builder(suite: str, arch: str) -> Path:
    """A machine that keeps what `make deb` installs and downloads; remove the folder to have it made anew."""
    bare = base_tree(suite, arch)
    tree = bare.with_name(f"{bare.name}-builder")
    if not tree.exists():
        half_made = bare.with_name(f"{bare.name}-builder.half")
        shutil.rmtree(half_made, ignore_errors=True)
        checked("cp", "--archive", "--reflink=auto", str(bare), str(half_made))
        half_made.rename(tree)
    return tree


def as_version(
    package: Path, version: str, folder: Path, *, broken: str = "", how: str = ENDS, novelty: bool = False
) -> Path:
    """The same package under another version; `broken`: a service's module, at whose end `how` is written.

    `novelty`: with a service more, and another one changed.
    """
    work = folder / version
    checked("dpkg-deb", "--raw-extract", str(package), str(work))
    control = (work / "DEBIAN/control").read_text()
    old = re.search(r"^Version: ([^+]+)\+", control, re.MULTILINE)
    assert old
    (work / "opt/nilm-edge" / old[1]).rename(work / "opt/nilm-edge" / version)
    (work / "DEBIAN/md5sums").unlink()
    (site,) = (work / "opt/nilm-edge" / version / "lib").glob("python*/site-packages")
    programs = [work / "opt/nilm-edge" / version / "bin/nilm-edge", site / "edge/__init__.py"]
    for file in [
        *programs,
        *(work / "DEBIAN" / name for name in ("control", "preinst", "postinst", "prerm", "postrm")),
    ]:
        file.write_text(file.read_text().replace(old[1], version))
    for compiled in (site / "edge/__pycache__").glob("__init__.*"):
        compiled.unlink()
    if broken:
        with (site / f"edge/{broken}.py").open("a") as module:
            module.write(f"\n\n{how}\n")
        for compiled in (site / "edge/__pycache__").glob(f"{broken}.*"):
            compiled.unlink()
    for units in (work / "usr/lib/systemd/system", work / "opt/nilm-edge" / version / "systemd") if novelty else ():
        (units / "nilm-novelty.service").write_text(NOVELTY)
        (units / "nilm-edge.target.d").mkdir()
        (units / "nilm-edge.target.d/novelty.conf").write_text("[Unit]\nWants=nilm-novelty.service\n")
        with (units / "nilm-infer.service").open("a") as infer:
            infer.write("[Service]\nEnvironment=NILM_NOVELTY=1\n")
    made = folder / package.name.replace(old[1], version, 1)
    checked("dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", str(work), str(made))
    shutil.rmtree(work)
    return made


def _source_of(package: Path) -> str:
    """What it was made of, as one hash."""
    read = f"dpkg-deb --fsys-tarfile '{package}' | tar -xO ./usr/share/nilm-edge/source"
    return subprocess.run(["sh", "-c", read], capture_output=True, text=True, check=False).stdout


def _newest(folder: Path, kind: str = "*") -> Path:
    return max(folder.glob(f"nilm-edge_{kind}.deb"), key=lambda file: file.stat().st_mtime)
