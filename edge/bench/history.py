"""`bench history`: what it costs to store a day as Parquet, how large that is, and how quick a question to it."""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from edge.adapters import history_tables as tables
from edge.adapters.duck import Catalogue, Limits, build_catalogue
from edge.adapters.files import write_whole, written_whole
from edge.adapters.influx import Influx
from edge.adapters.onnx_model import load_models
from edge.adapters.processes import free_port, output_of
from edge.adapters.streams import Streams
from edge.backup import run as write_backup
from edge.bench import machine
from edge.core.disaggregator import Disaggregator
from edge.core.line_protocol import sample_line, tick_lines
from edge.core.manifest import DAY_MS, KINDS, RAW, Day, date_of
from edge.core.prediction import Tick
from edge.core.wanted import Wanted
from edge.export import history, pieces
from edge.models import models_dir
from edge.restore import Restore
from edge.settings import Config
from edge.simulate import Home
from edge.snapshot import Snapshot
from edge.stack import Stack, private_config
from edge.stored_seconds import StoredSeconds, hours_of

_START_MS = 1_767_571_200_000
_DAY_S = 86_400
_HOUR_MS = 3_600_000
_SETTLED_MS = 200_000
_MONTH_DAYS = 30
_REPEATS = 9
_HEAT_MAP = (
    "SELECT date_trunc('hour', time) AS hour, appliance, sum(energy_kwh) "
    "FROM appliance_1h WHERE {} GROUP BY ALL ORDER BY ALL"
)


def run(config: Config, days: int, out: Path | None) -> dict[str, Any]:
    """One day of the simulated home through a private InfluxDB; the other days are the same, moved. Print and store."""
    with tempfile.TemporaryDirectory(prefix="nilm-edge-bench-") as folder:
        data_dir = Path(folder)
        kept = replace(config, history=replace(config.history, influx_days=0))
        stack = Stack(private_config(kept, data_dir, free_port()), data_dir)
        try:
            stack.start_servers()
            figures = _measure(stack, days)
        finally:
            stack.stop()
    _print(figures)
    if out:
        write_whole(out, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return figures


def _measure(stack: Stack, days: int) -> dict[str, Any]:
    config = stack.config
    influxd = next(server.pid for server in stack.servers if server.name == "influxd")
    influx = Influx.connect(config.influx)
    influx.prepare()
    appliances, points = fill(config, influx, _START_MS // 1000, _DAY_S)
    stored = StoredSeconds(config, influx)
    snapshot = Snapshot(config, Streams.connect(config.redis.url), stored)
    building = config.simulator.building
    spans = [(kind, at) for at in hours_of(_START_MS, _START_MS + DAY_MS) for kind in RAW]
    read = _cost(influxd, lambda: [stored.read(kind, building, at, at + _HOUR_MS) for kind, at in spans])
    hour = _cost(influxd, lambda: snapshot.turn(_START_MS + _HOUR_MS + _SETTLED_MS))
    afresh = replace(config, data_dir=str(stack.data_dir / "afresh"))
    again = Snapshot(afresh, Streams.connect(config.redis.url), stored)
    day = _cost(influxd, lambda: again.turn(_START_MS + DAY_MS + _SETTLED_MS))
    process, peak_rss_mib = _snapshot_in_a_process_of_its_own(stack, influxd)
    (first,) = snapshot.folder.days(building)
    sizes = {kind: sum(part.size_bytes for part in first.of(kind)) for kind in KINDS}
    _move(snapshot, first, days)
    catalogue = _cost(influxd, lambda: build_catalogue(snapshot.folder.catalogue, snapshot.folder))
    week_ms = _START_MS + max(0, days - 7) * DAY_MS
    span = f"time >= make_timestamptz({week_ms}000) AND time < make_timestamptz({week_ms + 7 * DAY_MS}000)"
    dated = f"{span} AND date >= '{date_of(week_ms)}' AND date < '{date_of(week_ms + 7 * DAY_MS)}'"
    wanted = Wanted(building, "appliance", "1s", _START_MS, _START_MS + DAY_MS)
    export = _cost(influxd, lambda: [len(p) for p in pieces(wanted, "csv", history(snapshot.folder, stored, wanted))])
    backup = _cost(influxd, lambda: _backup(config, stack.data_dir / "backup.tar"))
    back = Restore(config, stack.data_dir, lambda _: None)
    elsewhere = replace(first, building="restored")
    restore = _cost(influxd, lambda: back.day(elsewhere, snapshot.folder.place(building, first.date)))
    return {
        **machine.describe(),
        "appliances": appliances,
        "points_a_day": points,
        "days": days,
        "read_day": read,
        "snapshot_hour": hour,
        "snapshot_day": day,
        "snapshot_process": process,
        "snapshot_month_s": round(_MONTH_DAYS * day["wall_s"], 1),
        "bytes_a_day": sizes,
        "bytes_a_building_day": sum(sizes.values()),
        "influx_bytes_a_day": _size(stack.data_dir / "influxdb" / "data"),
        "peak_rss_mib": peak_rss_mib,
        "catalogue_s": catalogue["wall_s"],
        "week_heat_map_ms": _ask(snapshot, _HEAT_MAP.format(dated)),
        "week_heat_map_without_date_ms": _ask(snapshot, _HEAT_MAP.format(span)),
        "energy_by_day_ms": _ask(snapshot, "SELECT time, appliance, energy_kwh FROM appliance_1d ORDER BY ALL"),
        "export_day_csv": export,
        "backup": backup,
        "backup_bytes": (stack.data_dir / "backup.tar").stat().st_size,
        "restore_day": restore,
    }


def _backup(config: Config, file: Path) -> None:
    with written_whole(file) as out:
        write_backup(config, out, lambda _: None, snapshot=False)


def _snapshot_in_a_process_of_its_own(stack: Stack, influxd: int | None) -> tuple[dict[str, float], float]:
    """What `nilm-edge snapshot` costs, its start included, and its peak memory in MiB."""
    code = (
        "import time; from edge.cli import main; from edge.bench.machine import peak_rss_mib; "
        f"main(['snapshot', '--config', {str(stack.config_file)!r}]); print(time.process_time(), peak_rss_mib())"
    )
    said: list[str] = []
    cost = _cost(influxd, lambda: said.extend((output_of([sys.executable, "-c", code], 600) or "nan nan").split()[-2:]))
    return cost | {"own_cpu_s": round(float(said[0]), 2)}, float(said[1])


def fill(config: Config, influx: Influx, start_s: int, duration_s: int) -> tuple[int, int]:
    """The simulated home and what the models say to it; how many appliances, and points written."""
    home = Home(config)
    samples = [home.sample(start_s + n) for n in range(duration_s)]
    lines = [sample_line(sample) for sample in samples]
    models, _ = load_models(models_dir(config))
    disaggregator = Disaggregator(models)
    at_ms, power_w = np.array([s.at_ms for s in samples]), np.array([s.power_w for s in samples])
    points = 0
    for table in disaggregator.score(at_ms, power_w):
        for at, values, other_w in zip(table.at_ms.tolist(), table.values, table.other_w.tolist(), strict=True):
            lines += tick_lines(Tick(home.building, at, table.columns, values, other_w))
            if len(lines) > 12_000:
                influx.write(config.influx.bucket_raw, "\n".join(lines))
                points += len(lines)
                lines = []
    influx.write(config.influx.bucket_raw, "\n".join(lines))
    return len(disaggregator.columns), points + len(lines)


def _move(snapshot: Snapshot, first: Day, days: int) -> None:
    """The first day again, as the days after it: what a question finds after so many days."""
    folder = snapshot.folder
    content = {part.kind: tables.from_parquet(part.kind, folder.read(first, part)) for part in first.parts}
    for n in range(1, days):
        day = Day(first.building, date_of(_START_MS + n * DAY_MS))
        parts = []
        for kind, table in content.items():
            moved = tables.later(table, n * DAY_MS)
            written = tables.to_parquet(kind, [moved])
            parts.append(folder.add(day, kind, None, written.rows, written.content))
        folder.commit(day, parts, first.rows)


def _cost(influxd: int | None, work: Callable[[], object]) -> dict[str, float]:
    """Wall time, and the processor time of this process and of InfluxDB."""
    began_s, own_s, theirs_s = time.perf_counter(), machine.cpu_s(), machine.cpu_s(influxd)
    work()
    return {
        "wall_s": round(time.perf_counter() - began_s, 3),
        "own_cpu_s": round(machine.cpu_s() - own_s, 2),
        "influxd_cpu_s": round(machine.cpu_s(influxd) - theirs_s, 2),
    }


def _ask(snapshot: Snapshot, sql: str) -> float:
    """The median over fresh connections of opening the catalogue, asking, and fetching every row."""
    took_ms = []
    for _ in range(_REPEATS):
        began_s = time.perf_counter()
        with Catalogue.open(snapshot.folder.catalogue, snapshot.folder, Limits(60, 256, 2)) as catalogue:
            rows = list(catalogue.ask(sql).rows)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        assert rows
    return round(float(np.median(took_ms)), 1)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['machine']}: {figures['processor']}, {figures['cores']} cores")
    print(f"a day of {figures['appliances']} appliances and the rest, {figures['points_a_day']:,} points\n")
    print(f"{'':<34}{'wall s':>8}{'own CPU s':>11}{'influxd CPU s':>15}")
    for name, what in (
        ("read_day", "read a day out of InfluxDB"),
        ("snapshot_hour", "snapshot an hour"),
        ("snapshot_day", "snapshot the day"),
        ("snapshot_process", "nilm-edge snapshot of 23 hours"),
        ("export_day_csv", "export the day's seconds as CSV"),
        ("backup", "backup of all days, no snapshot"),
        ("restore_day", "restore a day into InfluxDB"),
    ):
        cost = figures[name]
        print(f"{what:<34}{cost['wall_s']:>8}{cost['own_cpu_s']:>11}{cost['influxd_cpu_s']:>15}")
    print(f"a month, 30 times the day         {figures['snapshot_month_s']:>8} s")
    print(f"peak memory                       {figures['peak_rss_mib']:>8} MiB\n")
    for kind, size in figures["bytes_a_day"].items():
        print(f"{kind:<14}{size / 1e6:>8.2f} MB a building and day")
    both = figures["bytes_a_building_day"] / 1e6, figures["influx_bytes_a_day"] / 1e6
    print(f"{'all':<14}{both[0]:>8.2f} MB; InfluxDB, not compacted yet, {both[1]:.1f} MB\n")
    print(f"backup {figures['backup_bytes'] / 1e6:.1f} MB")
    print(f"with {figures['days']} days stored: catalogue made in {figures['catalogue_s']} s")
    print(f"a week's hourly heat map          {figures['week_heat_map_ms']:>8} ms")
    print(f"the same without date             {figures['week_heat_map_without_date_ms']:>8} ms")
    print(f"energy of every day               {figures['energy_by_day_ms']:>8} ms")
