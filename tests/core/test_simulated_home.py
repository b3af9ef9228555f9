"""The simulated home: reproducible, physical, lived in, and the shipped file is what the code makes."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

# scripts/ is not an installed package; the command line finds the module the same way.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from simulated_home import FIRST_TRAINING_SEED, OWNED, SHIPPED_SEED, Home, shipped, simulate
from simulated_home.shipped import write

JANUARY, JULY = date(2025, 1, 6), date(2025, 7, 7)
SHIPPED_FILE = Path(__file__).resolve().parents[2] / "simulation_data.parquet"
SHIPPED_DAY_DIGEST = "47a7f4dbd171a66f5566601667ece4fd0ada80e21f76bbb8f5cdaa6e5d25425a"
SHIPPED_DIGEST = "32ad2da54df039354f259ab4a863e9398bded4b29c6639ecf0273703bcd1d64b"


@pytest.fixture(scope="module")
def home() -> Home:
    return simulate(11, 7, JANUARY, all_appliances=True)


@pytest.fixture(scope="module")
def month() -> Home:
    return shipped()


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert simulate(3, 0.5, JULY).digest() == simulate(3, 0.5, JULY).digest()
    assert simulate(3, 0.5, JULY).digest() != simulate(4, 0.5, JULY).digest()


def test_this_machine_makes_the_bytes_that_others_made() -> None:
    assert shipped(1).digest() == SHIPPED_DAY_DIGEST


def test_a_longer_simulation_begins_with_the_shorter_one(home: Home) -> None:
    short = simulate(11, 2, JANUARY, all_appliances=True)
    rows = len(short.time)
    for name, power_w in short.appliances.items():
        assert np.array_equal(power_w, home.appliances[name][:rows]), name
    assert np.array_equal(short.voltage_v, home.voltage_v[:rows])
    assert np.array_equal(short.mains_w, home.mains_w[:rows])


def test_a_start_within_the_day_is_a_cut_of_the_day() -> None:
    day = simulate(5, 1, JANUARY)
    cut = simulate(5, 0.25, datetime(2025, 1, 6, 12, tzinfo=UTC))
    assert cut.time[0] == day.time[43_200]
    assert np.array_equal(cut.mains_w, day.mains_w[43_200 : 43_200 + 21_600])


def test_lacking_appliances_are_zero_and_do_not_change_the_others() -> None:
    some, every = simulate(1003, 1, JANUARY), simulate(1003, 1, JANUARY, all_appliances=True)
    assert list(some.appliances) == list(OWNED)
    assert some.owned < every.owned == set(OWNED)
    for name in set(OWNED) - some.owned:
        assert not some.appliances[name].any()
    # Another appliance only bends the voltage: a few per cent of what is resistive.
    for name in some.owned:
        assert np.allclose(some.appliances[name], every.appliances[name], rtol=0.12, atol=2.0), name


def test_grid_types_and_whole_watts(home: Home) -> None:
    assert home.time.dtype == np.int64
    assert set(np.diff(home.time)) == {1000}
    assert home.mains_w.dtype == home.voltage_v.dtype == np.float32
    assert np.array_equal(home.mains_w, np.round(home.mains_w))
    for power_w in home.appliances.values():
        assert power_w.dtype == np.float32
        assert power_w.min() >= 0.0
        assert np.isfinite(power_w).all()


@pytest.mark.parametrize("start", [JANUARY, JULY])
@pytest.mark.parametrize("seed", range(1000, 1012))
def test_random_homes_add_up(seed: int, start: date) -> None:
    home = simulate(seed, 1, start)
    known_w = sum(home.appliances.values())
    over = np.mean(known_w > home.mains_w + 20.0)
    assert over < 0.005, "beyond repeated seconds and noise, mains holds every appliance"
    assert home.mains_w.min() > 0.0
    nominal_v = 230.0 if home.voltage_v.mean() > 180.0 else 120.0
    assert 0.85 * nominal_v < home.voltage_v.min() <= home.voltage_v.max() < 1.1 * nominal_v


def test_the_mains_scale_is_one_unless_asked_for() -> None:
    plain = [simulate(seed, 0.02, JANUARY).mains_scale for seed in range(1000, 1040)]
    varied = [simulate(seed, 0.02, JANUARY, vary_scale=True).mains_scale for seed in range(1000, 1040)]
    assert set(plain) == {1.0}
    assert 2 <= sum(scale > 1.0 for scale in varied) <= 16
    assert max(varied) <= 1.6


def test_meter_repeats_a_second_now_and_then(month: Home) -> None:
    rising = np.abs(np.diff(month.voltage_v)) > 0
    same = np.mean(np.diff(month.mains_w)[rising] == 0)
    assert 0.0 < same < 0.9


def test_the_hood_runs_with_the_stove_and_the_dryer_after_the_wash(month: Home) -> None:
    cooking = (month.appliances["Stove"] > 100) | (month.appliances["Oven"] > 200)
    hood = month.appliances["RangeHood"] > 25
    assert cooking[hood].mean() > 5 * cooking.mean()
    washing, drying = (np.flatnonzero(month.appliances[name] > 50) for name in ("WashingMachine", "Dryer"))
    starts = drying[np.concatenate(([True], np.diff(drying) > 3600))]
    since_s = [second - washing[washing < second][-1] for second in starts if (washing < second).any()]
    assert np.median(since_s) < 3600


def test_a_resistance_follows_the_voltage_squared(month: Home) -> None:
    boiling = month.appliances["Kettle"] > 1000
    inside = boiling[:-4] & boiling[1:-3] & boiling[2:-2] & boiling[3:-1] & boiling[4:]
    at = np.flatnonzero(inside) + 2
    resistance_ohm = month.voltage_v[at].astype(np.float64) ** 2 / month.appliances["Kettle"][at]
    assert np.std(resistance_ohm) / np.mean(resistance_ohm) < 0.01


def test_a_heat_pump_works_more_in_winter() -> None:
    winter, summer = (simulate(21, 7, start, all_appliances=True).appliances["HeatPump"] for start in (JANUARY, JULY))
    assert winter.mean() > 2.0 * summer.mean()


@pytest.mark.parametrize(
    ("name", "on_w", "days"),
    [
        ("HeatPump", 150, 31),
        ("Dishwasher", 10, 15),
        ("WashingMachine", 20, 10),
        ("Dryer", 50, 10),
        ("Oven", 200, 8),
        ("Stove", 100, 20),
        ("RangeHood", 15, 18),
        ("EVCharger", 500, 10),
        ("EVSocket", 500, 10),
        ("RainwaterPump", 100, 28),
        ("Fridge", 25, 31),
        ("Microwave", 200, 24),
        ("Kettle", 1000, 28),
    ],
)
def test_every_appliance_is_used_in_the_shipped_month(month: Home, name: str, on_w: float, days: int) -> None:
    assert (month.appliances[name].reshape(31, -1) > on_w).any(axis=1).sum() >= days


def test_the_shipped_file_is_what_the_code_makes(month: Home) -> None:
    assert SHIPPED_SEED < FIRST_TRAINING_SEED
    assert month.digest() == SHIPPED_DIGEST
    assert SHIPPED_FILE.stat().st_size < 25_000_000
    file = pq.ParquetFile(SHIPPED_FILE)
    assert file.metadata.num_rows == 2_678_400
    assert {file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)} == {3600}
    stored = file.read()
    assert str(stored.schema.field("time").type) == "timestamp[ms, tz=UTC]"
    assert np.array_equal(stored["time"].cast("int64").to_numpy(), month.time)
    assert np.array_equal(stored["mains_w"].to_numpy(), month.mains_w)
    assert np.array_equal(stored["voltage_v"].to_numpy(), month.voltage_v)
    for name, power_w in month.appliances.items():
        assert np.array_equal(stored[f"{name}_w"].to_numpy(), np.round(power_w)), name


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "home.parquet"
    assert write(simulate(2, 0.1, JULY), target) == target.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["home.parquet"]
    with pytest.raises(OSError, match="missing"):
        write(simulate(2, 0.1, JULY), tmp_path / "missing" / "home.parquet")
