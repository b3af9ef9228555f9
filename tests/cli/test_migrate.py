"""Data and configuration of other versions: brought forward, taken back, refused where they are newer."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.config_text import to_toml
from edge.config_versions import as_now
from edge.data_version import FILE, STEPS, Step, check, migrate, version_of
from edge.errors import ConfigError, NilmError
from edge.settings import Config
from tests.services.appliance import nilm_edge


def rename(old: str, new: str) -> Any:
    def change(data_dir: Path) -> None:
        if (data_dir / old).exists():  # it may have been done already
            (data_dir / old).rename(data_dir / new)

    return change


TO_COME = (
    *STEPS,
    Step("a is called b", rename("a", "b"), rename("b", "a")),
    Step("b is called c", rename("b", "c"), None),
)


def test_data_of_every_earlier_version_is_brought_forward(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    assert version_of(tmp_path) == 0  # nobody has written it down yet
    assert migrate(tmp_path) == ["the data gets a version"]
    assert (version_of(tmp_path), migrate(tmp_path)) == (len(STEPS), [])
    assert migrate(tmp_path, steps=TO_COME) == ["a is called b", "b is called c"]
    assert (version_of(tmp_path), (tmp_path / "c").read_text()) == (3, "kept")


def test_a_step_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    migrate(tmp_path)
    (tmp_path / "b").write_text("kept")  # renamed already, and not written down
    migrate(tmp_path, 2, TO_COME)
    assert (version_of(tmp_path), (tmp_path / "b").read_text()) == (2, "kept")


def test_data_is_taken_back_as_far_as_that_can_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    migrate(tmp_path, 2, TO_COME)
    assert migrate(tmp_path, 1, TO_COME) == ["undone: a is called b"]
    assert (tmp_path / "a").read_text() == "kept"
    migrate(tmp_path, steps=TO_COME)
    with pytest.raises(NilmError, match="cannot go back"):
        migrate(tmp_path, 1, TO_COME)


def test_newer_data_is_refused_by_everything_that_writes(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"data": 99}))
    (tmp_path / "config.toml").write_text(to_toml(Config()).replace("/var/lib/nilm-edge", str(tmp_path)))
    with pytest.raises(ConfigError, match="of a later nilm-edge"):
        check(tmp_path)
    for command in (["persist"], ["migrate"], ["migrate", "--check"]):
        done = nilm_edge(*command, "--config", str(tmp_path / "config.toml"))
        assert (done.returncode, "later nilm-edge" in done.stderr) == (78, True), done.stderr
    done = nilm_edge("run", "--data-dir", str(tmp_path))
    assert (done.returncode, "later nilm-edge" in done.stderr) == (78, True), done.stderr
    assert json.loads((tmp_path / FILE).read_text()) == {"data": 99}


@pytest.mark.parametrize("text", ["", "[]", '{"data": "1"}', '{"data": -1}', '{"data": true}'])
def test_a_version_that_cannot_be_read_is_no_version(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(NilmError, match="says no version"):
        migrate(tmp_path)


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(to_toml(Config()).replace("/var/lib/nilm-edge", str(tmp_path / "data")))
    said = [nilm_edge("migrate", *how, "--config", str(file)).stdout for how in ((), ("--known",), ("--there",))]
    assert said == [f"there is no {tmp_path / 'data'} yet: nothing to do\n", f"{len(STEPS)}\n", "0\n"]
    (tmp_path / "data").mkdir()
    assert nilm_edge("migrate", "--config", str(file)).stdout == "the data gets a version\n"
    assert nilm_edge("migrate", "--to", "0", "--config", str(file)).stdout == "undone: the data gets a version\n"
    assert version_of(tmp_path / "data") == 0


def test_a_configuration_of_an_earlier_version_is_read() -> None:
    def ports(data: dict[str, Any]) -> dict[str, Any]:
        mqtt = dict(data.get("mqtt", {}))
        mqtt["port"] = mqtt.pop("prot", 1883)
        return data | {"mqtt": mqtt}

    assert as_now({"mqtt": {"prot": 1}}, "it", (ports,)) == {"mqtt": {"port": 1}}
    assert as_now({"config_version": 1}, "it", (ports,)) == {"config_version": 2, "mqtt": {"port": 1883}}
    assert as_now({"config_version": 2, "mqtt": {"port": 1}}, "it", (ports,))["mqtt"] == {"port": 1}
    for wrong in (3, 0, "1", True):
        with pytest.raises(ConfigError, match="it: config_version"):
            as_now({"config_version": wrong}, "it", (ports,))
