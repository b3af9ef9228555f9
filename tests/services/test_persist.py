"""nilm-persist on a real Redis and InfluxDB, driven turn by turn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.adapters.changed_hours import HOUR_MS, ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.sample import Sample
from edge.errors import Unavailable
from edge.persist import Outlet
from edge.settings import Config
from edge.unit import now_ms
from tests.servers import Servers

START_S = 1_700_000_000
COLUMNS = (Column("Oven", "tcn-1"), Column("Kettle", "tcn-1"))
MAINS = "SELECT power_w FROM mains WHERE building=$building"
APPLIANCES = (
    'SELECT power_w, p_on, "on", low_w, high_w, model, warmup FROM appliance '
    "WHERE building=$building GROUP BY appliance"
)


def _fill(streams: Streams, count: int, first: int = 0) -> None:
    samples = [Sample("home", (START_S + n) * 1000, float(n)) for n in range(first, first + count)]
    values = np.array([(1.0, 0.5, 0.0, 2.0, True, False)] * 2, COLUMN)
    streams.add_samples(samples)
    streams.add_ticks([Tick("home", sample.at_ms, COLUMNS, values, 9.0) for sample in samples])


def _outlet(config: Config, streams: Streams) -> Outlet:
    return Outlet(config, streams, Influx.connect(config.influx))


def test_the_outbox_reaches_the_database_by_its_schema(config: Config, streams: Streams) -> None:
    _fill(streams, 3)
    outlet = _outlet(config, streams)
    outlet.turn()
    assert streams.length("home", "outbox") == 0
    assert outlet.persisted == 6
    influx = Influx.connect(config.influx)
    (mains,) = influx.query("nilm", MAINS, {"building": "home"})
    assert mains.values == [[(START_S + n) * 1000, float(n)] for n in range(3)]
    series = {one.tags["appliance"]: one for one in influx.query("nilm", APPLIANCES, {"building": "home"})}
    assert set(series) == {"Oven", "Kettle", "other"}
    assert series["Oven"].values[0][1:] == [1.0, 0.5, True, 0.0, 2.0, "tcn-1", False]
    assert series["other"].values[0][1] == 9.0


def test_a_crash_between_writing_and_removing_doubles_nothing(
    config: Config, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(streams, 20)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(streams, "remove_from_outbox", crash)
        with pytest.raises(KeyboardInterrupt):
            _outlet(config, streams).turn()
    _outlet(config, streams).turn()
    (mains,) = Influx.connect(config.influx).query("nilm", MAINS, {"building": "home"})
    assert [row[0] for row in mains.values] == [(START_S + n) * 1000 for n in range(20)]


def test_influxdb_away_loses_nothing(config: Config, streams: Streams, servers: Servers) -> None:
    outlet = _outlet(config, streams)
    _fill(streams, 5)
    outlet.turn()
    servers.influxd.terminate()
    servers.influxd.wait_or_kill(10)
    _fill(streams, 3000, first=5)
    with pytest.raises(Unavailable, match="away"):
        outlet.turn()
    assert streams.length("home", "outbox") == 6000
    servers.start()
    outlet.start_over()
    while streams.length("home", "outbox"):
        outlet.turn()
    (mains,) = Influx.connect(config.influx).query("nilm", MAINS, {"building": "home"})
    assert [row[1] for row in mains.values] == [float(n) for n in range(3005)]


def test_a_refused_batch_is_set_aside_and_the_rest_goes_on(config: Config, streams: Streams) -> None:
    influx = Influx.connect(config.influx)
    influx.prepare()
    influx.write("nilm", f"mains,building=shed voltage_v=1i {START_S}")  # somebody else's integer
    home_s = START_S + 9
    streams.add_samples([Sample("shed", START_S * 1000, 2.0, 230.5), Sample("home", home_s * 1000, 3.0)])
    outlet = _outlet(config, streams)
    outlet.turn()
    assert outlet.rejected == 1
    assert streams.length("shed", "outbox") == streams.length("home", "outbox") == 0
    (kept,) = (Path(config.data_dir) / "rejected").iterdir()
    assert "voltage_v=230.5" in kept.read_text()
    assert "field type conflict" in kept.read_text()
    (mains,) = influx.query("nilm", MAINS, {"building": "home"})
    assert [row[1] for row in mains.values] == [3.0]


def test_hours_long_past_are_looked_at_again(config: Config, streams: Streams) -> None:
    """A meter's queue may fill an hour that sync and snapshot have found empty."""
    outlet = _outlet(config, streams)
    _fill(streams, 2)
    streams.add_samples([Sample("home", now_ms() // 1000 * 1000, 1.0)])
    outlet.turn()
    hour_ms = START_S * 1000 // HOUR_MS * HOUR_MS
    changed = ChangedHours(Path(config.data_dir))
    assert changed.waiting("sync") == changed.waiting("snapshot") == {"home": [hour_ms]}


def test_mains_and_appliances_may_have_databases_of_their_own(config: Config, streams: Streams) -> None:
    apart = replace(config, influx=replace(config.influx, bucket_pred="nilm_pred"))
    _fill(streams, 1)
    _outlet(apart, streams).turn()
    influx = Influx.connect(apart.influx)
    assert influx.query("nilm", MAINS, {"building": "home"})
    assert not influx.query("nilm", APPLIANCES, {"building": "home"})
    assert influx.query("nilm_pred", APPLIANCES, {"building": "home"})
