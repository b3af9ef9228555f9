"""Every family reads what its documentation shows, refuses what is another family's, and never makes up a number."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.adapters.mqtt import Message, matches
from edge.core.sample import POWER_LIMIT_W
from edge.errors import BadReading
from edge.meters import FAMILIES, family_of
from edge.meters.reading import NoSample, Reading
from edge.settings import Meter
from edge.sources import Source
from tests.meters.payloads import CASES, Case
from tests.meters.refused import REFUSED


def _source(family: str, **more: Any) -> Source:
    return Source(Meter(family=family, **{"topic": family_of(family).topic, **more}))


def _read(source: Source, messages: list[tuple[str, bytes]], *, retained: bool = False) -> Reading | NoSample:
    """What the last message comes to, of a meter that said the same a minute ago."""
    found: Reading | NoSample = NoSample("nothing")
    for now_ms in (0, 60_000):
        for topic, payload in messages:
            found = source.read(Message(topic, payload, retained, 0, 0), now_ms)
    return found


def _name(case: Case) -> str:
    return case.id or f"{case.family}-{case.messages[-1][1][:30]!r}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_what_the_documentation_shows_is_read(case: Case) -> None:
    found = _read(_source(case.family, **case.settings), case.messages)
    if case.power_w is None:
        assert isinstance(found, NoSample)
        assert found.why
    else:
        assert isinstance(found, Reading), found
        assert found.power_w == pytest.approx(case.power_w)
        assert {name: getattr(found, name) for name in case.reading} == case.reading


@pytest.mark.parametrize("case", REFUSED, ids=_name)
def test_what_is_not_of_the_family_is_refused(case: Case) -> None:
    with pytest.raises(BadReading):
        _read(_source(case.family, **case.settings), case.messages)


def test_each_family_has_documented_payloads() -> None:
    assert {case.family for case in CASES if case.power_w is not None} == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_broker_had_in_store_is_no_sample(family: str) -> None:
    for case in CASES:
        if case.family == family:
            assert isinstance(_read(_source(family, **case.settings), case.messages, retained=True), NoSample)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "generic"])
def test_a_message_of_another_family_is_refused_and_never_misread(family: str) -> None:
    """A kW taken for a W, or the other way round, would be off by 1000."""
    for case in CASES:
        if case.family in {family, "generic"} or case.power_w is None:
            continue
        try:
            found = _read(_source(family, unit="W"), case.messages)
        except BadReading:
            continue
        assert isinstance(found, NoSample), (case, found)


WHOLE_W = {"10.66", "936", "2635", "1520.5", '"936"', "12.5"}


@pytest.mark.parametrize("text", sorted(WHOLE_W))
def test_watts_on_a_topic_in_kilowatts_are_refused(text: str) -> None:
    with pytest.raises(BadReading):
        _read(_source("dsmr"), [("dsmr/reading/electricity_currently_delivered", text.encode())])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("power_w", [0.0, 0.4, 1234.5, -2100.0, 17_250.0])
def test_a_family_reads_what_its_simulator_says(family: str, power_w: float) -> None:
    about = family_of(family)
    more = {"power": "power_w", "time": "at_ms"} if family == "generic" else {}
    messages = about.simulate(about.example, 1_700_000_000_000, power_w, 230.0)
    found = _read(_source(family, **more), messages)
    assert isinstance(found, Reading), found
    assert found.power_w == pytest.approx(power_w, abs=0.5)
    assert all(
        _source(family, topic=about.example).hears(topic) or family in {"shelly-gen1", "dsmr"} for topic, _ in messages
    )
    assert found.at_ms in {None, 1_700_000_000_000}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_familys_example_falls_under_its_filter(family: str) -> None:
    about = family_of(family)
    assert matches(about.topic, about.example) or family == "emon"
    assert about.hold_s >= about.every_s


NOT_READINGS = [
    *(b"nan", b"Infinity", b"\xff\xfe", b"[" * 5000, b"[]", b"true", b"12,5", b"1_0", b"0x10", b"1e400"),
    *(b'{"power": NaN}', b'{"power": true}', b'{"power": {}}', b'{"value": [1, {}]}', b'{"totalPower": 1e999}'),
    b'{"totalPower": 1' + b" " * 70_000 + b"}",
]


@pytest.mark.parametrize("payload", NOT_READINGS, ids=lambda payload: repr(payload[:20]))
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_no_reading_is_refused_in_words(family: str, payload: bytes) -> None:
    with pytest.raises(BadReading, match=r"\w{2}"):
        _read(_source(family), [(family_of(family).example, payload)])


NAMES = [
    "totalPower",
    "voltages",
    "voltage",
    "utcTimeStamp",
    "power",
    "ENERGY",
    "Power",
    "Voltage",
    "value",
    "timestamp",
]
NAMES += [
    "method",
    "params",
    "em:0",
    "total_act_power",
    "a_act_power",
    "id",
    "act_power",
    "power1",
    "time",
    "last_seen",
]
NAMES += ["electricity_currently_delivered", "electricity_currently_returned", "nodes", "properties", "unit", "mains"]
NUMBERS = (
    st.integers()
    | st.floats()
    | st.decimals(allow_nan=True).map(str)
    | st.sampled_from(["1.234", "NotifyStatus", "kW"])
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=10,
)
PAYLOADS = (
    st.binary(max_size=60)
    | NUMBERS.map(lambda number: str(number).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
)
TOPICS = st.sampled_from(sorted({topic for case in CASES for topic, _ in case.messages})) | st.text(max_size=20)


@settings(max_examples=200, deadline=None)
@given(family=st.sampled_from(sorted(FAMILIES)), messages=st.lists(st.tuples(TOPICS, PAYLOADS), min_size=1, max_size=4))
def test_any_messages_are_possible_samples_or_refused(family: str, messages: list[tuple[str, bytes]]) -> None:
    source = _source(family, unit="W")
    for n, (topic, payload) in enumerate([(family_of(family).example, messages[0][1]), *messages]):
        try:
            found = source.read(Message(topic, payload, False, 0, 0), n * 60_000)
        except BadReading:
            continue
        if isinstance(found, Reading):
            assert math.isfinite(found.power_w)
            assert abs(found.power_w) <= POWER_LIMIT_W


@pytest.mark.parametrize("path", ["a.1.p", "$.a[1].p", "a[1].p", "$.a.1.p"])
def test_a_path_is_dotted_or_jsonpath(path: str) -> None:
    found = _read(_source("generic", power=path, unit="kW"), [("x", b'{"a": [{"p": 7}, {"p": "1.5"}]}')])
    assert isinstance(found, Reading)
    assert found.power_w == 1500.0
    with pytest.raises(BadReading):
        _read(_source("generic", power=path.replace("1", "2")), [("x", b'{"a": [{"p": 7}, {"p": "1.5"}]}')])
