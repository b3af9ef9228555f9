"""What a family must refuse, though the topic is its own."""

import orjson

from tests.meters.payloads import (
    DESCRIPTION,
    DEVICE,
    DSMR,
    EM,
    EMON,
    GRID,
    HOMIE,
    HOUSE,
    IN,
    OWN,
    RPC,
    SHELLY_1,
    SHELLY_2,
    STATESTREAM,
    STATUS,
    TASMOTA,
    VICTRON,
    VZLOGGER,
    ZIGBEE,
    Case,
    as_json,
    one,
    sensor,
)

REFUSED = [
    one("shelly-gen1", SHELLY_1, f"{EM}/0/power", b'{"power": 1}', None),
    one("shelly-gen2", SHELLY_2, RPC, b'{"method": "NotifyStatus"}', None),
    one("shelly-gen2", SHELLY_2, RPC, b'{"method": {}, "params": {}}', None),
    one("shelly-gen2", SHELLY_2, f"{STATUS}/em:0", as_json(id=1, total_act_power=5), None),
    one("tasmota", TASMOTA, "tele/mains/SENSOR", sensor(AM2301={"Temperature": 20}), None),
    one("dsmr", DSMR, IN, b"936", None),
    one("dsmr", DSMR, IN, b"10.66", None),
    one("dsmr", DSMR, IN, b"2635.0", None),
    one("dsmr", DSMR, IN, b"-0.345", None),
    one("emon", EMON, "emon/emonpi", as_json(temperature=20), None),
    Case("vzlogger", [("vzlogger/data/chn0/id", b"1-0:1.8.0"), ("vzlogger/data/chn0/raw", b"936123")], None, VZLOGGER),
    one("zigbee2mqtt", ZIGBEE, "zigbee2mqtt/mains", as_json(total=3), None),
    one("victron", VICTRON, f"{GRID}/Energy/Forward", b'{"value": 12.5}', None),
    Case("statestream", [(f"{HOUSE}/unit_of_measurement", b'"kWh"'), (f"{HOUSE}/state", b"0.4125")], None, STATESTREAM),
    Case(
        "homie", [(f"{DEVICE}/$description", orjson.dumps(DESCRIPTION)), (f"{DEVICE}/mains/temp", b"21")], None, HOMIE
    ),
    one("generic", OWN, "any", b"100", None, settings={"max_w": 99.0}),
    one("generic", OWN, "any", b"-100", None, settings={"min_w": 0.0}),
    one("generic", OWN, "any", b"1e7", None),
]
