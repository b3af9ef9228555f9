"""The rivals in scripts/baselines: read and scored as `nilm-edge evaluate` does, fair to them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "baselines"))

import edge_matcher
import homes

from edge.core.metrics import rates_of

MATCHER = Path(edge_matcher.__file__)
BEGAN_MS = 1_700_000_000_000
EVERY_S, ROWS = 4, 3300


def metered(file: Path, *, fridge_w: float = 100.0) -> Path:
    """A home with a fridge that runs for 20 minutes of every 40, one row each 4 s; the truth is unknown at first."""
    fridge = np.where(np.arange(ROWS) // 300 % 2 == 1, fridge_w, 0.0)
    known = fridge.copy()
    known[:100] = np.nan
    time = pa.array(BEGAN_MS + 1000 * EVERY_S * np.arange(ROWS), pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"time": time, "mains": 60.0 + fridge, "fridge": known}), file)
    return file


def fridge_home(file: Path) -> homes.Home:
    return homes.read(file, {"Fridge": homes.registered()["Fridge"]})


def test_a_home_is_on_the_grid_and_its_rows_can_be_had_again(tmp_path: Path) -> None:
    home = fridge_home(metered(tmp_path / "home.parquet"))
    (segment,) = home.segments
    assert [a.name for a in home.appliances] == ["Fridge"]
    assert home.interval_s == EVERY_S
    assert len(segment.first_s) == ROWS
    assert len(segment.at_ms) == len(segment.row) == len(segment.true_w)
    assert np.array_equal(segment.mains_w[segment.first_s][segment.row], segment.mains_w)
    assert np.isnan(segment.true_w[:400]).all()
    assert np.isfinite(segment.true_w[400:]).all()


def test_what_is_right_has_no_error_and_what_is_unknown_counts_nothing(tmp_path: Path) -> None:
    home = fridge_home(metered(tmp_path / "home.parquet"))
    (segment,) = home.segments
    truth_w = np.nan_to_num(segment.true_w, nan=900.0)
    (right,) = homes.scores(home, [truth_w], [truth_w >= 50])
    assert (right.f1, right.mae_w) == (1.0, 0.0)
    (silent,) = homes.scores(home, [0 * truth_w], [truth_w < 0])
    assert silent.f1 == 0.0
    assert silent.mae_w == silent.always_zero_mae_w == pytest.approx(np.nanmean(segment.true_w))


@pytest.mark.parametrize("seed", range(5))
def test_the_kindest_level_is_that_of_the_best_f1(seed: int) -> None:
    random = np.random.default_rng(seed)
    true = random.random(200) < 0.3
    said_w = (random.integers(0, 8, 200) + 4 * true).astype(np.float32)

    def f1(level_w: float) -> float:
        return rates_of(said_w >= level_w, true)[0]

    level_w = homes.kindest_level_w(said_w, true)
    assert f1(level_w) == max(f1(level) for level in np.unique(said_w))


def test_the_matcher_learns_in_one_home_and_finds_it_in_another(tmp_path: Path) -> None:
    taught, asked = metered(tmp_path / "taught.parquet"), metered(tmp_path / "asked.parquet", fridge_w=104.0)
    known = edge_matcher.learnt([fridge_home(taught)])
    assert known["Fridge"][0] == 100.0
    figures = edge_matcher.judge(fridge_home(asked), known)
    assert isinstance(figures["macro_f1"], float)
    assert figures["macro_f1"] > 0.98
    assert edge_matcher.judge(fridge_home(asked), {})["macro_f1"] == 0.0


def test_an_appliance_that_never_ran_has_an_empty_profile() -> None:
    unknown: NDArray[np.float64] = np.full(50, np.nan)
    assert edge_matcher.profile([unknown, np.zeros(9)], 50.0) == (0.0, 0.0, 0.0, 0.0)


def test_the_matcher_says_in_one_sentence_what_it_cannot_read(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(MATCHER), str(tmp_path / "no.parquet")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("edge_matcher: ")
    assert "no.parquet" in done.stderr
    assert "Traceback" not in done.stderr
