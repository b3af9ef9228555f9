"""The proxy that misbehaves, in front of a real InfluxDB: what our adapter sees and what is stored."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from edge.adapters.influx import Influx
from edge.errors import Unavailable
from edge.settings import Config
from tests.faulty import Faulty

POINT = "mains,building=home power_w=5.0 1700000000"
QUERY = "SELECT power_w FROM mains WHERE building=$b"


@pytest.fixture
def faulty(config: Config, influx: Influx) -> Iterator[Faulty]:
    with Faulty(config.influx.url) as proxy:
        yield proxy


@pytest.fixture
def through(config: Config, faulty: Faulty) -> Influx:
    connection = Influx.connect(replace(config.influx, url=faulty.url, timeout_s=3.0))
    connection.write("nilm", "other v=1i 1700000000")
    return connection


def test_it_passes_everything_through(through: Influx, faulty: Faulty) -> None:
    through.write("nilm", POINT)
    (series,) = through.query("nilm", QUERY, {"b": "home"})
    assert series.values == [[1_700_000_000_000, 5.0]]
    assert faulty.seen[-2].body == POINT.encode()


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda faulty: faulty.answer(500, "timeout", only="/write", times=1), "500: timeout"),
        (lambda faulty: faulty.hang(only="/write"), "timed out"),
        (lambda faulty: faulty.cut_body(only="/write", times=1), "away"),
        (lambda faulty: faulty.cut_answer(only="/write", times=1), "away"),
    ],
)
def test_a_fault_is_unavailable_and_then_over(
    through: Influx, faulty: Faulty, break_it: Callable[[Faulty], None], says: str
) -> None:
    break_it(faulty)
    with pytest.raises(Unavailable, match=says):
        through.write("nilm", POINT)
    after_the_server = faulty.seen[-1].answered == "cut_answer"
    faulty.behave()
    assert bool(through.query("nilm", QUERY, {"b": "home"})) == after_the_server
    through.write("nilm", POINT)
    assert through.query("nilm", QUERY, {"b": "home"})


def test_swallowed_is_answered_and_not_stored(through: Influx, faulty: Faulty) -> None:
    faulty.swallow(times=1)
    through.write("nilm", POINT)
    assert not through.query("nilm", QUERY, {"b": "home"})
    through.write("nilm", POINT)
    assert through.query("nilm", QUERY, {"b": "home"})
