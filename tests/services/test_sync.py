"""nilm-sync on two real InfluxDBs: what the local one has is on the central one, once and unaltered."""

import gzip
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.changed_hours import ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.sample import Sample
from edge.settings import Config
from edge.unit import now_ms
from edge.watermark import confirmed_ms
from tests.faulty import Faulty, Seen
from tests.servers import wait_until
from tests.services.central import count, fill, fill_hours, finish, hour_s, same, sync_of, to_central, turn

WRITE = "/write"


def _written(seen: list[Seen]) -> list[str]:
    """The lines of every write that was answered 204, but for what boxes say of themselves."""
    bodies = [gzip.decompress(one.body).decode() for one in seen if one.path.startswith(WRITE) and one.answered == 204]
    return [line for body in bodies for line in body.split("\n") if not line.startswith("edge,")]


def test_seven_days_arrive_once_the_central_server_is_back(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 7 * 24)
    sync = sync_of(to_central(config, "http://127.0.0.1:1"))
    for _ in range(3):
        turn(sync)
    assert "127.0.0.1:1 is away" in sync.status()
    back = to_central(config, central_url(central))
    sync = sync_of(back)
    finish(sync)
    assert same(influx, central)
    assert confirmed_ms(Path(config.data_dir), "home") == hour_s(0) * 1000
    assert sync.figures()["backlog_s"] == sync.figures()["hours_differing"] == 0
    again = sync_of(back)
    finish(again)
    assert again.figures()["sent_points"] == 0


def test_what_is_new_does_not_wait_for_the_backlog(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 20)
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url, live_every_s=0.0))
        new_s = now_ms() // 1000 - 3
        for at_s in range(new_s, new_s + 3):
            fill(influx, [at_s])
            sync.turn((at_s + 3) * 1000)
            assert same_second(central, at_s)
            assert sync.figures()["backlog_s"] > 0
        assert f" {new_s}000" in _written(faulty.seen)[0]
        history = [line for line in _written(faulty.seen) if int(line.split()[-1]) < hour_s(0) * 1000]
        times = [int(line.split()[-1]) // 3_600_000 for line in history]
        assert times == sorted(times)
        finish(sync)
    assert same(influx, central)


def test_the_running_hour_is_filled_up_to_what_is_sent_live(config: Config, influx: Influx, central: Influx) -> None:
    now_s = now_ms() // 1000
    fill(influx, range(now_s - 1000, now_s - 3, 7))
    finish(sync_of(to_central(config, central_url(central))))
    assert same(influx, central)


def test_a_second_that_came_late_or_was_held_is_there_long_before_its_hour_ends(
    config: Config, influx: Influx, central: Influx
) -> None:
    wait_until(lambda: now_ms() % 3_600_000 > 30_000, 60)  # in a new hour the one before is compared
    late_s, held_s = now_ms() // 1000 - 6, now_ms() // 1000 - 5
    fill(influx, [late_s - 1, held_s, held_s + 1])
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url))
        finish(sync)
        assert same(influx, central)
        fill(influx, [late_s, held_s], seed=7)
        wait_until(lambda: turn(sync) and same(influx, central), 20)
        each = _written(faulty.seen)
        assert len(each) == len(set(each)) == count(influx, "mains") + count(influx, "appliance") + 4  # held: twice


FAULTS = {
    "cut in mid-body": lambda faulty: faulty.cut_body(only=WRITE, times=2),
    "answer cut off": lambda faulty: faulty.cut_answer(times=2),
    "500": lambda faulty: faulty.answer(500, "engine: cache-max-memory-size exceeded", times=2),
    "hanging": lambda faulty: faulty.hang(times=1),
    "asked to wait": lambda faulty: faulty.answer(429, "slow down", times=1),
    "no such database": lambda faulty: faulty.answer(404, '{"error":"database not found: \\"nilm\\""}', times=1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_costs_nothing(fault: str, config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 6)
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url, timeout_s=0.5))
        wait_until(lambda: turn(sync) or confirmed_ms(Path(config.data_dir), "home"))
        FAULTS[fault](faulty)
        finish(sync)
        assert any(one.answered in {"cut_body", "cut_answer", "hang", 500, 429, 404} for one in faulty.seen)
    assert same(influx, central)


def test_a_line_that_flaps(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 24)
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url))
        for n in range(6):
            faulty.cut_body() if n % 2 else faulty.behave()
            end_ms = now_ms() + 400
            while now_ms() < end_ms:
                turn(sync)
        faulty.behave()
        finish(sync)
    assert same(influx, central)


def test_a_server_that_confirms_and_stores_nothing_is_caught(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 3)
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url))
        turn(sync)
        faulty.swallow()
        wait_until(lambda: turn(sync) or "SILENT LOSS" in sync.status())
        assert confirmed_ms(Path(config.data_dir), "home") <= hour_s(3) * 1000
        faulty.behave()
        finish(sync)
    assert sync.figures()["hours_differing"] == 0
    assert same(influx, central)


def test_a_refused_line_is_found_counted_and_blocks_nothing(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 4)
    bad_s = hour_s(3) + 1000
    central.write("nilm", f"mains,building=shed current_a=1i {bad_s}")  # somebody else's integer
    influx.write("nilm", f"mains,building=home power_w=5.0,flags=0i,current_a=2.5 {bad_s}")
    sync = sync_of(to_central(config, central_url(central)))
    finish(sync)
    assert sync.figures()["refused_points"] == sync.figures()["hours_differing"] == 1
    assert any("1 points refused" in alarm for alarm in sync.alarms())
    (kept,) = (Path(config.data_dir) / "rejected").iterdir()
    assert "field type conflict" in kept.read_text()
    assert "current_a=2.5" in kept.read_text()
    assert count(central, "mains") == count(influx, "mains") - 1
    assert count(central, "appliance") == count(influx, "appliance")
    finish(sync_of(to_central(config, central_url(central))))  # it is not tried for ever


def test_bodies_become_as_short_as_the_server_wants_them(config: Config, influx: Influx, central: Influx) -> None:
    fill(influx, range(hour_s(1), hour_s(1) + 400))
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url))
        turn(sync)
        faulty.answer(413, "request entity too large", only=WRITE, times=2)
        finish(sync)
    assert same(influx, central)


def test_a_backfill_and_a_late_sample_are_sent_again(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 5)
    configured = to_central(config, central_url(central))
    sync = sync_of(configured)
    finish(sync)
    fill(influx, range(hour_s(4), hour_s(4) + 30), seed=7)  # other values, and more of them
    ChangedHours(Path(config.data_dir)).note("home", [hour_s(4) * 1000])
    finish(sync)
    assert same(influx, central)
    assert not ChangedHours(Path(config.data_dir)).waiting("sync")
    fill(influx, [hour_s(3) + 100])  # noted, and killed before it was sent
    ChangedHours(Path(config.data_dir)).note("home", [hour_s(3) * 1000], ("sync-doing",))
    finish(sync_of(configured))
    assert same(influx, central)


def test_what_comes_into_an_hour_while_it_is_sent_is_sent_too(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 2)
    changed = ChangedHours(Path(config.data_dir))
    changed.note("home", [hour_s(2) * 1000])
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url))
        sync.turn(now_ms())  # compared: it is to be sent, and its lines are read
        faulty.cut_body(only=WRITE)
        turn(sync)
        fill(influx, [hour_s(2) + 500])
        changed.note("home", [hour_s(2) * 1000])
        faulty.behave()
        finish(sync)
    assert same(influx, central)


def test_what_the_central_server_lost_or_altered_is_sent_again(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 6)
    configured = to_central(config, central_url(central), recheck_days=3660)
    sync = sync_of(configured)
    finish(sync)
    central.write("nilm", f"appliance,appliance=Oven,building=home p_on=0.123 {hour_s(5) + 2}")
    central.query("nilm", f"DELETE FROM mains WHERE time = {hour_s(2)}s", {})
    assert not same(influx, central)
    wait_until(lambda: turn(sync) and same(influx, central), 30)  # one of the last days' hours each second
    central.query("nilm", f"DELETE FROM mains WHERE time < {hour_s(3)}s", {})
    again = sync_of(configured)
    again.start_over()
    finish(again)
    assert same(influx, central)


def test_an_hour_waits_until_nothing_is_on_its_way_to_it(
    config: Config, influx: Influx, central: Influx, streams: Streams
) -> None:
    fill_hours(influx, 4)
    streams.add_samples([Sample("home", (hour_s(2) + 5) * 1000, 5.0)])  # in the outbox
    sync = sync_of(to_central(config, central_url(central)))
    finish(sync)
    assert confirmed_ms(Path(config.data_dir), "home") == hour_s(2) * 1000


def test_a_wrong_token_is_told_by_its_file_and_shown_nowhere(
    config: Config, influx: Influx, central: Influx, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = tmp_path / "token"
    token.write_text("s3cret-1\n")
    fill_hours(influx, 2)
    with Faulty(central_url(central)) as faulty:
        sync = sync_of(to_central(config, faulty.url, token_file=str(token)))
        faulty.answer(401, "authorization failed for s3cret-1")
        wait_until(lambda: turn(sync) or sync.status().startswith("127"))
        assert f"look at central.token_file ({token})" in sync.status()
        token.write_text("s3cret-2\n")
        faulty.behave()
        finish(sync)  # the file was read again
        assert {one.authorization for one in faulty.seen} == {"Token s3cret-1", "Token s3cret-2"}
        assert not any("s3cret" in one.path for one in faulty.seen)
    said = caplog.text + sync.status() + (Path(config.data_dir) / "sync" / "state.json").read_text()
    assert "s3cret" not in said
    assert same(influx, central)


def test_a_second_box_with_the_same_building_waits(config: Config, influx: Influx, central: Influx) -> None:
    configured = to_central(config, central_url(central))
    first = sync_of(configured)
    fill_hours(influx, 3)
    finish(first)
    second = sync_of(replace(configured, data_dir=f"{config.data_dir}/second"))
    fill(influx, [hour_s(2) + 99])
    turn(second)
    assert second.status().startswith("ANOTHER BOX")
    assert second.figures()["second_edge"]
    assert any("this one waits" in alarm for alarm in second.alarms())
    assert not same(influx, central)
    first.claims.look("home", now_ms())
    assert any("this one goes on" in alarm for alarm in first.alarms())
    ChangedHours(Path(config.data_dir)).note("home", [hour_s(2) * 1000])
    finish(first)
    assert same(influx, central)


def test_a_clock_that_was_a_year_ahead_stops_nothing(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 3, last_ago=2)
    sync = sync_of(to_central(config, central_url(central)))
    for _ in range(8):
        sync.turn(now_ms() + 365 * 86_400_000)
    fill_hours(influx, 1)
    fill(influx, [now_ms() // 1000 - 2])
    for running in (sync, sync_of(to_central(config, central_url(central)))):
        wait_until(lambda: turn(running) and same(influx, central))  # noqa: B023 - asked at once


def test_another_server_is_given_everything_anew(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 2)
    finish(sync_of(to_central(config, central_url(central))))
    other = to_central(config, central_url(central), bucket="other")
    sync = sync_of(other)
    finish(sync)
    assert sync.figures()["hours_sent"] == 2


def test_a_torn_state_file_costs_a_comparison(config: Config, influx: Influx, central: Influx) -> None:
    fill_hours(influx, 3)
    configured = to_central(config, central_url(central))
    finish(sync_of(configured))
    (Path(config.data_dir) / "sync" / "state.json").write_text('{"format": 1, "bui')
    sync = sync_of(configured)
    finish(sync)
    assert sync.figures()["sent_points"] == 0
    assert confirmed_ms(Path(config.data_dir), "home") == hour_s(0) * 1000


def central_url(central: Influx) -> str:
    return central._url


def same_second(central: Influx, at_s: int) -> bool:
    return count_at(central, at_s) == 1


def count_at(influx: Influx, at_s: int) -> int:
    found = influx.query("nilm", f"SELECT power_w FROM mains WHERE time = {at_s}s", {})
    return sum(len(one.values) for one in found)
