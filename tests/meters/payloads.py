"""What meters publish, from their documentation: each family's messages, and the power they come to."""

from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Case:
    """Messages one after the other, and what the last one comes to: W, or None where it is no sample."""

    family: str
    messages: list[tuple[str, bytes]]
    power_w: float | None
    source: str
    settings: dict[str, Any] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    """Other values that it must have."""
    id: str = ""


SHELLY_1 = "Shelly Gen1 API, MQTT of Shelly EM and 3EM (shelly-api-docs.shelly.cloud/gen1)"
SHELLY_2 = "Shelly Gen2+ API, Notifications, EM, EM1, Switch (shelly-api-docs.shelly.cloud/gen2)"
TASMOTA = "Tasmota documentation, MQTT, Power Monitoring, Smart Meter Interface (tasmota.github.io/docs)"
SMAPPEE = "Smappee local MQTT interface, realtime topic"
DSMR = "DSMR-reader documentation, Data sources and MQTT (dsmr-reader.readthedocs.io)"
EMON = "OpenEnergyMonitor emonHub MQTT interfacer (docs.openenergymonitor.org)"
VZLOGGER = "vzlogger README and etc/vzlogger.conf (volkszaehler/vzlogger)"
ZIGBEE = "Zigbee2MQTT documentation, MQTT topics and messages (zigbee2mqtt.io/guide)"
VICTRON = "dbus-flashmq README (victronenergy/dbus-flashmq)"
STATESTREAM = "Home Assistant documentation, MQTT Statestream (home-assistant.io/integrations/mqtt_statestream)"
EVCC = "evcc documentation, MQTT API (docs.evcc.io)"
HOMIE = "Homie convention 5 (homieiot/convention)"
THIN_EDGE = "thin-edge.io documentation, MQTT API, measurements (thin-edge.github.io)"
OWN = "docs/meters.md"

EM = "shellies/shellyem3-ABCDEF/emeter"
RPC = "shellypro3em-abcdef012345/events/rpc"
STATUS = "shellypro3em-abcdef012345/status"
IN, OUT = "dsmr/reading/electricity_currently_delivered", "dsmr/reading/electricity_currently_returned"
GRID = "N/d0ff50abcdef/grid/30/Ac"
HOUSE = "homeassistant/sensor/mains_power"
DEVICE = "homie/5/meter"
MAIN = "te/device/main///m/mains"


def notify(**params: Any) -> bytes:
    """A NotifyStatus; `em_0` is the component em:0."""
    named = {name.replace("_", ":", 1) if name != "ts" else name: value for name, value in params.items()}
    device = "shellypro3em-abcdef012345"
    return orjson.dumps({"src": device, "dst": f"{device}/events", "method": "NotifyStatus", "params": named})


FULL = {
    "id": 0,
    "a_current": 4.029,
    "a_voltage": 236.0,
    "a_act_power": 1200.0,
    "b_current": 4.1,
    "b_voltage": 237.0,
    "b_act_power": 700.0,
    "c_current": 2.2,
    "c_voltage": 238.0,
    "c_act_power": 450.0,
    "n_current": None,
    "total_current": 11.083,
    "total_act_power": 2350.0,
    "total_aprt_power": 2525.0,
}
DESCRIPTION = {
    "homie": "5.0",
    "version": 7,
    "nodes": {"mains": {"properties": {"power": {"datatype": "float", "unit": "kW"}, "temp": {"unit": "°C"}}}},
}
ENERGY = {
    "Total": 6.294,
    "Yesterday": 0.0,
    "Today": 6.294,
    "Period": 217,
    "Power": 2635,
    "Voltage": 227,
    "Current": 11.661,
}


def sensor(**groups: Any) -> bytes:
    """A Tasmota SENSOR message."""
    return orjson.dumps({"Time": "2018-02-15T17:37:10", **groups})


def as_json(**values: Any) -> bytes:
    """A JSON object."""
    return orjson.dumps(values)


def one(family: str, source: str, topic: str, payload: bytes, power_w: float | None, **more: Any) -> Case:
    """A message alone."""
    return Case(family, [(topic, payload)], power_w, source, **more)


CASES = [
    # shelly-gen1: phases in topics of their own, summed
    one("shelly-gen1", SHELLY_1, f"{EM}/0/power", b"10.66", 10.66),
    one("shelly-gen1", SHELLY_1, "shellies/shellyplug-s-ABC/relay/0/power", b"54.30", 54.3),
    Case("shelly-gen1", [(f"{EM}/{i}/power", b"100.50") for i in range(3)], 301.5, SHELLY_1, {"phases": 3}),
    Case("shelly-gen1", [(f"{EM}/{i}/power", b"100.50") for i in range(2)], None, SHELLY_1, {"phases": 3}),
    Case("shelly-gen1", [(f"{EM}/0/power", b"500.00"), (f"{EM}/1/power", b"-700.25")], -200.25, SHELLY_1),
    Case("shelly-gen1", [(f"{EM}/0/power", b"500.00"), (f"{EM}/0/power", b"")], None, SHELLY_1),
    Case(
        "shelly-gen1",
        [(f"{EM}/0/voltage", b"230.10"), (f"{EM}/0/total", b"12345.0"), (f"{EM}/0/power", b"10.66")],
        10.66,
        SHELLY_1,
        reading={"voltage_v": 230.1, "energy_wh": 12345.0},
    ),
    Case(
        "shelly-gen1",
        [(f"{EM}/0/total", b"12345.0"), (f"{EM}/0/total", b"0"), (f"{EM}/0/power", b"10.66")],
        10.66,
        SHELLY_1,
        reading={"energy_wh": 0.0},
        id="a counter that was reset is no energy",
    ),
    one("shelly-gen1", SHELLY_1, f"{EM}/0/total", b"12345.0", None),
    one("shelly-gen1", SHELLY_1, "shellies/shellyem3-ABCDEF/online", b"true", None),
    # shelly-gen2: partial updates over the last state
    one("shelly-gen2", SHELLY_2, RPC, notify(ts=1631186545.04, em_0=FULL), 2350.0, reading={"at_ms": 1631186545040}),
    one("shelly-gen2", SHELLY_2, f"{STATUS}/em:0", orjson.dumps(FULL), 2350.0, reading={"voltage_v": 237.0}),
    one("shelly-gen2", SHELLY_2, f"{STATUS}/em1:0", as_json(id=0, act_power=-501.8, voltage=234.9), -501.8),
    one("shelly-gen2", SHELLY_2, f"{STATUS}/switch:0", as_json(id=0, output=True, apower=8.9, voltage=237.5), 8.9),
    one("shelly-gen2", SHELLY_2, f"{STATUS}/em:0", as_json(id=0, total_act_power=None), None),
    one("shelly-gen2", SHELLY_2, f"{STATUS}/cloud", as_json(connected=True), None),
    one("shelly-gen2", SHELLY_2, RPC, notify(ts=1631186545.04, cloud={"connected": True}), None),
    one("shelly-gen2", SHELLY_2, RPC, notify(ts=1.0, em_0={"id": 0, "a_voltage": 230.0}), None),
    one("shelly-gen2", SHELLY_2, RPC, notify(ts=1.0, em_0={"id": 0, "b_act_power": 5.0}), None),
    Case(
        "shelly-gen2",
        [(RPC, notify(ts=1.0, em_0=FULL)), (RPC, notify(ts=2.0, em_0={"id": 0, "b_act_power": 0.0}))],
        1650.0,
        SHELLY_2,
        id="a phase that changed is laid over the last state",
    ),
    Case(
        "shelly-gen2",
        [(RPC, notify(ts=1.0, em_0=FULL)), (RPC, notify(ts=2.0, em_0={"id": 0, "a_voltage": 230.0}))],
        2350.0,
        SHELLY_2,
        id="an update without power leaves the last one",
    ),
    Case(
        "shelly-gen2",
        [(RPC, notify(ts=1.0, em1_0={"act_power": 300.0})), (RPC, notify(ts=1.0, em1_1={"act_power": 40.0}))],
        340.0,
        SHELLY_2,
        {"power": "em1:0 + em1:1"},
    ),
    # tasmota
    one(
        "tasmota",
        TASMOTA,
        "tele/mains/SENSOR",
        sensor(ENERGY=ENERGY),
        2635.0,
        reading={"energy_wh": 6294.0, "at_ms": None},
    ),
    one(
        "tasmota",
        TASMOTA,
        "tele/mains/SENSOR",
        sensor(ENERGY={"Power": [100, "200.5", -50], "Voltage": [229, 231]}),
        250.5,
    ),
    one("tasmota", TASMOTA, "tele/mains/SENSOR", sensor(ENERGY={"Power": [100, None]}), None),
    one("tasmota", TASMOTA, "tele/mains/SENSOR", sensor(SML={"Power_curr": 312.4, "Total_in": 12345.678}), 312.4),
    one("tasmota", TASMOTA, "tele/mains/SENSOR", sensor(MT175={"P": -42}), -42.0, settings={"power": "MT175.P"}),
    one("tasmota", TASMOTA, "tele/mains/LWT", b"Offline", None),
    # smappee
    one(
        "smappee",
        SMAPPEE,
        "servicelocation/4e3a1b5c/realtime",
        as_json(totalPower=30, channelPowers=[{"ctInput": 0, "power": 12}, {"ctInput": 1, "power": 18}]),
        18.0,
        settings={"circuit": "1"},
    ),
    one(
        "smappee", SMAPPEE, "servicelocation/4e3a1b5c/realtime", as_json(totalPower=30), None, settings={"circuit": "1"}
    ),
    one("emon", EMON, "emon/emonpi", as_json(power1=100, power2=30), 30.0, settings={"circuit": "power2"}),
    one("emon", EMON, "emon/emonpi", as_json(power1=100, power2=30), 130.0, settings={"circuit": "power1 + power2"}),
    one("emon", EMON, "emon/emonpi", as_json(power1=100, power2=30), None, settings={"circuit": "power1 + power7"}),
    Case(
        "shelly-gen1",
        [(f"{EM}/{i}/power", f"{i}5.00".encode()) for i in range(2)],
        15.0,
        SHELLY_1,
        {"circuit": "1"},
    ),
    Case(
        "shelly-gen2",
        [(RPC, notify(ts=1.0, em1_0={"act_power": 300.0}, em1_1={"act_power": 40.0}))],
        40.0,
        SHELLY_2,
        {"circuit": "em1:1"},
    ),
    one(
        "smappee",
        SMAPPEE,
        "servicelocation/4e3a1b5c/realtime",
        as_json(
            totalPower=1234,
            utcTimeStamp=1_700_000_000_123,
            channelPowers=[{"ctInput": 0, "power": 1200, "phaseId": 0}, {"publishIndex": 1, "power": 34, "phaseId": 1}],
            voltages=[{"voltage": 230.0, "phaseId": 0}, {"voltage": 232.0, "phaseId": 1}],
        ),
        1234.0,
        reading={"at_ms": 1_700_000_000_123, "voltage_v": 231.0, "circuits": {"0": 1200.0, "1": 34.0}},
    ),
    one(
        "smappee",
        SMAPPEE,
        "servicelocation/4e3a1b5c/realtime",
        as_json(totalPower=5, utcTimeStamp=4000),
        5.0,
        reading={"at_ms": None},
    ),
    one("smappee", SMAPPEE, "servicelocation/4e3a1b5c/realtime", as_json(totalPower=None), None),
    # dsmr: kW, import and export apart
    one("dsmr", DSMR, IN, b"0.345", 345.0),
    one("dsmr", DSMR, OUT, b"1.250", -1250.0),
    one("dsmr", DSMR, IN, b"0.000", None),
    one("dsmr", DSMR, OUT, b"0.000", None),
    Case("dsmr", [(IN, b"0.000"), (OUT, b"0.000")], 0.0, DSMR),
    Case("dsmr", [(IN, b"0.000"), (OUT, b"2.100")], -2100.0, DSMR),
    Case("dsmr", [(OUT, b"2.100"), (IN, b"0.420")], 420.0, DSMR, id="what was returned before is over"),
    Case("dsmr", [(IN, b"0.420"), (OUT, b"0.000")], 420.0, DSMR),
    one(
        "dsmr",
        DSMR,
        "dsmr/json",
        as_json(
            timestamp="2020-10-15T05:30:47Z",
            electricity_currently_delivered="1.234",
            electricity_currently_returned="0.000",
            electricity_delivered_1="100.500",
            electricity_delivered_2="200.500",
            phase_voltage_l1=230,
            phase_voltage_l2=None,
        ),
        1234.0,
        reading={"at_ms": 1_602_739_847_000, "voltage_v": 230.0, "energy_wh": 301000.0},
    ),
    one("dsmr", DSMR, "dsmr/json", as_json(electricity_currently_delivered="1.234"), 1234.0),
    one("dsmr", DSMR, "dsmr/json", as_json(electricity_currently_delivered="0.000"), None),
    one("dsmr", DSMR, "dsmr/reading/electricity_delivered_1", b"1234.567", None),
    # emon
    one("emon", EMON, "emon/emonpi/power1", b"100", 100.0),
    one("emon", EMON, "emon/emonpi", as_json(power1=100, power2=30, time=1_602_739_847.5, rssi=-60), 100.0),
    one("emon", EMON, "emon/emonpi", as_json(power1=100, power2=30), 130.0, settings={"power": "power1 + power2"}),
    one(
        "emon",
        EMON,
        "emon/emonTx4",
        as_json(MSG=1, Vrms=241.2, P1=-250.0, P2=3.0, E1=4),
        -250.0,
        reading={"voltage_v": 241.2},
    ),
    one("emon", EMON, "emon/emonpi/power2", b"30", None),
    one("emon", EMON, "emon/emontx/power2", b"30", 30.0, settings={"topic": "emon/emontx/power2"}),
    one("emon", EMON, "emon/emonpi/vrms", b"241.2", None),
    # vzlogger
    one("vzlogger", VZLOGGER, "vzlogger/data/chn0/raw", b"936.5", 936.5),
    one(
        "vzlogger",
        VZLOGGER,
        "vzlogger/data/chn0/raw",
        as_json(timestamp=1_602_739_847_000, value=-12.5),
        -12.5,
        reading={"at_ms": 1_602_739_847_000},
    ),
    Case("vzlogger", [("vzlogger/data/chn0/id", b"1-0:16.7.0"), ("vzlogger/data/chn0/raw", b"936")], 936.0, VZLOGGER),
    Case("vzlogger", [("vzlogger/data/chn0/raw", b"0.936")], 936.0, VZLOGGER, {"unit": "kW"}),
    # zigbee2mqtt
    one(
        "zigbee2mqtt",
        ZIGBEE,
        "zigbee2mqtt/ground floor/mains",
        as_json(state="ON", power=1520.5, current=6.61, voltage=230, energy=12.34, linkquality=120),
        1520.5,
        reading={"energy_wh": 12340.0, "current_a": 6.61, "voltage_v": 230.0},
    ),
    one("zigbee2mqtt", ZIGBEE, "zigbee2mqtt/mains", as_json(linkquality=99, state="ON"), None),
    one("zigbee2mqtt", ZIGBEE, "zigbee2mqtt/mains", as_json(linkquality=99, power=None), None),
    one("zigbee2mqtt", ZIGBEE, "zigbee2mqtt/mains/availability", as_json(state="online"), None),
    one("zigbee2mqtt", ZIGBEE, "zigbee2mqtt/bridge/info", as_json(version="1.33.0"), None),
    # victron
    one("victron", VICTRON, f"{GRID}/Power", b'{"value": 936}', 936.0),
    one("victron", VICTRON, f"{GRID}/Power", b'{"value": -2100.5}', -2100.5),
    one("victron", VICTRON, f"{GRID}/Power", b'{"value": null}', None),
    one("victron", VICTRON, f"{GRID}/Power", b"", None),
    Case("victron", [(f"{GRID}/L{n}/Power", b'{"value": 100}') for n in (1, 2, 3)], 300.0, VICTRON, {"phases": 3}),
    # statestream
    one("statestream", STATESTREAM, f"{HOUSE}/state", b'"412.5"', 412.5, settings={"unit": "W"}),
    one("statestream", STATESTREAM, f"{HOUSE}/state", b"412.5", None),
    Case("statestream", [(f"{HOUSE}/unit_of_measurement", b'"kW"'), (f"{HOUSE}/state", b"0.4125")], 412.5, STATESTREAM),
    one("statestream", STATESTREAM, f"{HOUSE}/state", b"unavailable", None, settings={"unit": "W"}),
    one("statestream", STATESTREAM, f"{HOUSE}/friendly_name", b'"Mains"', None),
    # evcc
    one("evcc", EVCC, "evcc/site/gridPower", b"-1520", -1520.0),
    one("evcc", EVCC, "evcc/site/homePower", b"845.5", 845.5, settings={"topic": "evcc/site/homePower"}),
    one("evcc", EVCC, "evcc/site/homePower", b"845.5", None),
    one("evcc", EVCC, "evcc/site/pvPower", b"845.5", None),
    # homie
    one("homie", HOMIE, f"{DEVICE}/mains/power", b"21.5", 21.5, settings={"unit": "W"}),
    one("homie", HOMIE, f"{DEVICE}/mains/power", b"21.5", None),
    Case(
        "homie",
        [(f"{DEVICE}/$description", orjson.dumps(DESCRIPTION)), (f"{DEVICE}/mains/power", b"0.0215")],
        21.5,
        HOMIE,
    ),
    one("homie", HOMIE, f"{DEVICE}/$state", b"lost", None),
    # thin-edge
    one(
        "thin-edge",
        THIN_EDGE,
        MAIN,
        as_json(power=2350.5, time="2020-10-15T05:30:47+00:00"),
        2350.5,
        reading={"at_ms": 1_602_739_847_000},
    ),
    Case(
        "thin-edge", [(f"{MAIN}/meta", as_json(power={"unit": "kW"})), (MAIN, as_json(power=2.35))], 2350.0, THIN_EDGE
    ),
    one("thin-edge", THIN_EDGE, MAIN, as_json(grid={"power": 5}), 5.0, settings={"power": "grid.power"}),
    # generic
    one("generic", OWN, "any", b"10.66", 10.66),
    one("generic", OWN, "any", b' "936" ', 936.0),
    one("generic", OWN, "any", b"-0.25", -250.0, settings={"unit": "kW"}),
    one("generic", OWN, "any", b"", None),
    one("generic", OWN, "any", b"null", None),
    one(
        "generic",
        OWN,
        "any",
        as_json(emeters=[{"power": 1}, {"power": "2"}]),
        2.0,
        settings={"power": "emeters.1.power"},
    ),
    one("generic", OWN, "any", as_json(i=[1, 2], o=0.5), 2.5, settings={"power": "i - o"}),
    one("generic", OWN, "any", b"100", -100.0, settings={"sign": "export"}),
    one("generic", OWN, "any", b"100", 250.0, settings={"scale": 2.5}),
    one(
        "generic",
        OWN,
        "any",
        as_json(p=1, t=1_700_000_000),
        1.0,
        settings={"power": "p", "time": "t"},
        reading={"at_ms": 1_700_000_000_000},
    ),
    one(
        "generic",
        OWN,
        "any",
        as_json(p=1, t="2023-11-14T22:13:20"),
        1.0,
        settings={"power": "p", "time": "t"},
        reading={"at_ms": None},
    ),
    one("generic", OWN, "any", b'{"p": 1, "t": 1%s}' % (b"0" * 400), 1.0, settings={"power": "p", "time": "t"}),
    one("generic", OWN, "any", as_json(p=1, t="0001-01-01T00:00:00+14:00"), 1.0, settings={"power": "p", "time": "t"}),
]
