"""What the network is trained on: never the shipped seconds, meters of many kinds, unknown labels kept unknown."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from network import real
from network.data import FIRST_DAY, HomePool, Recording, record, slowed
from network.recipe import HISTORY_S, REAL_TARGETS, TARGETS
from simulated_home import SHIPPED_DAYS, SHIPPED_SEED, SHIPPED_START, later_days, simulate
from simulated_home.household import Household

LENGTH_S, EVERY_S = 6400, 16


@pytest.fixture(scope="module")
def pool() -> HomePool:
    made = HomePool(3, TARGETS, own=[record(7, 1.0, all_appliances=True, vary_scale=False)])
    made.refresh(4)
    return made


def test_the_shipped_home_is_trained_on_only_after_its_file_ends() -> None:
    later = later_days(0, 1)
    longer = simulate(SHIPPED_SEED, SHIPPED_DAYS + 1, SHIPPED_START, all_appliances=True)
    assert later.time[0] == longer.time[0] + SHIPPED_DAYS * 86_400_000
    assert len(later.mains_w) == 86_400
    assert np.array_equal(later.mains_w, longer.mains_w[SHIPPED_DAYS * 86_400 :])


def test_a_slow_meter_repeats_what_it_said_last() -> None:
    told = slowed(np.arange(20, dtype=np.float32), 3.4)
    assert told.tolist() == [0, 0, 0, 0, 4, 4, 4, 7, 7, 7, 7, 11, 11, 11, 14, 14, 14, 17, 17, 17]


def test_a_slow_meter_may_say_the_mean_since_it_last_spoke() -> None:
    told = slowed(np.arange(20, dtype=np.float32), 4.0, averaged=True)
    assert told.tolist() == [0.0] * 4 + [2.5] * 4 + [6.5] * 4 + [10.5] * 4 + [14.5] * 4
    flat = slowed(np.full(100, 240.0, np.float32), 3.4, averaged=True)
    assert flat.tolist() == [240.0] * 100


def test_a_batch_is_inputs_and_the_watts_of_each_blocks_last_second(pool: HomePool) -> None:
    x, watts = pool.batch(6, LENGTH_S, EVERY_S)
    assert x.shape == (6, len(pool.encoder.encode_series(np.zeros(1, np.float32))[0]), LENGTH_S)
    assert watts.shape == (6, len(TARGETS), LENGTH_S // EVERY_S)
    assert x.dtype == np.uint8
    assert np.isfinite(watts).all()
    assert (watts >= 0).all()


def test_half_of_the_homes_are_of_120_v() -> None:
    taken, homes = 0, HomePool(1, REAL_TARGETS, first_seed=3000)
    for _ in range(30):
        homes.refresh()
        taken += Household(homes.next_seed - 1, FIRST_DAY, 1).small_supply
    assert 9 <= taken <= 21


def test_the_pool_forgets_its_oldest_home_and_goes_on_by_seed(pool: HomePool) -> None:
    before = pool.next_seed
    pool.refresh()
    assert before < pool.next_seed < before + 50
    assert (pool.on_share() >= 0).all()
    assert pool.on_share().sum() > 0


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Two segments of a home metered each 3 s: a fridge that cycles, no microwave, no dishwasher."""
    rows = 4000
    fridge_w = np.where(np.arange(rows) % 500 < 200, 120.0, 0.0).astype(np.float32)
    time_ms = np.arange(rows, dtype=np.int64) * 3000
    file = tmp_path / "house.parquet"
    columns = {
        "time": pa.array(time_ms, pa.timestamp("ms", "UTC")),
        "segment": pa.array((np.arange(rows) >= rows // 2).astype(np.int32)),
        "mains": pa.array(fridge_w + np.float32(80.0)),
        "fridge": pa.array(fridge_w),
    }
    pq.write_table(pa.table(columns), file)
    return file


def test_a_real_home_is_read_by_segment_and_what_is_not_metered_is_unknown(house: Path) -> None:
    parts = real.read(house, REAL_TARGETS)
    assert len(parts) == 2
    for part in parts:
        assert part.appliances_w.shape == (len(part.mains_w), len(REAL_TARGETS))
        for n, target in enumerate(REAL_TARGETS):
            assert np.isfinite(part.appliances_w[:, n]).all() == (target.name == "Fridge")


def test_real_crops_change_mains_and_label_together_and_pad_a_short_home(house: Path) -> None:
    simulated = HomePool(2, REAL_TARGETS)
    simulated.refresh()
    donor = Recording(*_with_runs())
    pool = real.RealPool([*real.read(house, REAL_TARGETS), donor], simulated, seed=1)
    unknown = 0
    for _ in range(8):
        x, watts = pool.batch(6, 9600, EVERY_S)
        assert x.shape[2] == 9600
        assert watts.shape == (6, len(REAL_TARGETS), 9600 // EVERY_S)
        assert not (watts < 0).any()
        unknown += int(np.isnan(watts[3:]).sum())
    assert unknown  # the home without a microwave, and what came before a short segment


def _with_runs() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    watts = np.zeros((12_000, len(REAL_TARGETS)), np.float32)
    watts[3000:3300] = 1000.0
    return watts.sum(axis=1) + np.float32(60.0), watts


def test_the_history_fits_into_the_window_that_redis_keeps() -> None:
    assert HISTORY_S <= 3600
