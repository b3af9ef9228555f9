"""nilm-persist while InfluxDB is away for long, lies or has no room: turn by turn, on real servers."""

import contextlib
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge import local_store
from edge.adapters import files
from edge.adapters import spool as spool_module
from edge.adapters.changed_hours import ChangedHours
from edge.adapters.files import free_bytes
from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.spool import Spool
from edge.adapters.streams import Streams
from edge.config_text import to_toml
from edge.core.sample import Flags, Sample
from edge.errors import Unavailable
from edge.persist import Outlet
from edge.settings import Config
from tests.faulty import Faulty
from tests.servers import victoria_metrics, wait_for_answer, wait_until
from tests.services.appliance import COMMAND

START_S = 1_700_000_000 // 3600 * 3600
MAINS = "SELECT power_w FROM mains WHERE building=$building"
HALF_HOUR = 3600
"""Entries of a segment; these tests send samples alone."""


@pytest.fixture
def faulty(config: Config) -> Iterator[Faulty]:
    with Faulty(config.influx.url) as proxy:
        yield proxy


@pytest.fixture
def through(config: Config, faulty: Faulty) -> Config:
    """InfluxDB behind the proxy, and the spool at once instead of after an hour."""
    influx = replace(config.influx, url=faulty.url, timeout_s=20.0, linger_s=0.0)
    return replace(config, influx=influx, redis=replace(config.redis, spool_after_s=0))


def _outlet(config: Config, streams: Streams) -> Outlet:
    return Outlet(config, streams, Influx.connect(config.influx))


def _fill(streams: Streams, first: int, count: int) -> None:
    samples = [Sample("home", (START_S + n) * 1000, float(n)) for n in range(first, first + count)]
    streams.add_samples(samples)


def _spool_dir(config: Config) -> Path:
    return Path(config.data_dir) / "spool"


def _segments(config: Config) -> list[Path]:
    return sorted(_spool_dir(config).glob("*"))


def _stored(config: Config) -> list[float]:
    series = Influx.connect(config.influx).query("nilm", MAINS, {"building": "home"})
    return [row[1] for one in series for row in one.values]


def _until_empty(outlet: Outlet, streams: Streams, config: Config) -> None:
    for _ in range(100):
        outlet.turn(0.01)
        if not streams.length("home", "outbox") and not _segments(config):
            return
    raise AssertionError("not empty after 100 turns")


def _away(faulty: Faulty, outlet: Outlet, turns: int) -> None:
    faulty.answer(503)
    for _ in range(turns):
        with pytest.raises(Unavailable, match="503"):
            outlet.turn(0.01)
        outlet.start_over()


def test_a_long_outage_goes_to_files_and_all_of_it_comes_back(
    through: Config, streams: Streams, faulty: Faulty
) -> None:
    outlet = _outlet(through, streams)
    _fill(streams, 0, 2 * HALF_HOUR + 100)
    _away(faulty, outlet, 3)
    assert len(_segments(through)) == 2
    assert streams.length("home", "outbox") == 100
    assert outlet.figures()["spool_segments"] == 2
    outlet = _outlet(through, streams)  # a restart finds its files
    faulty.behave()
    outlet.turn()
    assert _stored(through)[-100:] == [float(n) for n in range(2 * HALF_HOUR, 2 * HALF_HOUR + 100)]  # live data first
    assert len(_segments(through)) == 2
    _until_empty(outlet, streams, through)
    assert _stored(through) == [float(n) for n in range(2 * HALF_HOUR + 100)]
    hours_ms = [(START_S + n * 3600) * 1000 for n in range(3)]
    assert ChangedHours(Path(through.data_dir)).waiting("sync") == {"home": hours_ms}


def test_the_newest_do_not_wait_for_a_long_outbox(through: Config, streams: Streams) -> None:
    _fill(streams, 0, 5000)
    _outlet(through, streams).turn()
    assert _stored(through) == [float(n) for n in [*range(2000), *range(4880, 5000)]]
    assert streams.length("home", "outbox") == 3000


def test_killed_at_any_step_loses_and_doubles_nothing(
    through: Config, streams: Streams, faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash before and after each thing that leaves the process, one after the other through a whole outage."""
    left = 0

    class Killed(BaseException):
        pass

    def deadly(do: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            done = do(*args, **options)
            left -= 1
            if left == 0:
                raise Killed
            return done

        return step

    monkeypatch.setattr(spool_module, "write_whole", deadly(files.write_whole))
    for owner, name in (
        (Spool, "remove"),
        (Streams, "remove_from_outbox"),
        (Influx, "write"),
        (ChangedHours, "note"),
    ):
        monkeypatch.setattr(owner, name, deadly(getattr(owner, name)))
    seconds, kills, life = 0, 0, 0
    while life < 30 or streams.length("home", "outbox") or _segments(through):
        if life in {0, 10}:
            _fill(streams, seconds, HALF_HOUR + 10)
            seconds += HALF_HOUR + 10
        away = life % 10 < 5 and life < 30
        if away:
            faulty.answer(503, only="/write")
        else:
            faulty.behave()
        life += 1
        assert life < 60, "it never ends"
        left = 0 if life > 30 else 1 + (life % 6 if away else life * 7 % 40)
        outlet = _outlet(through, streams)
        try:
            for _ in range(3 if away else 12):
                with contextlib.suppress(Unavailable):
                    outlet.turn(0.001)
        except Killed:
            kills += 1
    assert kills > 15
    left = 0
    assert _stored(through) == [float(n) for n in range(seconds)]


def test_a_torn_segment_gives_what_is_whole_and_a_corrupt_one_is_set_aside(
    through: Config, streams: Streams, faulty: Faulty
) -> None:
    outlet = _outlet(through, streams)
    _fill(streams, 0, 3 * HALF_HOUR)
    _away(faulty, outlet, 4)
    whole, corrupt, torn = _segments(through)
    corrupt.write_bytes(b"\0" * 4096)
    torn.write_bytes(torn.read_bytes()[:-20])
    (_spool_dir(through) / "000000000004.3600.home.seg.part").write_bytes(b"half")
    faulty.behave()
    outlet = _outlet(through, streams)
    _until_empty(outlet, streams, through)
    lost = range(2 * HALF_HOUR - HALF_HOUR, 2 * HALF_HOUR)
    last_frame = range(3 * HALF_HOUR - 600, 3 * HALF_HOUR)
    gone = {*lost, *last_frame} if "torn after frame 5" in outlet.alarms()[1] else {*lost}
    assert _stored(through) == [float(n) for n in range(3 * HALF_HOUR) if n not in gone]
    assert len(list((Path(through.data_dir) / "rejected").glob("*.home.seg"))) == 2
    assert streams.counters("home")["spool_damaged"] == 2
    assert whole.name.startswith("000000000001.3600.home")


def test_a_full_spool_drops_the_oldest_and_says_so(through: Config, streams: Streams, faulty: Faulty) -> None:
    outlet = _outlet(through, streams)
    _fill(streams, 0, HALF_HOUR)
    _away(faulty, outlet, 1)
    limit_bytes = _segments(through)[0].stat().st_size * 5 // 2
    outlet._spool = Spool(_spool_dir(through), limit_bytes)
    _fill(streams, HALF_HOUR, 2 * HALF_HOUR)
    _away(faulty, outlet, 3)
    kept = _segments(through)
    assert sum(file.stat().st_size for file in kept) <= limit_bytes
    assert kept[-1].name.startswith("000000000003.")
    dropped = 3 - len(kept)
    assert dropped > 0
    assert streams.counters("home")["spool_dropped"] == dropped * HALF_HOUR
    assert [alarm.partition(" (")[0] for alarm in outlet.alarms()] == ["the spool is full"] * dropped
    faulty.behave()
    _until_empty(outlet, streams, through)
    assert _stored(through) == [float(n) for n in range(dropped * HALF_HOUR, 3 * HALF_HOUR)]


def test_204_without_storing_is_found_and_sent_again(through: Config, streams: Streams, faulty: Faulty) -> None:
    outlet = _outlet(through, streams)
    _fill(streams, 0, 5)
    faulty.swallow()
    with pytest.raises(Unavailable, match="confirms what it does not store"):
        outlet.turn()
    assert streams.length("home", "outbox") == 5
    assert streams.counters("home")["unstored"] == 1
    faulty.behave()
    outlet.start_over()
    outlet.turn()
    assert _stored(through) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert streams.length("home", "outbox") == 0


@pytest.mark.parametrize("fault", ["cut_body", "cut_answer", "hang"])
def test_a_line_that_breaks_costs_a_retry(through: Config, streams: Streams, faulty: Faulty, fault: str) -> None:
    config = replace(through, influx=replace(through.influx, timeout_s=1.0)) if fault == "hang" else through
    outlet = _outlet(config, streams)
    _outlet(through, streams).turn(0.01)  # the database is there
    _fill(streams, 0, 5)
    getattr(faulty, fault)(only="/write", times=1)
    with pytest.raises(Unavailable, match="away"):
        outlet.turn()
    assert streams.length("home", "outbox") == 5
    _outlet(through, streams).turn()
    assert _stored(through) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_disk_below_its_reserve_is_not_filled_by_influxdb(
    through: Config, streams: Streams, faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_mb = free_bytes(Path(through.data_dir)) // 1_000_000
    config = replace(through, disk_reserve_mb=free_mb * 3 // 2)
    outlet = _outlet(config, streams)
    _fill(streams, 0, HALF_HOUR + 5)
    with pytest.raises(Unavailable, match="InfluxDB is given nothing until there is room"):
        outlet.turn()
    assert not faulty.seen
    assert "disk_reserve_mb" in outlet.status
    assert len(_segments(config)) == 1
    _fill(streams, HALF_HOUR + 5, HALF_HOUR)
    monkeypatch.setattr("edge.persist.free_bytes", lambda _: 0)
    with pytest.raises(Unavailable):
        outlet.turn()
    assert "no room for the spool either" in outlet.status
    assert len(_segments(config)) == 1
    monkeypatch.setattr(local_store, "free_bytes", lambda _: config.disk_reserve_mb * 1_050_000)
    with pytest.raises(Unavailable):
        outlet.turn()  # a little more than the reserve: not yet, or it would come and go
    monkeypatch.setattr(local_store, "free_bytes", lambda _: config.disk_reserve_mb * 1_200_000)
    _until_empty(outlet, streams, config)
    assert _stored(config) == [float(n) for n in range(2 * HALF_HOUR + 5)]


def test_a_held_second_from_the_spool_does_not_replace_the_meters_own(
    through: Config, streams: Streams, faulty: Faulty
) -> None:
    outlet = _outlet(through, streams)
    _fill(streams, 0, HALF_HOUR - 2)
    held = [Sample("home", (START_S + HALF_HOUR - n) * 1000, 1.5, flags=Flags.HELD) for n in (2, 1)]
    streams.add_samples(held)
    _away(faulty, outlet, 1)
    assert len(_segments(through)) == 1
    streams.add_samples([Sample("home", held[1].at_ms, 7.0)])  # the broker still had it
    faulty.behave()
    _until_empty(outlet, streams, through)
    assert _stored(through)[-3:] == [float(HALF_HOUR - 3), 1.5, 7.0]


def test_killed_at_random_moments_through_an_outage_everything_is_stored_once(
    through: Config, streams: Streams, faulty: Faulty
) -> None:
    file = Path(through.data_dir) / "persist.toml"
    file.write_text(to_toml(through))
    chance = random.Random(4)
    seconds = 0
    for life in range(6):
        if life < 4:
            _fill(streams, seconds, HALF_HOUR // 2)
            seconds += HALF_HOUR // 2
        if life in {0, 1, 3}:
            faulty.answer(503, only="/write")
        else:
            faulty.behave()
        seen = len(faulty.seen)
        process = subprocess.Popen([*COMMAND, "persist", "--config", str(file)], stderr=subprocess.DEVNULL)
        wait_until(lambda seen=seen: len(faulty.seen) > seen)  # type: ignore[misc]
        time.sleep(chance.random() * 0.8)
        process.kill()
        process.wait()
    faulty.behave()
    _until_empty(_outlet(through, streams), streams, through)
    assert _stored(through) == [float(n) for n in range(seconds)]


def test_a_server_that_cannot_be_asked_is_written_all_the_same(
    config: Config, streams: Streams, tmp_path: Path
) -> None:
    port = free_port()
    server = victoria_metrics(tmp_path / "victoria", port)
    server.start()
    try:
        newer = replace(config, influx=replace(config.influx, url=f"http://127.0.0.1:{port}"))
        wait_for_answer(Influx.connect(newer.influx).ping)
        outlet = _outlet(newer, streams)
        streams.add_samples([Sample("home", START_S * 1000, 1.0, flags=Flags.HELD)])
        outlet.turn()
        assert streams.length("home", "outbox") == 0
        assert "not read back" in outlet.status
    finally:
        server.terminate()
        server.wait_or_kill(10)
