"""Upgrade, switch and rollback in real folders: each version is a program of its own that says how it is."""

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.adapters.processes import outcome_of
from edge.errors import NilmError
from edge.upgrade import upgrade
from edge.versions import Versions

PROGRAM = """\
#!/bin/sh
# Version {version}: what it is asked goes to a log; `broken` names what it cannot do.
echo "{version} $*" >>"{log}"
case "$*" in "{broken}"*) echo "{version} cannot do that" >&2; exit 1 ;; esac
case "$*" in *{unknown}*) echo "unrecognized arguments" >&2; exit 2 ;; esac
case "$*" in
"migrate --known") echo {data} ;;
"migrate --there") cat "{home}/data" ;;
"migrate --to "*) echo "$3" >"{home}/data" ;;
"migrate --check") [ "$(cat "{home}/data")" -le {data} ] ;;
migrate) echo {data} >"{home}/data" ;;
"ready "*) [ "$(cat "{home}/running")" = {version} ] ;;
esac
"""
PYTHON = '#!/bin/sh\nshift 3\nexec "$(dirname "$0")/nilm-edge" "$@"\n'  # -I -c PROGRAM
RESTART = 'cat "{home}/current/version" >"{home}/running"'


class Home:
    """A folder of versions, the first of which runs."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "opt/nilm-edge"
        self.home.mkdir(parents=True)
        self.log = folder / "log"
        self.said: list[str] = []
        (self.home / "data").write_text("1\n")
        self.add("0.1.0")
        (self.home / "current").symlink_to("0.1.0")
        (self.home / "running").write_text("0.1.0")
        restart = ["sh", "-c", RESTART.format(home=self.home)]
        self.versions = Versions(self.home, outcome_of, restart, self.said.append)

    def add(
        self,
        version: str,
        broken: str = "nothing",
        data: int = 1,
        into: Path | None = None,
        *,
        unknown: str = "nothing",
    ) -> Path:
        tree = (into or self.home) / version
        (tree / "bin").mkdir(parents=True)
        (tree / "version").write_text(version)
        about = {"version": version, "log": self.log, "broken": broken, "data": data, "home": self.home}
        about["unknown"] = unknown
        for name, text in (("nilm-edge", PROGRAM.format(**about)), ("python3", PYTHON)):
            (tree / "bin" / name).write_text(text)
            (tree / "bin" / name).chmod(0o755)
        return tree

    @property
    def links(self) -> tuple[str, str]:
        return self.versions.of("current"), self.versions.of("previous")

    @property
    def runs(self) -> str:
        return (self.home / "running").read_text()

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_good_version_takes_over_and_gives_way(home: Home) -> None:
    home.add("0.2.0")
    home.versions.switch("0.2.0")
    assert (home.links, home.runs) == (("0.2.0", "0.1.0"), "0.2.0")
    assert [line.split(" --since")[0] for line in home.asked()] == [
        "0.2.0 doctor --self-test",
        "0.2.0 migrate",
        "0.2.0 ready --within 60",
    ]
    assert home.versions.roll_back() == "0.1.0"
    assert (home.links, home.runs) == (("0.1.0", "0.2.0"), "0.1.0")
    assert home.versions.roll_back() == "0.2.0"


def test_back_to_a_version_that_knows_fewer_options(home: Home) -> None:
    home.add("0.0.9", unknown="--since")
    home.add("0.2.0")
    home.versions.switch("0.0.9")
    home.versions.switch("0.2.0")
    assert home.versions.roll_back() == "0.0.9"
    assert home.asked()[-1] == "0.0.9 ready --within 60"


def test_back_to_a_version_from_before_the_data_had_one(home: Home) -> None:
    home.add("0.0.9", unknown="migrate")
    home.versions.point("previous", "0.0.9")
    assert home.versions.roll_back() == "0.0.9"
    assert (home.home / "data").read_text() == "0\n"
    assert home.versions.roll_back() == "0.1.0"
    assert (home.home / "data").read_text() == "1\n"


def test_a_version_that_fails_its_self_test_changes_nothing(home: Home) -> None:
    home.add("0.2.0", broken="doctor")
    with pytest.raises(NilmError, match="does not work on this machine"):
        home.versions.switch("0.2.0")
    assert (home.links, home.runs) == (("0.1.0", ""), "0.1.0")


@pytest.mark.parametrize("broken", ["ready", "migrate"])
def test_a_version_that_does_not_come_up_gives_way_by_itself(home: Home, broken: str) -> None:
    home.add("0.2.0", broken=broken, data=2)
    with pytest.raises(NilmError, match=r"0\.2\.0"):
        home.versions.switch("0.2.0")
    assert home.links[0] == home.runs == "0.1.0"
    assert (home.home / "data").read_text() == "1\n"  # what it did to the data is undone


def test_data_that_cannot_go_back_keeps_the_new_version(home: Home) -> None:
    home.add("0.2.0", broken="migrate --to", data=2)
    home.versions.switch("0.2.0")
    with pytest.raises(NilmError, match=r"cannot be used by 0\.1\.0"):
        home.versions.roll_back()
    assert (home.links[0], home.runs) == ("0.2.0", "0.2.0")


def test_a_restart_that_fails_is_a_version_that_does_not_come_up(home: Home) -> None:
    home.add("0.2.0")
    once = 'test "$(readlink "{home}/current")" = 0.1.0 && cat "{home}/current/version" >"{home}/running"'
    versions = Versions(home.home, outcome_of, ["sh", "-c", once.format(home=home.home)], home.said.append)
    with pytest.raises(NilmError, match=r"0\.1\.0 runs again"):
        versions.switch("0.2.0")
    assert (home.links[0], home.runs) == ("0.1.0", "0.1.0")


def test_there_is_nothing_to_go_back_to(home: Home) -> None:
    with pytest.raises(NilmError, match="no earlier version"):
        home.versions.roll_back()
    (home.home / "previous").symlink_to("0.0.9")  # gone since
    with pytest.raises(NilmError, match="no earlier version"):
        home.versions.roll_back()


@pytest.mark.parametrize("link", ["../../etc", "/etc", "", "nothing-here"])
def test_a_link_that_leads_elsewhere_is_none(home: Home, link: str) -> None:
    if link:
        (home.home / "previous").symlink_to(link)
    assert home.versions.of("previous") == ""


def test_there_is_a_current_version_at_every_moment(home: Home) -> None:
    home.add("0.2.0")
    stop, seen = threading.Event(), set()

    def watch() -> None:
        while not stop.is_set():
            seen.add((home.home / "current").readlink().name)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(50):
        home.versions.point("current", "0.2.0")
        home.versions.point("current", "0.1.0")
    stop.set()
    watcher.join()
    assert seen == {"0.1.0", "0.2.0"}


# -- packages ---------------------------------------------------------------------------------


def package(home: Home, tmp_path: Path, version: str, **how: object) -> Path:
    """A real .deb with a version in it."""
    root = tmp_path / f"root-{version}"
    home.add(version, into=root / "opt/nilm-edge", broken=str(how.get("broken", "nothing")))
    (root / "DEBIAN").mkdir()
    fields = {
        "Package": "nilm-edge",
        "Version": f"{version}+deb12",
        "Architecture": "all",
        "Maintainer": "nobody <root@localhost>",
        "Installed-Size": "2000",
        "Description": "a trial",
    } | {name: str(value) for name, value in how.items() if name[0].isupper()}
    (root / "DEBIAN/control").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    file = tmp_path / f"nilm-edge_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(root), str(file)], check=True, capture_output=True)
    return file


class Apt:
    """Runs each command but apt-get, which it does as the package's postinst does."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.installed: list[str] = []

    def __call__(self, command: Sequence[str], timeout_s: float) -> tuple[int, str]:
        if "apt-get" not in command:
            return outcome_of(command, timeout_s)
        self.installed.append(command[-1])
        subprocess.run(["dpkg-deb", "--extract", command[-1], str(self.home.home.parents[1])], check=True)
        new = sorted(tree.name for tree in self.home.home.glob("0.*"))[-1]
        try:
            self.home.versions.switch(new)
        except NilmError as error:
            return 0, str(error)
        return 0, ""


def test_a_package_is_tried_out_and_then_installed(home: Home, tmp_path: Path) -> None:
    file, apt = package(home, tmp_path, "0.2.0"), Apt(home)
    assert upgrade(file, home.versions, apt, home.said.append) == "0.2.0"
    assert (home.links, home.runs) == (("0.2.0", "0.1.0"), "0.2.0")
    assert home.asked()[:2] == ["0.2.0 doctor --self-test", "0.2.0 migrate --check"]  # where it was unpacked for that
    assert {entry.name for entry in home.home.iterdir()} == {
        *("0.1.0", "0.2.0", "current", "previous", "data", "running"),
    }
    with pytest.raises(NilmError, match="is what runs"):
        upgrade(file, home.versions, apt, home.said.append)


def test_a_package_that_does_not_work_is_not_installed(home: Home, tmp_path: Path) -> None:
    apt = Apt(home)
    with pytest.raises(NilmError, match="does not work on this machine"):
        upgrade(package(home, tmp_path, "0.2.0", broken="doctor"), home.versions, apt, home.said.append)
    (home.home / "data").write_text("9\n")
    with pytest.raises(NilmError, match="does not work on this machine"):
        upgrade(package(home, tmp_path, "0.3.0"), home.versions, apt, home.said.append)
    assert (apt.installed, home.links, home.runs) == ([], ("0.1.0", ""), "0.1.0")


def test_a_package_whose_version_does_not_come_up(home: Home, tmp_path: Path) -> None:
    with pytest.raises(NilmError, match=r"0\.2\.0 did not become ready, 0\.1\.0 runs again"):
        upgrade(package(home, tmp_path, "0.2.0", broken="ready"), home.versions, Apt(home), home.said.append)
    assert (home.links[0], home.runs) == ("0.1.0", "0.1.0")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("Package", "other", "no package of nilm-edge"),
        ("Architecture", "s390x", "is for s390x"),
        ("Installed-Size", "900000000000", "MB are needed; nothing was changed"),
    ],
)
def test_a_package_that_cannot_be_installed_here(home: Home, tmp_path: Path, field: str, value: str, why: str) -> None:
    apt = Apt(home)
    with pytest.raises(NilmError, match=why):
        upgrade(package(home, tmp_path, "0.2.0", **{field: value}), home.versions, apt, home.said.append)
    assert apt.installed == []


def test_what_is_no_package(home: Home, tmp_path: Path) -> None:
    (tmp_path / "x.deb").write_text("no package")
    for name, why in (("x.deb", "no package"), ("y.deb", "there is no file")):
        with pytest.raises(NilmError, match=why):
            upgrade(tmp_path / name, home.versions, outcome_of, home.said.append)


def test_it_takes_root() -> None:
    from tests.services.appliance import COMMAND

    code, said = outcome_of(["setpriv", "--reuid=65534", "--clear-groups", *COMMAND, "rollback"], 60)
    if os.geteuid():
        code, said = outcome_of([*COMMAND, "rollback"], 60)
    assert (code, "takes root" in said) == (1, True), said
