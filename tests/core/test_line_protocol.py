import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.line_protocol import MEASURED, Point, ends_of, is_mains, point_of, sample_line, tick_lines
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.sample import Flags, Sample


def test_a_sample_is_one_point_with_its_flags() -> None:
    sample = Sample("home", 1_700_000_000_000, 230.0, 229.5, None, Flags.HELD | Flags.LATE)
    assert sample_line(sample) == "mains,building=home power_w=230.0,flags=5i,voltage_v=229.5 1700000000"


def test_a_run_id_travels_along() -> None:
    sample = Sample("e2e", 1_700_000_000_000, 230.0, run_id="check-1")
    assert sample_line(sample) == 'mains,building=e2e power_w=230.0,flags=0i,run_id="check-1" 1700000000'


def test_a_tick_is_one_point_an_appliance_and_one_for_other() -> None:
    values = np.array([(1200.0, 0.9375, 1100.0, 1300.5, True, False)], COLUMN)
    tick = Tick("home", 1_700_000_000_000, (Column("Oven", "tcn-1.0"),), values, -3.0)
    assert list(tick_lines(tick)) == [
        "appliance,appliance=Oven,building=home power_w=1200.0,p_on=0.9375,low_w=1100.0,high_w=1300.5,"
        'on=true,warmup=false,model="tcn-1.0" 1700000000',
        "appliance,appliance=other,building=home power_w=-3.0 1700000000",
    ]


@given(st.floats(-1e6, 1e6))
def test_a_float_is_always_written_as_one_and_keeps_its_value(power_w: float) -> None:
    text = sample_line(Sample("home", 1000, power_w)).split("power_w=")[1].split(",")[0]
    assert "." in text or "e" in text
    assert not text.endswith("i")
    assert float(text) == float(f"{power_w:.7g}")


@pytest.mark.parametrize("name", ["Oven", "Heat pump, cellar", "a=b", "back\\slash"])
def test_what_was_measured_can_be_asked_of_its_line(name: str) -> None:
    sample = Sample("home", 1_700_000_000_000, 12.5, 230.0, flags=Flags.HELD, appliance=name)
    line = sample_line(sample)
    assert line.endswith(f" measured_w=12.5 {1_700_000_000}")
    assert not is_mains(line)
    assert point_of(line) == Point(MEASURED, "home", 1_700_000_000_000, 12.5, 0, name)
    assert ends_of([line]) == [point_of(line)]
