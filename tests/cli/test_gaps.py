"""nilm-edge gaps and backfill, as a user calls them."""

import json
import time
from pathlib import Path

import pytest

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.config_text import to_toml
from edge.settings import Config
from gateway.times import iso_times
from tests.services.appliance import nilm_edge


@pytest.fixture
def file(config: Config, tmp_path: Path) -> str:
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config))
    return str(file)


def test_gaps_and_a_log_that_fills_them(file: str, tmp_path: Path, influx: Influx, streams: Streams) -> None:
    end_s = int(time.time()) - 600
    start_s = end_s - 600
    influx.write("nilm", "\n".join(f"mains,building=home power_w=1.0,flags=0i {s}" for s in (start_s, end_s)))
    done = nilm_edge("gaps", "--config", file, "--timezone", "UTC")
    assert done.returncode == 1
    assert "unknown" in done.stdout
    log = tmp_path / "meter.csv"
    log.write_text("time,power_w\nnever,1\n" + "".join(f"{s},{s % 100}\n" for s in range(start_s, end_s)))
    done = nilm_edge("backfill", "--from", str(log), "--config", file)
    assert done.returncode == 0, done.stderr
    assert "meter.csv, line 2: 'never' is no time; left out" in done.stderr
    assert "1 rows left out" in done.stdout
    found = json.loads(nilm_edge("gaps", "--json", "--config", file, "--building", "home").stdout)
    home = found["buildings"]["home"]
    assert (home["stored"], home["without_prediction"]) == (601, 0)
    assert [gap["start"] for gap in home["gaps"]] == iso_times([(end_s + 1) * 1000])
    auto = nilm_edge("backfill", "--auto", "--json", "--config", file)
    assert auto.returncode == 0, auto.stderr
    assert json.loads(auto.stdout)["buildings"] == {}


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["gaps", "--days-back", "32"], 2, "'32' is not 1 to 31 days"),
        (["gaps", "--timezone", "Nowhere"], 1, "is no time zone"),
        (["gaps", "--building", "hoem"], 1, "there is no building 'hoem'; there are: home"),
        (["backfill", "--auto", "--building", "home"], 2, "--building does not go with --auto"),
        (["backfill", "--from", "x.csv", "--days-back", "3"], 2, "--days-back does not go with --from"),
        (["backfill"], 2, "one of the arguments --auto --from is required"),
        (["backfill", "--from", "/nowhere.csv"], 1, "cannot read /nowhere.csv: No such file"),
        (["backfill", "--auto", "--max-gap-hours", "0"], 2, "is not 1 to 744 hours"),
    ],
)
def test_what_is_wrong_is_said(file: str, arguments: list[str], code: int, why: str) -> None:
    done = nilm_edge(*arguments, "--config", file)
    assert done.returncode == code
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_a_log_of_a_building_that_is_not_there_makes_none(file: str, tmp_path: Path, influx: Influx) -> None:
    log = tmp_path / "meter.csv"
    log.write_text("time,power_w\n2026-01-05T10:00:00Z,1\n")
    done = nilm_edge("backfill", "--from", str(log), "--building", "hoem", "--config", file)
    assert (done.returncode, "there is no building 'hoem'" in done.stderr) == (1, True)
    assert influx.query("nilm", "SHOW TAG VALUES FROM mains WITH KEY = building", {}) == []
    log.write_bytes(b"\x1b[2Jtime\x07,power\n1,2\n")
    done = nilm_edge("backfill", "--from", str(log), "--config", file)
    assert "has the columns ?[2jtime?, power;" in done.stderr
