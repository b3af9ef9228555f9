"""nilm-edge snapshot, query and export, as a user calls them."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from edge.adapters import history_tables as tables
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.cli import main
from edge.config_text import to_toml
from edge.settings import Config
from tests.services.appliance import nilm_edge
from tests.services.history import DAY_S, START_S, fill, in_influx, in_parquet, snapshot

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def brussels(config: Config, influx: Influx) -> Config:
    """Two days with a second each 10 minutes, and the day on which summer time began, in Brussels."""
    for day in (0, 1, 83):  # 2026-03-29
        fill(influx, "home", range(START_S + day * DAY_S, START_S + (day + 1) * DAY_S, 600), seed=day)
    fill(influx, "home", range(START_S + 82 * DAY_S, START_S + 83 * DAY_S, 600), seed=99)
    history = replace(config.history, influx_days=0, timezone="Europe/Brussels", query_timeout_s=5)
    return replace(config, history=history)


@pytest.fixture
def ask(brussels: Config, streams: Streams, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run one command on stored history; exit code, output and errors."""
    done = snapshot(brussels, streams, START_S + 85 * DAY_S)
    assert done["failed"] == done["broken"] == []
    file = tmp_path / "config.toml"
    file.write_text(to_toml(brussels))

    def run(command: str, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([command, "--config", str(file), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def records(ask: Ask, sql: str) -> list[dict[str, object]]:
    code, out, err = ask("query", "--json", sql)
    assert code == 0, err
    found: list[dict[str, object]] = json.loads(out)
    return found


def test_the_views_say_what_the_seconds_add_up_to(ask: Ask, influx: Influx) -> None:
    mains = in_influx(influx, "home")["mains"]
    (counted,) = records(ask, "SELECT count(*) AS n, min(time) AS first, typeof(min(time)) AS t FROM mains")
    assert counted == {"n": len(mains), "first": "2026-01-05T01:00:00+01:00", "t": "TIMESTAMP WITH TIME ZONE"}
    for kind in ("mains", "appliance"):
        (total,) = records(ask, f"SELECT sum(power_w) / 3.6e6 AS kwh, count(*) AS n FROM {kind}")
        for step in ("1m", "15m", "1h", "1d"):
            (rolled,) = records(ask, f"SELECT sum(energy_kwh) AS kwh, sum(samples) AS n FROM {kind}_{step}")
            assert rolled["kwh"] == pytest.approx(total["kwh"], rel=1e-9)
            assert rolled["n"] == total["n"]
    (flow,) = records(ask, "SELECT sum(export_kwh) AS out, -sum(least(0, 1)) AS zero FROM mains_1d")
    (seconds,) = records(ask, "SELECT -sum(power_w) / 3.6e6 AS out FROM mains WHERE power_w < 0")
    assert flow["out"] == pytest.approx(seconds["out"], rel=1e-9)
    on = records(ask, "SELECT appliance, sum(on_s) AS s FROM appliance_1h GROUP BY ALL ORDER BY ALL")
    true = records(ask, 'SELECT appliance, sum("on"::INT) AS s FROM appliance GROUP BY ALL ORDER BY ALL')
    assert on == true


def test_a_day_is_a_local_day_also_when_the_clocks_change(ask: Ask) -> None:
    found = records(ask, "SELECT time, samples FROM mains_1d WHERE time >= '2026-03-28' ORDER BY time")
    assert found == [
        {"time": "2026-03-28T00:00:00+01:00", "samples": 23 * 6},  # what is stored begins at 01:00 there
        {"time": "2026-03-29T00:00:00+01:00", "samples": 23 * 6},  # the day has 23 hours
        {"time": "2026-03-30T00:00:00+02:00", "samples": 12},
    ]
    hours = records(ask, "SELECT hour(time) AS h FROM mains_1h WHERE date = '2026-03-29' ORDER BY time")
    assert [row["h"] for row in hours][:4] == [1, 3, 4, 5]


def test_answers_for_people_and_for_programs(ask: Ask) -> None:
    sql = "SELECT 1.5::DOUBLE AS kwh, 'Café' AS name, NULL AS nothing, TIMESTAMPTZ '2026-07-01 00:00+02' AS t"
    code, out, _ = ask("query", sql)
    assert (code, out.splitlines()) == (
        0,
        [
            "  kwh  name  nothing  t",
            "-----  ----  -------  -------------------------",
            "1.500  Café           2026-07-01 00:00:00+02:00",
        ],
    )
    code, out, _ = ask("query", "--csv", "SELECT 1 AS a, 'x,\"y' AS b, NULL AS c, sum(range) AS d FROM range(3)")
    assert list(csv.reader(io.StringIO(out))) == [["a", "b", "c", "d"], ["1", 'x,"y', "", "3"]]
    assert records(ask, "SELECT 'nan'::DOUBLE AS x, [1, 2] AS l, DATE '2026-01-01' AS d, INTERVAL 1 HOUR AS i") == [
        {"x": None, "l": [1, 2], "d": "2026-01-01", "i": "MonthDayNano(months=0, days=0, nanoseconds=3600000000000)"}
    ]
    assert records(ask, "SELECT 1 WHERE false") == []
    code, out, err = ask("query", "SELECT * FROM range(2000)")
    assert (len(out.splitlines()), "first 1000 rows" in err) == (1002, True)
    code, out, err = ask("query", "SELECT watts FROM mains")
    assert code == 1
    assert err.startswith('nilm-edge: Binder Error: Referenced column "watts" not found')


FORBIDDEN = [
    "SELECT * FROM read_csv('{}/secret.csv')",
    "SELECT * FROM read_csv('{}/snapshots/../secret.csv')",
    "SELECT * FROM read_csv('{}/snapshots/link.csv')",
    "SELECT * FROM read_csv('{}/snapshots_too/secret.csv')",
    "SELECT * FROM read_text('{}/config.toml')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '{}/secret.csv'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
    "SELECT * FROM sniff_csv('{}/secret.csv')",
    "SELECT * FROM config",
    "SELECT * FROM query('COPY mains TO ''{}/out.csv''')",
    "SELECT * FROM enable_logging(storage='file', storage_path='{}/snapshots/log')",
    "ATTACH '{}/other.duckdb' AS other",
    "COPY mains TO '{}/out.csv'",
    "COPY (SELECT 1) TO '{}/snapshots/out.csv'",
    "EXPORT DATABASE '{}/out'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET memory_limit = '100GB'",
    "RESET lock_configuration",
    "PRAGMA memory_limit = '100GB'",
    "CALL enable_logging()",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "DROP VIEW mains",
    "INSERT INTO mains SELECT * FROM mains",
    "CHECKPOINT",
    "PREPARE p AS SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{}/snapshots/out.csv'",
    "",
    ";",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_a_question_reaches_nothing_else(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], sql: str
) -> None:
    from edge.adapters.duck import build_catalogue
    from edge.adapters.snapshot_folder import SnapshotFolder

    for name in ("secret.csv", "snapshots_too/secret.csv", "snapshots/here.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a,b\n1,2\n")
    (tmp_path / "snapshots" / "link.csv").symlink_to(tmp_path / "secret.csv")
    build_catalogue(tmp_path / "snapshot.duckdb", SnapshotFolder(tmp_path))
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config))
    before = sorted(tmp_path.rglob("*"))
    assert main(["query", "--config", str(file), sql.replace("{}", str(tmp_path))]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("nilm-edge: ")
    assert len(said.err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_question_may_not_take_too_long_or_too_much(ask: Ask, brussels: Config, tmp_path: Path) -> None:
    hurried = replace(brussels, history=replace(brussels.history, query_timeout_s=1))
    (tmp_path / "config.toml").write_text(to_toml(hurried))
    code, _, err = ask("query", "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b")
    assert (code, "longer than 1 s" in err) == (1, True)
    small = replace(brussels, history=replace(brussels.history, query_memory_mb=64))
    (tmp_path / "config.toml").write_text(to_toml(small))
    code, _, err = ask("query", "SELECT count(*) FROM (SELECT range, random() AS r FROM range(20000000) ORDER BY r)")
    assert (code, "more than 64 MB" in err) == (1, True)


def test_a_question_without_history_says_what_to_do(config: Config, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(to_toml(config))
    done = nilm_edge("query", "--config", str(tmp_path / "config.toml"), "SELECT 1")
    assert done.returncode == 1
    assert done.stderr.endswith("is not there yet: run nilm-edge snapshot first.\n")
    done = nilm_edge("snapshot", "--json", "--config", str(tmp_path / "config.toml"))
    assert done.returncode == 1  # no database yet
    assert json.loads(done.stdout)["failed"]
    done = nilm_edge("query", "--config", str(tmp_path / "config.toml"), "SELECT count(*) AS n FROM appliance_1d")
    assert (done.returncode, done.stdout) == (0, "n\n-\n0\n")


def test_an_open_catalogue_is_replaced_under_the_reader(ask: Ask, brussels: Config, streams: Streams) -> None:
    from edge.adapters.duck import Catalogue, Limits
    from edge.adapters.snapshot_folder import SnapshotFolder

    folder = SnapshotFolder(Path(brussels.data_dir))
    with Catalogue.open(folder.catalogue, folder, Limits(5, 100, 1)) as catalogue:
        snapshot(brussels, streams, START_S + 85 * DAY_S)
        assert list(catalogue.ask("SELECT count(*) FROM mains").rows) == [[4 * 144]]


def test_a_killed_build_of_the_catalogue_is_in_nobodys_way(ask: Ask, brussels: Config, streams: Streams) -> None:
    for name in ("snapshot.duckdb.part", "snapshot.duckdb.part.wal", "snapshot.duckdb"):
        (Path(brussels.data_dir) / name).write_bytes(b"half of something")
    code, _, err = ask("query", "SELECT 1")
    assert (code, "nilm-edge snapshot makes it anew" in err) == (1, True)
    assert snapshot(brussels, streams, START_S + 85 * DAY_S)["failed"] == []
    assert ask("query", "SELECT count(*) FROM mains")[0] == 0
    assert not list(Path(brussels.data_dir).glob("*.part*"))


@pytest.mark.parametrize("table", ["mains", "appliance"])
@pytest.mark.parametrize("resolution", ["1s", "1m", "15m", "1h"])
def test_exports_are_the_stored_rows(  # noqa: PLR0917
    ask: Ask, brussels: Config, influx: Influx, tmp_path: Path, table: str, resolution: str
) -> None:
    fill(influx, "home", [START_S + 100 * DAY_S + 7], seed=8)  # not snapshotted yet
    out = tmp_path / "out"
    options = (
        "--start",
        "2026-01-05",
        "--end",
        "2027-01-01T00:00:00+00:00",
        "--table",
        table,
        "--resolution",
        resolution,
    )
    code, text, _ = ask("export", *options)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert code == 0
    assert ask("export", *options, "--format", "parquet", "--out", str(out))[0] == 0
    stored = pq.read_table(out)
    assert stored.num_rows == len(rows)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert rows[0]["time"] == "2026-01-05T00:00:00Z"
    assert rows[-1]["time"] == {"1s": "2026-04-15T00:00:07Z"}.get(resolution, "2026-04-15T00:00:00Z")
    per_time = {"mains": 1, "appliance": 4}[table]
    if resolution == "1s":
        assert len(rows) == len(in_influx(influx, "home")[table]) == len(in_parquet(brussels, "home")[table]) + per_time
    else:
        assert len(rows) == (4 * {"1m": 144, "15m": 96, "1h": 24}[resolution] + 1) * per_time
        assert sum(int(row["samples"]) for row in rows) == (4 * 144 + 1) * per_time
    assert [float(row["power_w"]) for row in rows] == stored["power_w"].to_pylist()
    assert set(stored.column_names) == set(tables.SCHEMAS[table if resolution == "1s" else f"{table}_1m"].names)


def test_an_export_is_cut_where_it_is_asked_to_be(ask: Ask, tmp_path: Path) -> None:
    code, out, _ = ask("export", "--start", "2026-01-05T10:00:00Z", "--end", "2026-01-05T13:00:00+01:00")
    times = [row["time"] for row in csv.DictReader(io.StringIO(out))]
    assert (code, times[0], times[-1], len(times)) == (0, "2026-01-05T10:00:00Z", "2026-01-05T11:50:00Z", 12)
    code, out, err = ask("export", "--start", "2026-01-05", "--end", "2026-01-06", "--building", "barn")
    assert (code, out, err) == (1, "", "nilm-edge: there is no building 'barn'; there are: home\n")
    code, out, err = ask("export", "--start", "2026-01-05", "--end", "2026-01-05")
    assert (code, out, err) == (1, "", "nilm-edge: --end must be later than --start\n")
    code, _, err = ask(
        "export", "--start", "2026-01-05", "--end", "2026-01-06", "--out", str(tmp_path / "no" / "dir" / "x")
    )
    assert code == 0
    (tmp_path / "file").write_text("")
    code, _, err = ask("export", "--start", "2026-01-05", "--end", "2026-01-06", "--out", str(tmp_path / "file" / "x"))
    assert (code, "cannot write" in err) == (1, True)
    with pytest.raises(SystemExit):
        ask("export", "--start", "yesterday", "--end", "2026-01-06")


def test_an_export_without_influxdb_says_how_far_it_goes(ask: Ask, brussels: Config, tmp_path: Path) -> None:
    away = replace(brussels, influx=replace(brussels.influx, url="http://127.0.0.1:1"))
    (tmp_path / "config.toml").write_text(to_toml(away))
    code, out, err = ask("export", "--start", "2026-01-05", "--end", "2026-03-30")
    assert (code, len(out.splitlines())) == (0, 1 + 4 * 144)
    code, _, err = ask("export", "--start", "2026-01-05", "--end", "2026-03-31", "--out", str(tmp_path / "x"))
    assert code == 1
    assert "history ends at 2026-03-30T00:00:00Z" in err
    assert not (tmp_path / "x").exists()
