"""nilm-edge backup and restore, as a user calls them wrongly."""

import re
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from edge.adapters.influx import Influx
from edge.backup import run
from edge.cli import main
from edge.config import load_config
from edge.config_text import SECRET_FILES, to_toml
from edge.core.backup_manifest import MAX_MEMBER_BYTES
from edge.settings import Config
from tests.services.appliance import COMMAND, nilm_edge


@pytest.fixture
def file(config: Config, influx: Influx, tmp_path: Path) -> Path:
    """A backup of a machine on which nothing has happened yet."""
    file = tmp_path / "home.tar"
    with file.open("wb") as out:
        assert run(config, out, lambda _: None)["left_out"] == ()
    return file


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["{file}"], "say where: --data-dir DIR for nilm-edge run, or --config FILE for services"),
        (["/nowhere.tar", "--check"], "cannot read /nowhere.tar: No such file"),
        (["{here}", "--check"], "Is a directory"),
        (["{here}/text", "--check"], "no backup of nilm-edge, or a damaged one"),
        (["{file}", "--data-dir", "/proc/nilm"], "the disk of /proc/nilm has 0 MB free"),
        (["{file}", "--data-dir", "{file}"], "cannot look into"),
        (["{file}", "--data-dir", "{here}"], "is not empty (snapshot.duckdb"),
    ],
)
def test_what_is_wrong_is_said(
    file: Path, arguments: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_bytes(b"no backup at all " * 100)
    code = main(["restore", *(text.format(file=file, here=tmp_path) for text in arguments)])
    said = capsys.readouterr()
    assert (code, said.out) == (78 if "say where" in why else 1, "")
    assert why in said.err
    assert said.err.count("\n") == 1


def test_a_new_machine_without_a_configuration_gets_that_of_the_backup(
    config: Config, influx: Influx, tmp_path: Path
) -> None:
    there, file, place = tmp_path / "data", tmp_path / "home.tar", tmp_path / "etc" / "config.toml"
    here = replace(config, data_dir=str(there))
    for config_now in (replace(here, influx=replace(here.influx, url="http://127.0.0.1:1")), here):
        with file.open("wb") as out:
            run(config_now, out, lambda _: None, snapshot=False)
        done = nilm_edge("restore", str(file), "--config", str(place))
        if config_now is not here:
            assert (done.returncode, "is away" in done.stderr) == (1, True)
            assert not there.exists()
            assert not place.exists()
    assert done.returncode == 0, done.stderr
    assert place.read_text() == (there / "restored-config.toml").read_text()
    assert load_config(place, {}).meters == config.meters


def test_a_backup_that_cannot_be_written_is_one_sentence(config: Config, tmp_path: Path) -> None:
    old = tmp_path / "old.toml"
    old.write_text(to_toml(config))
    done = nilm_edge("backup", "/proc/home.tar", "--config", str(old))
    assert done.returncode == 1
    assert done.stderr.startswith("nilm-edge: cannot write /proc/home.tar")
    with Path("/dev/full").open("wb") as full:
        command = [*COMMAND, "backup", "-", "--no-snapshot", "--config", str(old)]
        said = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1] == "nilm-edge: cannot write the backup: No space left on device"
    assert "Traceback" not in said.stderr


def test_what_is_no_state_file_of_ours_is_left_out_and_told(config: Config, influx: Influx) -> None:
    folder = Path(config.data_dir) / "rejected"
    folder.mkdir()
    (folder / "with space").touch()
    with (folder / "huge").open("wb") as huge:
        huge.truncate(MAX_MEMBER_BYTES + 1)
    left_out = run(config, BytesIO(), lambda _: None, snapshot=False)["left_out"]
    assert left_out == (f"{folder}/huge is larger than 256 MB", f"{folder}/with space: a backup has no such names")


def test_of_each_setting_that_names_a_file_it_is_known_whether_that_is_a_secret() -> None:
    named = set(re.findall(r"^(\w+_file) =", to_toml(Config()), re.MULTILINE))
    secret = {name for name in named if name.endswith(SECRET_FILES)}
    assert named - secret == {"data_file", "ca_file", "cert_file", "tls_cert_file"}, (
        "a secret? Then add how it ends to SECRET_FILES"
    )
