import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import BadReading
from edge.meters import FAMILIES
from edge.settings import Meter

SMAPPEE = {
    "totalPower": 1234,
    "utcTimeStamp": 1_700_000_000_123,
    "channelPowers": [{"publishIndex": 0, "power": 1234, "phaseId": 0}],
    "voltages": [{"voltage": 230.0, "phaseId": 0}, {"voltage": 232.0, "phaseId": 1}],
}


def _generic(power: str = "", unit: str = "W", time: str = "") -> Meter:
    return Meter(family="generic", power=power, unit=unit, time=time)


def test_smappee_realtime() -> None:
    reading = FAMILIES["smappee"](Meter(), json.dumps(SMAPPEE).encode())
    assert (reading.power_w, reading.at_ms, reading.voltage_v) == (1234.0, 1_700_000_000_123, 231.0)


def test_a_smappee_clock_that_was_never_set_is_not_trusted() -> None:
    assert FAMILIES["smappee"](Meter(), json.dumps(SMAPPEE | {"utcTimeStamp": 4000}).encode()).at_ms is None


@pytest.mark.parametrize(
    ("meter", "payload", "power_w", "at_ms"),
    [
        (_generic(), b"10.66", 10.66, None),
        (_generic(), b' "936" ', 936.0, None),
        (_generic(unit="kW"), b"-0.25", -250.0, None),
        (_generic(power="ENERGY.Power"), b'{"ENERGY": {"Power": 2635}}', 2635.0, None),
        (_generic(power="emeters.1.power"), b'{"emeters": [{"power": 1}, {"power": "2"}]}', 2.0, None),
        (_generic(power="power", time="time"), b'{"power": 1, "time": 1700000000}', 1.0, 1_700_000_000_000),
        (_generic(power="p", time="t"), b'{"p": 1, "t": "2023-11-14T22:13:20+00:00"}', 1.0, 1_700_000_000_000),
        (_generic(power="p", time="t"), b'{"p": 1, "t": "2023-11-14T22:13:20"}', 1.0, None),
        (_generic(power="p", time="t"), b'{"p": 1, "t": 1%s}' % (b"0" * 400), 1.0, None),
        (_generic(power="p", time="t"), b'{"p": 1, "t": "0001-01-01T00:00:00+14:00"}', 1.0, None),
    ],
)
def test_generic_takes_numbers_and_json(meter: Meter, payload: bytes, power_w: float, at_ms: int | None) -> None:
    reading = FAMILIES["generic"](meter, payload)
    assert (reading.power_w, reading.at_ms) == (power_w, at_ms)


NOT_READINGS = [
    *(b"", b"null", b"[]", b"{}", b"nan", b"Infinity", b"\xff\xfe", b"[" * 5000),
    *(b'{"totalPower": null}', b'{"totalPower": true}', b'{"totalPower": NaN}', b'{"totalPower": 1e999}'),
    b'{"totalPower": 1' + b" " * 70_000 + b"}",
]


@pytest.mark.parametrize("payload", NOT_READINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_no_reading_is_refused_in_words(family: str, payload: bytes) -> None:
    with pytest.raises(BadReading):
        FAMILIES[family](Meter(), payload)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["totalPower", "voltages", "voltage", "utcTimeStamp", "power"]), inner, max_size=4
                )
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_payload_is_a_reading_or_refused(payload: bytes) -> None:
    for family, meter in (
        ("smappee", Meter()),
        ("generic", _generic()),
        ("generic", _generic(power="power", time="voltage")),
    ):
        try:
            reading = FAMILIES[family](meter, payload)
        except BadReading:
            continue
        assert reading.power_w == reading.power_w
        assert abs(reading.power_w) != float("inf")
