import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.influx import Influx
from edge.adapters.processes import Child, free_port
from edge.errors import Rejected, Unavailable
from edge.settings import Config
from edge.settings import Influx as Settings
from tests.servers import Servers, victoria_metrics, wait_for_answer, wait_until

POINTS = "mains,building=home power_w=5.0,flags=0i 1700000000\nmains,building=home power_w=6.5,flags=1i 1700000001"
QUERY = "SELECT power_w FROM mains WHERE building=$building"


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, str]]:
    port = free_port()
    server = victoria_metrics(tmp_path_factory.mktemp("victoria"), port)
    server.start()
    url = f"http://127.0.0.1:{port}"
    wait_for_answer(Influx.connect(Settings(url=url)).ping)
    yield server, url
    server.terminate()
    server.wait_or_kill(10)


def test_influxdb_1_stores_and_answers(influx: Influx) -> None:
    influx.write("nilm", POINTS)
    influx.write("nilm", POINTS)  # a repeated point counts once
    (series,) = influx.query("nilm", QUERY, {"building": "home"})
    assert series.columns == ("time", "power_w")
    assert series.values == [[1_700_000_000_000, 5.0], [1_700_000_001_000, 6.5]]


def test_parameters_are_bound_and_never_run(influx: Influx) -> None:
    influx.write("nilm", POINTS)
    assert influx.query("nilm", QUERY, {"building": "x' OR 1=1; DROP DATABASE nilm --"}) == []
    assert influx.query("nilm", QUERY, {"building": "home"})


def test_a_bad_line_is_rejected_and_the_good_ones_stay(influx: Influx) -> None:
    with pytest.raises(Rejected, match="invalid number"):
        influx.write("nilm", f"{POINTS}\nmains,building=home power_w=NaN 1700000002")
    (series,) = influx.query("nilm", QUERY, {"building": "home"})
    assert len(series.values) == 2


def test_a_wrong_query_is_rejected(influx: Influx) -> None:
    with pytest.raises(Rejected):
        influx.query("nilm", "SELECT FROM", {})


def test_a_database_that_nobody_made_is_worth_waiting_for(config: Config) -> None:
    influx = Influx.connect(config.influx)
    with pytest.raises(Unavailable, match="database not found"):
        influx.write("nilm", POINTS)
    with pytest.raises(Unavailable, match="database not found"):
        influx.query("nilm", QUERY, {"building": "home"})


def test_a_server_that_is_away_or_hangs_is_unavailable(servers: Servers) -> None:
    away = Influx.connect(replace(servers.config.influx, url="http://127.0.0.1:1"))
    with pytest.raises(Unavailable, match="away"):
        away.ping()


def test_the_token_is_never_in_an_error(config: Config) -> None:
    influx = Influx.connect(replace(config.influx, url="http://127.0.0.1:1"), "s3cret")
    with pytest.raises(Unavailable) as failure:
        influx.write("nilm", POINTS)
    assert "s3cret" not in str(failure.value)


def test_api_2_is_found_and_written(victoria: tuple[Child, str]) -> None:
    _, url = victoria
    influx = Influx.connect(Settings(url=url, org="any"), "any-token")
    influx.prepare()
    now_s = int(time.time())
    influx.write("nilm", f"mains,building=vm power_w=42.5,flags=0i {now_s}")
    wanted = f"{url}/api/v1/export?match[]=mains_power_w&start={now_s - 5}"

    def stored() -> bool:
        urllib.request.urlopen(f"{url}/internal/force_flush", timeout=5).close()
        text = urllib.request.urlopen(wanted, timeout=5).read()
        return any(json.loads(line)["values"] == [42.5] for line in text.splitlines())

    wait_until(stored, what="the point in victoria-metrics")


def test_api_2_away_is_unavailable(tmp_path: Path) -> None:
    influx = Influx.connect(Settings(url="http://127.0.0.1:1", api="2"), "t")
    with pytest.raises(Unavailable):
        influx.write("nilm", POINTS)
