"""InfluxDB away for a day, and InfluxDB that answers with everything but what it should."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.chain import Chain, exact
from tests.faults.conftest import Result
from tests.faulty import Faulty

LIES: dict[str, Callable[[Faulty], None]] = {
    "500": lambda faulty: faulty.answer(500, '{"error":"engine: disk"}', only="/write"),
    "503": lambda faulty: faulty.answer(503),
    "204 but nothing stored": lambda faulty: faulty.swallow(),
    "breaks off in the request": lambda faulty: faulty.cut_body(only="/write"),
    "stores, breaks off in the answer": lambda faulty: faulty.cut_answer(only="/write"),
    "hangs": lambda faulty: faulty.hang(only="/write"),
}


@pytest.fixture
def behind(tmp_path: Path) -> "Behind":
    return Behind(tmp_path / "chain")


class Behind:
    """A chain whose services see InfluxDB through a proxy, with the spool taking over after ten minutes."""

    def __init__(self, folder: Path) -> None:
        config = exact(durability="second")
        influx = replace(config.influx, timeout_s=2.0)
        self.chain = Chain(folder, replace(config, influx=influx, redis=replace(config.redis, spool_after_s=600)))
        self.faulty = Faulty(self.chain.config.influx.url)


@pytest.mark.parametrize(
    ("names", "seconds"),
    [(["503", "204 but nothing stored"], 100), pytest.param([*LIES], 4000, marks=pytest.mark.faults)],
)
def test_an_influxdb_that_fails_or_lies(behind: Behind, result: Result, names: list[str], seconds: int) -> None:
    result.name = "InfluxDB answers 500, 503, 204 without storing, breaks off, hangs; an hour each, then is back"
    with behind.chain as chain:
        chain.start(influx_url=behind.faulty.url)
        chain.supervised = False  # threads of the proxy are about to run, and nothing is to be started beside them
        with behind.faulty as faulty:
            for name in names:
                LIES[name](faulty)
                chain.feed_all(seconds)
                chain.run(1.0)
                waited = len(chain.spool_files())
                faulty.behave()
                chain.feed_all(20)
                result.add(chain.check(), f"{name}; {waited} spool files")
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_an_influxdb_that_refuses_what_is_sent(behind: Behind, result: Result) -> None:
    """400 is final, as for a point of another type: what it refused is kept in files, and the rest goes on."""
    result.name = "InfluxDB answers 400: kept in `rejected/`, and stored once it was put in again by hand"
    with behind.chain as chain:
        chain.start(influx_url=behind.faulty.url)
        chain.supervised = False
        with behind.faulty as faulty:
            faulty.answer(400, '{"error":"partial write: field type conflict"}', only="/write")
            chain.feed_all(600)
            chain.until(lambda: not chain.streams.length("home", "outbox"), what="all is set aside")
            faulty.behave()
            chain.feed_all(60)
            chain.until(lambda: not chain.streams.length("home", "outbox"), what="the rest is stored")
            kept = sorted((chain.stack.data_dir / "rejected").glob("*.lp"))
            assert kept
            for file in kept:
                lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
                chain.influx.write("nilm", "\n".join(lines))
            result.add(chain.check(), f"{len(kept)} batches")
    assert result.count.good, result.count.faults


@pytest.mark.faults
def test_an_influxdb_that_is_away_for_a_day(tmp_path: Path, result: Result) -> None:
    result.name = "InfluxDB away for 24 hours"
    with Chain(tmp_path / "chain", exact(durability="second")) as chain:
        chain.start()
        chain.feed_all(600)
        chain.supervised = False
        influxd = chain.children()["influxd"]
        influxd.terminate()
        influxd.wait_or_kill(10)
        for hour in range(24):
            chain.feed_all(3600)
            print(f"        hour {hour + 1}: {len(chain.spool_files())} spool files", flush=True)
        waited = len(chain.spool_files())
        chain.supervised = True
        chain.feed_all(600)
        chain.settle(300)
        result.add(chain.check(), f"{waited} spool files")
    assert result.count.good, result.count.faults
