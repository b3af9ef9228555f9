"""nilm-announce on a real broker and Redis: what Home Assistant finds there."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge.adapters.mqtt import Listener
from edge.adapters.streams import Streams
from edge.announce import Announcer, withdraw
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.sample import Sample
from edge.settings import Config
from tests.servers import wait_until
from tests.services.processes import Service

START_S = int(time.time()) - 60
POWERS_W = {"fridge": 82.5, "kettle": 0.0}

ENTITY = {
    "name",
    "unique_id",
    "state_topic",
    "qos",
    "availability",
    "availability_mode",
    "device",
    "origin",
    "device_class",
}
DOCUMENTED = {
    "sensor": ENTITY | {"unit_of_measurement", "state_class", "suggested_display_precision"},
    "binary_sensor": ENTITY | {"payload_on", "payload_off"},
}
"""Options of MQTT sensor and MQTT binary sensor at home-assistant.io that are used here."""
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version"}
CLASSES = {("power", "W", "measurement"), ("energy", "kWh", "total_increasing")}
"""Device class, unit and state class that belong together (home-assistant.io: sensor, long-term statistics)."""


def _feed(
    streams: Streams, first: int, count: int, mains_w: float = 300.0, building: str = "home", **more: Any
) -> None:
    powers_w = more.get("powers_w", POWERS_W)
    columns = tuple(Column(name, "m-1") for name in powers_w)
    values = np.zeros(len(columns), COLUMN)
    values["power_w"], values["on"] = list(powers_w.values()), [power_w > 10 for power_w in powers_w.values()]
    seconds = range(START_S + first, START_S + first + count)
    streams.add_samples([Sample(building, at_s * 1000, mains_w) for at_s in seconds])
    other_w = mains_w - sum(powers_w.values())
    streams.add_ticks([Tick(building, at_s * 1000, columns, values, other_w) for at_s in seconds])


def _now() -> int:
    return int(time.time()) - START_S


class Broker:
    """What the broker has in store of ours, as Home Assistant finds it when it starts."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def retained(self) -> dict[str, bytes]:
        root, prefix = self._config.homeassistant.topic, self._config.homeassistant.prefix
        listener = Listener(self._config.mqtt, [f"{root}/#", f"{prefix}/#"], passing="home-assistant")
        wait_until(lambda: bool(listener.messages(0.02)) or listener.connected)
        found: dict[str, bytes] = {}
        quiet = 0
        while quiet < 4:
            messages = listener.messages(0.05)
            quiet = 0 if messages else quiet + 1
            for message in messages:
                listener.acknowledge(message)
                found[message.topic] = message.payload
        listener.close()
        return found


@pytest.fixture
def home(config: Config) -> Config:
    """Topics of this test alone."""
    name = config.mqtt.client_id
    about = replace(config.homeassistant, prefix=f"ha-{name}", topic=f"values-{name}", every_s=1)
    return replace(config, homeassistant=about)


@pytest.fixture
def announcer(home: Config, streams: Streams) -> Iterator[Announcer]:
    running = Announcer(home, streams)
    yield running
    running.close()


def _turn(announcer: Announcer, duration_s: float = 1.2) -> None:
    """Let it run, and until the broker has all of it."""
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s or announcer.publisher.unconfirmed:
        announcer.turn(0.02)


def test_every_entity_is_announced_as_documented(home: Config, streams: Streams, announcer: Announcer) -> None:
    _feed(streams, _now(), 1)
    _turn(announcer)
    found = Broker(home).retained()
    configs = {topic: json.loads(payload) for topic, payload in found.items() if topic.startswith("ha-")}
    assert len(configs) == 2 * 4 + 1 + 2  # power and energy of four, what is exported, two that run
    for topic, config in configs.items():
        prefix, component, object_id, last = topic.split("/")
        assert (prefix, last, config["unique_id"]) == (home.homeassistant.prefix, "config", object_id)
        assert set(config) == DOCUMENTED[component]
        assert set(config["device"]) == DEVICE
        assert set(config["origin"]) == {"name", "sw_version"}
        assert config["device"]["identifiers"] == ["nilm_home"]
        if component == "sensor":
            assert (config["device_class"], config["unit_of_measurement"], config["state_class"]) in CLASSES
        else:
            assert (config["device_class"], config["payload_on"], config["payload_off"]) == ("running", "ON", "OFF")
        assert config["availability_mode"] == "all"
        assert [found[entry["topic"]] for entry in config["availability"]] == [b"online", b"online"]
        assert config["state_topic"] in found
    assert len({config["unique_id"] for config in configs.values()}) == len(configs)
    assert f"{home.homeassistant.prefix}/sensor/nilm_home_fridge_power/config" in configs


def test_values_are_told_zeros_as_well(home: Config, streams: Streams, announcer: Announcer) -> None:
    _feed(streams, 0, 1)
    _turn(announcer)
    _feed(streams, 1, 10)
    _turn(announcer, 2.2)
    found, root = Broker(home).retained(), f"{home.homeassistant.topic}/home"
    values = {topic.removeprefix(root): payload for topic, payload in found.items() if topic.startswith(root)}
    assert {name: values[f"/{name}/power"] for name in ("mains", "other", "fridge", "kettle")} == {
        "mains": b"300.0",
        "other": b"217.5",
        "fridge": b"82.5",
        "kettle": b"0.0",
    }
    assert (values["/fridge/running"], values["/kettle/running"]) == (b"ON", b"OFF")
    assert (values["/mains/energy"], values["/kettle/energy"], values["/exported/energy"]) == (
        *(b"0.0008", b"0.0000"),  # 300 W for 10 s are 0.83 Wh
        b"0.0000",
    )


def test_energy_is_exact_over_restarts(home: Config, streams: Streams) -> None:
    _feed(streams, -3000, 1)
    for n in range(30):  # each one is killed: nothing is said goodbye to
        announcer = Announcer(home, streams)
        announcer._look_due_s = 0
        wait_until(lambda announcer=announcer: announcer.turn(0.01) or announcer.publisher.connected)  # type: ignore[misc]
        _feed(streams, -2999 + n * 100, 100, mains_w=1234.5 if n % 2 else -250.25)
        announcer._look_due_s = 0
        announcer.turn(0.01)
        announcer.publisher.close()
    totals = announcer._totals.load("home")
    assert totals is not None
    assert totals.mws["fridge"] == 3000 * 82_500
    assert totals.mws["mains"] == 1500 * 1_234_500
    assert totals.mws["exported"] == 1500 * 250_250
    assert totals.kwh("fridge") == "0.0687"


def test_an_appliance_whose_model_is_removed_vanishes(home: Config, streams: Streams, announcer: Announcer) -> None:
    _feed(streams, 0, 1)
    _feed(streams, 0, 1, building="barn")
    _turn(announcer)
    before = Broker(home).retained()
    _feed(streams, 1, 1, powers_w={"fridge": 80.0})
    _turn(announcer)
    gone = before.keys() - Broker(home).retained().keys()
    assert {topic.removeprefix("ha-").split("/", 1)[1] for topic in gone} == {
        "sensor/nilm_home_kettle_power/config",
        "sensor/nilm_home_kettle_energy/config",
        "binary_sensor/nilm_home_kettle_running/config",
        "home/kettle/power",
        "home/kettle/energy",
        "home/kettle/running",
    }


def test_a_killed_service_is_unavailable_by_its_last_will(home: Config, streams: Streams) -> None:
    _feed(streams, 0, 1)
    status = f"{home.homeassistant.topic}/status"
    service = Service("announce", home)
    wait_until(lambda: Broker(home).retained().get(status) == b"online")
    service.process.send_signal(signal.SIGKILL)
    wait_until(lambda: Broker(home).retained().get(status) == b"offline")
    service.process.wait(2)


def test_a_stopped_service_says_that_it_is_gone(home: Config, streams: Streams) -> None:
    _feed(streams, 0, 1)
    status = f"{home.homeassistant.topic}/status"
    with Service("announce", home):
        wait_until(lambda: Broker(home).retained().get(status) == b"online")
    assert Broker(home).retained()[status] == b"offline"


def test_a_building_without_a_new_second_is_unavailable(home: Config, streams: Streams, announcer: Announcer) -> None:
    _feed(streams, -3000, 1)
    _turn(announcer)
    found = Broker(home).retained()
    assert found[f"{home.homeassistant.topic}/home/status"] == b"offline"
    assert found[f"{home.homeassistant.topic}/status"] == b"online"
    _feed(streams, _now(), 1)
    _turn(announcer)
    assert Broker(home).retained()[f"{home.homeassistant.topic}/home/status"] == b"online"


def test_everything_can_be_taken_back(home: Config, streams: Streams) -> None:
    _feed(streams, 0, 1)
    announcer = Announcer(home, streams)
    _turn(announcer)
    announcer.close()
    assert withdraw(home) == 11
    left = Broker(home).retained()
    assert not [topic for topic in left if topic.endswith("/config")]
    assert withdraw(home) == 0
