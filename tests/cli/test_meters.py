"""`nilm-edge meters` as a person or a script uses it."""

import json
import signal
import subprocess
import time

import pytest

from edge.adapters.mqtt import Listener, Publisher
from edge.config_text import to_toml
from edge.meters import FAMILIES
from edge.settings import Config
from tests.servers import wait_until
from tests.services.appliance import COMMAND, nilm_edge


def test_try_says_what_a_message_comes_to() -> None:
    done = nilm_edge(
        *(
            "meters",
            "try",
            "tasmota",
            "--topic",
            "tele/mains/SENSOR",
            "--payload",
            '{"ENERGY": {"Power": 2635}}',
            "--json",
        )
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["power_w"] == 2635
    assert nilm_edge("meters", "try", "generic", "--payload", "-20").stdout == "-20 W, stamped by arrival\n"


def test_try_says_why_there_is_no_sample() -> None:
    done = nilm_edge("meters", "try", "victron", "--payload", '{"value": null}', "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["power_w"], found["refused"]) == (0, None, False)
    assert "not valid" in found["why"]
    wrong = json.loads(nilm_edge("meters", "try", "dsmr", "--payload", "2635", "--json").stdout)
    assert (wrong["power_w"], wrong["refused"]) == (None, True)
    assert "another family" in wrong["why"]


def test_try_takes_phases_and_settings() -> None:
    messages = [
        text for n in (0, 1, 2) for text in ("--topic", f"shellies/em/emeter/{n}/power", "--payload", f"{n}00.00")
    ]
    done = nilm_edge("meters", "try", "shelly-gen1", *messages, "--phases", "3", "--sign", "export", "--json")
    assert json.loads(done.stdout)["power_w"] == -300
    refused = nilm_edge("meters", "try", "generic", "--payload", "1", "--unit", "MW")
    assert refused.returncode == 78
    assert "must be one of auto, W, kW" in refused.stderr


def test_families_are_listed() -> None:
    found = json.loads(nilm_edge("meters", "families", "--json").stdout)
    assert [family["family"] for family in found] == list(FAMILIES)


def test_listen_shows_what_arrives_and_simulate_sends_it(config: Config) -> None:
    from pathlib import Path

    file = Path(config.data_dir) / "config.toml"
    file.write_text(to_toml(config))
    listen = [*COMMAND, "meters", "listen", "--config", str(file), "--family", "homie", "--json"]
    simulate = [*COMMAND, "meters", "simulate", "homie", "--config", str(file)]
    with subprocess.Popen(listen, stdout=subprocess.PIPE, text=True) as ear, subprocess.Popen(simulate) as mouth:
        assert ear.stdout
        found = json.loads(ear.stdout.readline())
        while found["power_w"] is None:
            found = json.loads(ear.stdout.readline())
        for process in (ear, mouth):
            process.send_signal(signal.SIGINT)
    assert (found["family"], found["topic"]) == ("homie", "homie/5/meter/mains/power")
    assert float(found["payload"]) == found["power_w"]
    assert mouth.returncode == 0


def test_listening_to_all_names_the_family_that_reads_it(config: Config) -> None:
    from pathlib import Path

    file = Path(config.data_dir) / "config.toml"
    file.write_text(to_toml(config))
    publisher = Publisher(config.mqtt, "test-listen-all")
    listen = [*COMMAND, "meters", "listen", "--config", str(file), "--all", "--json", "--seconds", "3"]
    with subprocess.Popen(listen, stdout=subprocess.PIPE, text=True) as ear:
        assert ear.stdout
        end_s = time.monotonic() + 2.5
        while time.monotonic() < end_s:
            publisher.publish("tele/mains/SENSOR", b'{"ENERGY": {"Power": 12}}')
            publisher.publish("nobody/knows", b"7")
            publisher.turn(0.05)
            time.sleep(0.1)
        lines = [json.loads(line) for line in ear.stdout]
    publisher.close()
    assert ear.returncode == 0
    assert {(line["family"], line["power_w"]) for line in lines if line["topic"] == "tele/mains/SENSOR"} == {
        ("tasmota", 12)
    }
    assert {(line["family"], line["refused"]) for line in lines if line["topic"] == "nobody/knows"} == {(None, True)}


def test_a_broker_that_is_away_is_said(config: Config) -> None:
    from dataclasses import replace
    from pathlib import Path

    file = Path(config.data_dir) / "config.toml"
    file.write_text(to_toml(replace(config, mqtt=replace(config.mqtt, port=1))))
    done = nilm_edge("meters", "listen", "--seconds", "1", "--config", str(file))
    assert done.returncode == 1
    assert "no MQTT broker at 127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("family", ["victron"])
def test_a_meter_that_must_be_asked_is_asked(config: Config, family: str) -> None:
    from dataclasses import replace

    from edge.adapters.streams import Streams
    from edge.ingest import Intake, feeds_of, listen
    from edge.settings import Meter

    meter = Meter(family=family, topic="N/d0ff50/grid/30/Ac/Power")
    asked = replace(config, meters=(meter,))
    feeds = feeds_of(asked)
    listener = listen(asked, feeds)
    gx = Listener(config.mqtt, ["R/d0ff50/keepalive"], passing="gx")
    intake = Intake(Streams.connect(config.redis.url), listener, feeds)

    def heard() -> bool:
        found = gx.messages(0.02)
        if gx.connected:
            intake.turn(0.02)
        return bool(found)

    wait_until(lambda: bool(gx.messages(0.02)) or gx.connected)
    wait_until(heard)
    gx.close()
    listener.close()
