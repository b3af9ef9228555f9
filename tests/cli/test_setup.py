"""`nilm-edge setup`: finds a meter at a real broker, and writes it into a file that a person keeps."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.adapters.mqtt import Publisher
from edge.config import load_config, parse_config
from edge.config_edit import with_meter
from edge.config_text import to_toml
from edge.errors import ConfigError
from edge.settings import Config, Meter
from tests.services.appliance import nilm_edge

KEPT = """\
# Anna's house. Do not touch without asking.
log_level = "debug"   # while we look for the fault

[mqtt]
host = "127.0.0.1"
port = {port}

[gateway]
port = 8099 # not 8080: that is the printer
"""
TASMOTA = Meter(family="tasmota", topic="tele/setup/SENSOR")


@contextmanager
def saying(config: Config, *messages: tuple[str, bytes]) -> Iterator[None]:
    """Say them five times a second."""
    stop = threading.Event()

    def talk() -> None:
        publisher = Publisher(config.mqtt, "setup-test")
        while not stop.is_set():
            publisher.turn(0.05)
            if publisher.connected:
                for topic, payload in messages:
                    publisher.publish(topic, payload)
            time.sleep(0.15)
        publisher.close()

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def setup(file: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return nilm_edge("setup", "--config", str(file), "--seconds", "1", *options, said="")


def test_a_meter_is_found_and_written_with_every_comment_kept(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    before = KEPT.format(port=config.mqtt.port)
    file.write_text(before)
    file.chmod(0o640)
    with saying(config, (TASMOTA.topic, b'{"ENERGY": {"Power": 2635}}'), ("lights/kitchen", b'{"on": true}')):
        asked = setup(file)
        assert (asked.returncode, file.read_text()) == (1, before)  # nobody said yes
        assert "2635 W" in asked.stdout
        done = setup(file, "--yes", "--json")
        assert done.returncode == 0, done.stdout
        again = setup(file, "--yes")
    said = json.loads(done.stdout)
    assert said["chosen"] == {"building": "home", "family": "tasmota", "topic": TASMOTA.topic}
    assert (
        file.read_text() == before + f'\n[[meters]]\nbuilding = "home"\nfamily = "tasmota"\ntopic = "{TASMOTA.topic}"\n'
    )
    assert file.stat().st_mode & 0o777 == 0o640
    assert load_config(file, {}).meters == (TASMOTA,)
    assert (again.returncode, "already" in again.stdout) == (0, True)


def test_of_several_meters_one_must_be_named(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(KEPT.format(port=config.mqtt.port))
    with saying(config, (TASMOTA.topic, b'{"ENERGY": {"Power": 2635}}'), ("zigbee2mqtt/tv", b'{"power": 80}')):
        several = setup(file, "--yes")
        assert (several.returncode, "--topic" in several.stderr) == (1, True)
        chosen = setup(file, "--yes", "--topic", "zigbee2mqtt/tv", "--building", "barn")
    assert chosen.returncode == 0, chosen.stderr
    assert load_config(file, {}).meters == (Meter(building="barn", family="zigbee2mqtt", topic="zigbee2mqtt/tv"),)


def test_nothing_that_is_a_meter(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(KEPT.format(port=config.mqtt.port))
    silent = setup(file, "--yes", "--json")
    assert (silent.returncode, "Nothing at all" in json.loads(silent.stdout)["why"]) == (1, True)
    with saying(config, ("lights/kitchen", b'{"on": true}')):
        other = setup(file, "--yes")
    assert (other.returncode, "lights/kitchen" in other.stderr) == (1, True)
    file.write_text(KEPT.format(port=1))
    away = setup(file, "--yes")
    assert (away.returncode, "no MQTT broker" in away.stderr) == (1, True)


def test_another_meter_of_the_building_is_not_replaced_unasked(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    mine = '\n[[meters]]\n# in the cellar\nfamily = "emon"\ntopic = "emon/emonpi"\npower = "power2"  # the clamp\n'
    file.write_text(KEPT.format(port=config.mqtt.port) + mine)
    with saying(config, (TASMOTA.topic, b'{"ENERGY": {"Power": 2635}}')):
        refused = setup(file, "--yes")
        assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
        done = setup(file, "--yes", "--replace")
    assert done.returncode == 0, done.stderr
    assert load_config(file, {}).meters == (TASMOTA,)
    assert "# in the cellar" in file.read_text()
    assert 'power = ""  # the clamp' in file.read_text()


def test_the_placeholder_of_a_new_configuration_gives_way() -> None:
    text = to_toml(Config(), comments=True)
    changed = with_meter(text, "it", TASMOTA, 0)
    assert parse_config(changed, "it").meters == (TASMOTA,)
    gone = set(text.splitlines()) - set(changed.splitlines())
    assert gone == {'family = "smappee"', 'topic = "servicelocation/+/realtime"'}


@pytest.mark.parametrize(
    "text",
    [
        'meters = [{ topic = "a" }]\n',
        '[[meters]]\ntopic = """\na"""\n',
        '[[meters]]\n"family" = "emon"\n',
        "[ [ meters ] ]\n",
        "[[meters]]\nbuilding = 3\n",
        "not toml",
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone(text: str) -> None:
    with pytest.raises(ConfigError):
        with_meter(text, "it", TASMOTA, 0)
