"""What counts as missing, doubled, altered, unpredicted."""

import math

from edge.adapters.influx import Influx
from edge.core.sample import Flags
from tests.powercut.count import Stored, count, stored
from tests.powercut.meter import Reading

CUTS_S = [110.0, 120.0]


def judge(mains: list[tuple[int, float, int]], log: dict[int, Reading]) -> tuple[object, ...]:
    predicted = {name: [at_ms for at_ms, _, _ in mains] for name in ("kettle", "other")}
    found = count(log, Stored(mains, predicted), CUTS_S)
    return found.missing, found.worst_loss_s, found.doubled, found.altered, found.invented, found.unpredicted


def test_all_there() -> None:
    log = {100: Reading(5.0, 100.1), 101: Reading(6.0, 101.1)}
    assert judge([(100_000, 5.0, 0), (101_000, 6.0, 0)], log) == ([], 0.0, 0, 0, 0, [])


def test_a_lost_second_is_as_old_as_its_acknowledgement_when_the_power_went() -> None:
    log = {100: Reading(5.0, 112.5), 101: Reading(6.0, 113.5), 102: Reading(7.0, 0.0)}
    assert judge([], log) == ([100, 101], 7.5, 0, 0, 0, [])


def test_no_cut_explains_a_second_lost_after_the_last() -> None:
    assert judge([], {121: Reading(5.0, 121.1)})[1] == math.inf


def test_a_held_value_is_not_the_meters() -> None:
    assert judge([(100_000, 5.0, int(Flags.HELD))], {100: Reading(5.0, 109.0)})[:2] == ([100], 1.0)


def test_doubled_altered_and_invented() -> None:
    rows = [(100_000, 5.0, 0), (100_000, 5.0, 0), (101_000, 9.0, 0), (102_000, 1.0, 0), (102_500, 1.0, 0)]
    found = judge(rows, {100: Reading(5.0, 100.1), 101: Reading(6.0, 101.1)})
    assert found[2:5] == (1 + 2, 1, 2)  # the second of mains, and its predictions


def test_each_stored_second_wants_each_appliance_once() -> None:
    mains = [(100_000, 5.0, 0), (101_000, 6.0, 0), (102_000, 6.0, 0)]
    predicted = {"kettle": [100_000, 101_000, 101_000], "other": [100_000, 101_000, 102_000]}
    log = {at_s: Reading(6.0, at_s + 0.1) for at_s in (100, 101, 102)}
    assert count(log, Stored(mains, predicted), CUTS_S).unpredicted == [101, 102]


def test_what_influxdb_holds_is_read_as_it_is(influx: Influx) -> None:
    lines = [f"mains,building=home power_w={5.5 + at_s},flags=0i {at_s}" for at_s in (100, 101)]
    lines += [
        f"appliance,building=home,appliance={name} power_w=1.0 {at_s}" for name in ("a", "b") for at_s in (100, 101)
    ]
    influx.write("nilm", "\n".join([*lines, "mains,building=other power_w=1.0,flags=0i 100"]))
    found = stored(influx)
    assert found.mains == [(100_000, 105.5, 0), (101_000, 106.5, 0)]
    assert found.appliances == {"a": [100_000, 101_000], "b": [100_000, 101_000]}
    log = {100: Reading(105.5, 100.1), 101: Reading(106.5, 101.1)}
    assert count(log, found, CUTS_S).unpredicted == count(log, found, CUTS_S).missing == []


def test_a_server_that_holds_nothing_yet(influx: Influx) -> None:
    assert stored(influx) == Stored([], {})
