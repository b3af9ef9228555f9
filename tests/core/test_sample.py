import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.sample import POWER_LIMIT_W, Sample
from edge.errors import BadReading


@pytest.mark.parametrize("power_w", [math.nan, math.inf, -math.inf, POWER_LIMIT_W * 1.01])
def test_impossible_power_is_refused(power_w: float) -> None:
    with pytest.raises(BadReading, match="not a possible reading"):
        Sample("home", 1_700_000_000_000, power_w)


@pytest.mark.parametrize("at_ms", [0, -1000, 1_700_000_000_001])
def test_a_time_off_the_grid_is_refused(at_ms: int) -> None:
    with pytest.raises(BadReading, match="whole second"):
        Sample("home", at_ms, 1.0)


@pytest.mark.parametrize("building", ["", " home", "a:b", "a\nb", "ä", "x" * 65, "../x"])
def test_a_building_that_could_be_a_key_or_a_path_is_refused(building: str) -> None:
    with pytest.raises(BadReading, match="building name"):
        Sample(building, 1_700_000_000_000, 1.0)


@given(st.floats(-POWER_LIMIT_W, POWER_LIMIT_W), st.integers(1, 4_000_000_000))
def test_export_and_import_are_accepted(power_w: float, at_s: int) -> None:
    assert Sample("home", at_s * 1000, power_w).power_w == power_w
