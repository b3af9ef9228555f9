"""The units of systemd/, read by systemd itself; nothing is started, and no root is needed."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edge import log_tail
from edge.cli import _parser

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
SERVICES = sorted(UNITS.glob("nilm-*.service"))
ALL = sorted(file for file in UNITS.iterdir() if file.suffix in {".service", ".socket", ".timer", ".path", ".target"})
NAMES = [file.name for file in SERVICES]
INSTALLED = "/opt/nilm-edge/current/bin/nilm-edge"
LIVE = {"ingest", "infer", "persist", "sync", "announce", "gateway", "simulator"}
BY_SYSTEMD_ALONE = {"nilm-edge-safe.service", "nilm-influxdb-restart.service"}
"""They start a program of the system's."""
AT_BOOT = "nilm-edge-provision.service"
"""It makes the configuration, as root, before there are services."""
MOST_EXPOSURE = "15"
"""In tenths: systemd's 1.5 of 10."""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units beside each other, with the command of this checkout's .venv."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(UNITS, folder, dirs_exist_ok=True)
    command = Path(sys.executable).with_name("nilm-edge")
    assert command.exists()
    for file in folder.glob("*.service"):
        file.write_text(file.read_text().replace(INSTALLED, str(command)))
    for file in ALL:  # enabled: only then systemd sees what waits for what in a circle
        for target in (value for key, value in settings_of(file, "Install") if key == "WantedBy"):
            (folder / f"{target}.wants").mkdir(exist_ok=True)
            (folder / f"{target}.wants" / file.name).symlink_to(folder / file.name)
    return folder


def settings_of(file: Path, section: str) -> list[tuple[str, str]]:
    """Each line of a section: systemd has the same key several times."""
    found = re.search(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", file.read_text(), re.DOTALL | re.MULTILINE)
    lines = found[1].splitlines() if found else []
    return [(key, value) for key, _, value in (line.partition("=") for line in lines if line and line[0] != "#")]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_service_is_exposed(units: Path, name: str) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(units / name))
    assert done.returncode == 0, done.stdout


def test_systemd_finds_nothing_to_say(units: Path) -> None:
    """It exits 0 on a key that it does not know, so what counts is that it prints nothing."""
    done = analyze("verify", *(str(units / file.name) for file in ALL))
    assert (done.stdout, done.returncode) == ("", 0)


def test_nothing_waits_in_a_circle_at_boot(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd would leave out some unit, perhaps one that much else needs."""
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", f"{units}:")  # and the system's own
    said = analyze("verify", "default.target").stdout
    assert not [line for line in said.splitlines() if "cycle" in line or "nilm" in line]


def test_each_log_is_that_of_a_unit() -> None:
    ours = {f"{unit}.service" for name, unit in log_tail.UNITS.items() if name not in log_tail.SERVERS}
    assert ours <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_service_starts_a_command_that_there_is(name: str) -> None:
    (command,) = [value for key, value in settings_of(UNITS / name, "Service") if key == "ExecStart"]
    program, *arguments = shlex.split(command)
    if name in BY_SYSTEMD_ALONE:
        assert Path(program).exists()
        return
    assert program == INSTALLED
    assert _parser().parse_args(arguments).do
    if name == AT_BOOT:
        return
    assert arguments[-2:] == ["--config", "%d/config.toml"]


@pytest.mark.parametrize("name", NAMES)
def test_what_every_service_has(name: str) -> None:
    service = dict(settings_of(UNITS / name, "Service"))
    if name in BY_SYSTEMD_ALONE | {AT_BOOT}:
        return
    assert {"MemoryMax", "TasksMax", "LoadCredential"} <= service.keys()
    assert service.get("DynamicUser") == "yes" or (service["User"], service["StateDirectory"]) == ("nilm-edge",) * 2
    if name.removeprefix("nilm-").removesuffix(".service") in LIVE:
        assert (service["Type"], service["Restart"], service["RestartPreventExitStatus"]) == ("notify", "always", "78")
        assert int(service["WatchdogSec"]) >= 30
        assert ("StartLimitIntervalSec", "0") in settings_of(UNITS / name, "Unit")


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.name)
def test_a_dead_server_takes_nothing_down(file: Path) -> None:
    """Units are ordered and wanted; none binds or requires another."""
    assert not {key for key, _ in settings_of(file, "Unit")} & {"Requires", "BindsTo", "Requisite", "Upholds"}


def test_only_what_reads_the_clock_has_more_than_the_sandbox() -> None:
    more = {name for name in NAMES if "SystemCallFilter" in dict(settings_of(UNITS / name, "Service"))}
    assert more == {"nilm-ingest.service"}


def generated(
    folder: Path, text: str | None, command_line: str = "root=/dev/mmcblk0p2 quiet\n", packaged: Path | None = None
) -> dict[str, str]:
    """What the generator makes of a configuration: each file it writes, and its content or where it leads."""
    script = (UNITS / "nilm-edge-generator").read_text()
    config = folder / "config.toml"
    if text is not None:
        config.write_text(text)
    (folder / "cmdline").write_text(command_line)
    program = folder / "generator.py"
    script = script.replace("/etc/nilm-edge/config.toml", str(config))
    script = script.replace("/opt/nilm-edge/current", str(folder / "current"))
    if packaged:
        script = script.replace("/usr/lib/systemd/system", str(packaged))
    program.write_text(script.replace("/proc/cmdline", str(folder / "cmdline")))
    into = folder / "units"
    into.mkdir()
    done = subprocess.run(
        [sys.executable, "-I", program, into, into, into], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = [path for path in into.rglob("*") if path.is_symlink() or path.is_file()]
    return {
        str(path.relative_to(into)): str(path.readlink()) if path.is_symlink() else path.read_text() for path in found
    }


@pytest.mark.parametrize("text", [None, "", "not [ TOML", 'gateway = "nonsense"', "[gateway]\nport = 8080\n"])
def test_the_units_stay_as_they_are(tmp_path: Path, text: str | None) -> None:
    assert generated(tmp_path, text) == {}


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [("0.0.0.0", 8080, "0.0.0.0:8080"), ("127.0.0.1", 9000, "127.0.0.1:9000"), ("::1", 8080, "[::1]:8080")],
)
def test_the_page_s_port_is_the_configured_one(tmp_path: Path, host: str, port: int, address: str) -> None:
    found = generated(tmp_path, f'[gateway]\nhost = "{host}"\nport = {port}\n')
    (written,) = found.values()
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(written)
    assert parser["Socket"]["listenstream"] == address
    assert list(found) == ["nilm-gateway.socket.d/configured.conf"]


def test_the_page_s_port_is_that_of_the_defaults() -> None:
    defaults = tomllib.loads((ROOT / "docs" / "config.toml").read_text())["gateway"]
    assert ("ListenStream", f"{defaults['host']}:{defaults['port']}") in settings_of(
        UNITS / "nilm-gateway.socket", "Socket"
    )


def test_what_forwards_and_announces_runs_where_it_is_wanted(tmp_path: Path) -> None:
    text = '[central]\nurl = "https://influx.example"\n[homeassistant]\nenabled = true\n'
    assert generated(tmp_path, text) == {
        f"nilm-edge.target.wants/{name}.service": f"/usr/lib/systemd/system/{name}.service"
        for name in ("nilm-sync", "nilm-announce")
    }


def test_safe_mode_by_the_kernel_s_command_line(tmp_path: Path) -> None:
    assert generated(tmp_path, None, "root=/dev/mmcblk0p2 nilm-edge.safe quiet\n") == {
        "nilm-edge.target": "/dev/null",
        "multi-user.target.wants/nilm-edge-safe.target": "/usr/lib/systemd/system/nilm-edge-safe.target",
    }


def test_an_earlier_version_has_its_own_units(tmp_path: Path) -> None:
    """What lies in /usr is of the package installed last: here none, which makes each unit one to bring along."""
    running = tmp_path / "current/systemd"
    shutil.copytree(UNITS, running)
    ours = {str(file.relative_to(UNITS)) for file in UNITS.rglob("*") if file.parent != UNITS or file in ALL}
    assert generated(tmp_path, None).keys() == {name for name in ours if not (UNITS / name).is_dir()}


def test_what_only_the_package_has_is_masked(tmp_path: Path) -> None:
    """A version whose units are the package's but for one that it does not have, and one that is another."""
    packaged, running = tmp_path / "packaged", tmp_path / "current/systemd"
    for folder in (packaged, running):
        shutil.copytree(UNITS, folder)
    (packaged / "nilm-novelty.service").write_text("[Service]\nExecStart=true\n")
    (running / "nilm-infer.service").write_text("[Service]\nExecStart=false\n")
    assert generated(tmp_path, None, packaged=packaged) == {
        "nilm-novelty.service": "/dev/null",
        "nilm-infer.service": "[Service]\nExecStart=false\n",
    }
