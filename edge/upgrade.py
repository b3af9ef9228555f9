"""`nilm-edge upgrade FILE.deb`: everything that can be known before is tried before; then the package is installed."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.files import free_bytes
from edge.errors import NilmError
from edge.versions import Run, Versions

_PACKAGE = "nilm-edge"
_RESERVE_MB = 100
_MINUTES_S = 900.0
_TRY = "import sys; from edge.cli import main; sys.exit(main(sys.argv[1:]))"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Package:
    """What a .deb says of itself."""

    file: Path
    version: str
    architecture: str
    size_mb: int


def upgrade(file: Path, versions: Versions, run: Run, say: Say) -> str:
    """Install the package and run its version; which. NilmError: the version before goes on, or runs again."""
    package = read_package(file, run)
    before = versions.of("current")
    check_room(package, versions.home)
    say(f"testing nilm-edge {package.version}")
    version = try_out(package, versions.home, run)
    if version == before:
        raise NilmError(f"{version} is what runs; to install the same version again: apt install --reinstall ./{file}")
    say(f"installing nilm-edge {package.version}; the appliance goes on meanwhile")
    command = ["apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades", str(file.resolve())]
    code, said = run(["env", "DEBIAN_FRONTEND=noninteractive", *command], _MINUTES_S)
    now = versions.of("current")
    if now == version:
        return version
    why = "\n".join(said.strip().splitlines()[-12:])
    if code:
        raise NilmError(f"the package could not be installed, {now or 'nothing'} runs:\n{why}")
    raise NilmError(f"{version} did not become ready, {now or 'nothing'} runs again:\n{why}")


def read_package(file: Path, run: Run) -> Package:
    """What the package says; NilmError where it is none of ours, or not for this machine."""
    if not file.is_file():
        raise NilmError(f"there is no file {file}")
    code, said = run(["dpkg-deb", "--field", str(file), "Package", "Version", "Architecture", "Installed-Size"], 60)
    about = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    if code or about.get("Package") != _PACKAGE:
        raise NilmError(f"{file} is no package of nilm-edge")
    code, here = run(["dpkg", "--print-architecture"], 60)
    if not code and about.get("Architecture") not in {here.strip(), "all"}:
        raise NilmError(f"{file} is for {about.get('Architecture')}, and this machine is {here.strip()}")
    size_kb = about.get("Installed-Size", "0")
    return Package(
        file, about["Version"], about["Architecture"], int(size_kb) // 1000 + 1 if size_kb.isdecimal() else 1
    )


def check_room(package: Package, home: Path) -> None:
    """NilmError unless the disk has room for trying the version out and then for installing it."""
    place = home if home.exists() else home.parent
    needed_mb = 2 * package.size_mb + _RESERVE_MB
    free_mb = free_bytes(place) // 1_000_000
    if free_mb < needed_mb:
        raise NilmError(f"the disk of {place} has {free_mb} MB free, {needed_mb} MB are needed; nothing was changed")


def try_out(package: Package, home: Path, run: Run) -> str:
    """Unpack the package beside the others, have it test itself and look at the data, remove it; its version's name."""
    place = Path(tempfile.mkdtemp(prefix=".trial-", dir=home if home.exists() else None))
    try:
        code, said = run(["dpkg-deb", "--extract", str(package.file), str(place)], _MINUTES_S)
        if code:
            raise NilmError(f"{package.file} cannot be unpacked, nothing was changed:\n{said.strip()}")
        trees = [tree for tree in (place / "opt/nilm-edge").glob("*") if (tree / "bin").is_dir()]
        if len(trees) != 1:
            raise NilmError(f"{package.file} holds no version of nilm-edge; nothing was changed")
        for asked in (["doctor", "--self-test"], ["migrate", "--check"]):
            code, said = run([str(trees[0] / "bin" / "python3"), "-I", "-c", _TRY, *asked], _MINUTES_S)
            if code:
                why = "\n".join(said.strip().splitlines()[-12:])
                raise NilmError(f"{package.version} does not work on this machine; nothing was changed:\n{why}")
        return trees[0].name
    finally:
        shutil.rmtree(place, ignore_errors=True)
