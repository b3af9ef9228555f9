"""A home whose mains switch, in InfluxDB and out of it, for tests of gaps and backfill."""

import functools
import time
from pathlib import Path
from typing import Any

import numpy as np

from edge.adapters.changed_hours import PREDICT, ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.onnx_model import load_models
from edge.adapters.streams import Streams
from edge.core.disaggregator import Disaggregator
from edge.core.line_protocol import sample_line, tick_lines
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.sample import NO_FLAGS, Flags, Sample
from edge.gaps import Gaps, as_text
from edge.local_time import zone
from edge.meter_log import MeterLog, read
from edge.models import SHIPPED_DIR
from edge.settings import Config
from edge.unit import now_ms

Points = dict[int, dict[str, Any]]
SECONDS = 6000


def hours_ago_s(hours: int) -> int:
    """An hour's beginning, long enough ago that nothing of it is on its way."""
    return (int(time.time()) // 3600 - hours) * 3600


def drawn_w(at_s: int) -> float:
    """A home that switches: a fridge, a kettle now and then, an oven at times."""
    fridge, kettle, oven = at_s % 1800 < 700, at_s % 3100 < 150, at_s % 5200 < 1300
    return 180.0 + 110 * fridge + 2050 * kettle + 2400 * oven + (at_s * 7919 % 23)


def samples_of(start_s: int, seconds: "range | set[int]", flags: Flags = NO_FLAGS) -> list[Sample]:
    return [Sample("home", (start_s + n) * 1000, drawn_w(start_s + n), flags=flags) for n in sorted(seconds)]


def store(influx: Influx, samples: list[Sample], *, predicted: bool = False) -> None:
    influx.write("nilm", "\n".join(map(sample_line, samples)))
    if predicted:
        at_s = (sample.at_ms // 1000 for sample in samples)
        influx.write("nilm", "\n".join(f"appliance,appliance=other,building=home power_w=1.0 {s}" for s in at_s))


def mains_of(influx: Influx) -> dict[int, tuple[float, int]]:
    found = influx.query("nilm", "SELECT power_w, flags FROM mains WHERE building = $b", {"b": "home"})
    return {row[0] // 1000: (row[1], row[2]) for series in found for row in series.values}


def points_of(influx: Influx) -> Points:
    query = 'SELECT power_w, p_on, "on", low_w, high_w, warmup FROM appliance WHERE building = $b GROUP BY appliance'
    points: Points = {}
    for series in influx.query("nilm", query, {"b": "home"}):
        for at_ms, *row in series.values:
            points.setdefault(at_ms // 1000, {})[series.tags["appliance"]] = tuple(row)
    return points


@functools.cache
def said_by_step_graph(start_s: int, seconds: int) -> Points:
    """What live inference says second by second, of mains in InfluxDB's precision."""
    models = Disaggregator(load_models(SHIPPED_DIR)[0])
    points: Points = {}
    for sample in samples_of(start_s, range(seconds)):
        tick = models.predict("home", sample.at_ms, float(f"{sample.power_w:.7g}"))
        for line in tick_lines(tick):
            name = line.split("appliance=")[1].split(",")[0]
            fields = dict(pair.split("=") for pair in line.split(" ")[1].split(","))
            on = {"true": True, "false": False}
            numbers = [float(fields[key]) if key in fields else None for key in ("power_w", "p_on", "low_w", "high_w")]
            power_w, p_on, low_w, high_w = numbers
            row = (power_w, p_on, on.get(fields.get("on", "")), low_w, high_w, on.get(fields.get("warmup", "")))
            points.setdefault(sample.at_ms // 1000, {})[name] = row
    return points


def pretend_live(streams: Streams, samples: list[Sample]) -> None:
    """Predictions as they come second by second, of anything."""
    values = np.array([(1.0, 0.5, 0.0, 2.0, True, False)], COLUMN)
    streams.add_ticks([Tick("home", s.at_ms, (Column("Oven", "tcn-1"),), values, 9.0) for s in samples])


def csv_log(folder: Path, samples: list[Sample], name: str = "meter.csv") -> MeterLog:
    file = folder / name
    rows = [f"{sample.at_ms // 1000},{sample.power_w}" for sample in samples]
    file.write_text("\n".join(["time,power_w", *rows, ""]))
    return read(file, None)


def gaps_of(config: Config, streams: Streams, influx: Influx) -> dict[str, Any]:
    found = Gaps(config, streams, influx).summary(["home"], now_ms(), 7, zone("UTC"))
    home: dict[str, Any] = found["buildings"]["home"]
    assert as_text(found).startswith("home: ")
    return home


def notes_of(config: Config) -> dict[str, list[int]]:
    changed = ChangedHours(Path(config.data_dir))
    return {
        reader: changed.waiting(reader).get("home", []) for reader in (PREDICT, "predict-doing", "snapshot", "sync")
    }
