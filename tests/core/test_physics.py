import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.core.physics import HEADS, Decoder, constrain
from edge.core.prediction import COLUMN
from edge.core.registry import Appliance

WATTS = st.one_of(st.floats(0, 12_000, width=32), st.sampled_from([0.0, 1e-30, 1e6]))
MAINS = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1e-9, 5e-324, -3000.0]))
ROWS = st.lists(st.tuples(WATTS, WATTS, WATTS), min_size=1, max_size=13)


def _values(rows: list[tuple[float, float, float]]) -> np.ndarray:
    values = np.zeros((1, len(rows)), COLUMN)
    values["power_w"] = [r[0] for r in rows]
    values["low_w"] = [r[0] - r[1] for r in rows]
    values["high_w"] = [r[0] + r[2] for r in rows]
    return values


def _appliance(name: str, standby_w: float = 0.0, certain_p: float = 0.5, least_w: float = 0.0) -> Appliance:
    return Appliance(name, 10.0, 1000.0, 2.0, -1.0, 0.5, 0.4, 0, 0, 1.5, 0.05, certain_p, standby_w, least_w)


@given(ROWS, MAINS)
def test_the_sum_never_exceeds_mains_and_the_rest_is_exact(
    rows: list[tuple[float, float, float]], mains_w: float
) -> None:
    values = _values(rows)
    before_w = values["power_w"].copy()
    other_w = constrain(values, np.array([mains_w]))
    power_w = values["power_w"].astype(np.float64)
    assert (power_w >= 0).all()
    assert power_w.sum() <= max(mains_w, 0)
    assert (values["power_w"] <= before_w).all()
    assert (values["low_w"] >= 0).all()
    assert (values["low_w"] <= values["power_w"]).all()
    assert (values["power_w"] <= values["high_w"]).all()
    assert other_w[0] == mains_w - power_w.sum()
    if mains_w < 0:
        assert not values["power_w"].any()


def test_what_fits_is_left_alone() -> None:
    values = _values([(100, 10, 10), (250.5, 5, 5)])
    other_w = constrain(values, np.array([1000.0]))
    assert values["power_w"].tolist() == [[100.0, 250.5]]
    assert other_w.tolist() == [649.5]


def test_the_least_certain_gives_most() -> None:
    values = _values([(1000, 10, 10), (1000, 300, 300)])
    constrain(values, np.array([1800.0]))
    sure_w, unsure_w = values["power_w"][0]
    assert 990 < sure_w < 1000
    assert 799 < unsure_w < 810


def test_no_appliance_at_all_leaves_mains() -> None:
    assert constrain(np.zeros((2, 0), COLUMN), np.array([5.0, -7.0])).tolist() == [5.0, -7.0]


def test_outputs_become_calibrated_numbers() -> None:
    decoder = Decoder([_appliance("Kettle")])
    y = np.array([[3.0, 2.0, 0.1, 0.2], [-9.0, 2.0, 0.1, 0.2]], np.float32)
    p_on = decoder.p_on(y)
    assert np.allclose(p_on[:, 0], [1 / (1 + np.exp(-5.0)), 1 / (1 + np.exp(19.0))])
    values = decoder.values(y, p_on, p_on > 0.5)[:, 0]
    assert values["power_w"].tolist() == [2000.0, 0.0]
    assert np.allclose(values["low_w"], [1850.0, 0.0])
    assert np.allclose(values["high_w"], [2300.0, 0.0])


def test_an_appliance_is_not_on_with_less_than_it_draws_at_least() -> None:
    y = np.array([[3.0, power, 0.1, 0.2] for power in (-1.0, 0.59, 0.6, 0.61)], np.float32)
    p_on = Decoder([_appliance("Microwave", least_w=600.5)]).p_on(y)[:, 0]
    assert p_on.tolist() == [0, 0, 0, Decoder([_appliance("Microwave")]).p_on(y)[3, 0]]


def test_a_doubtful_run_draws_less_and_never_more_than_the_power_head_says() -> None:
    outputs = np.array([[0.0, 0.8, 0.1, 0.1]] * 3, np.float32)
    p_on = np.array([[0.25], [0.5], [1.0]], np.float32)
    for certain_p, power_w in ((0.5, [400.0, 800.0, 800.0]), (1.0, [200.0, 400.0, 800.0])):
        values = Decoder([_appliance("Oven", certain_p=certain_p)]).values(outputs, p_on, np.ones((3, 1), np.bool_))
        assert values["power_w"][:, 0].tolist() == power_w


def test_while_off_an_appliance_draws_its_standby_where_the_mains_have_room() -> None:
    decoder = Decoder([_appliance("RainwaterPump", standby_w=3.5)])
    y = np.array([[-9.0, 2.0, 0.1, 0.2]] * 3, np.float32)
    values = decoder.values(y, decoder.p_on(y), np.zeros((3, 1), np.bool_))
    other_w = constrain(values, np.array([100.0, 2.0, -50.0]))
    assert values["power_w"][:, 0].tolist() == [3.5, 2.0, 0.0]
    assert values["high_w"][:, 0].tolist() == [3.5, 2.0, 0.0]
    assert not values["low_w"].any()
    assert other_w.tolist() == [96.5, 0.0, -50.0]


@given(st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=HEADS, max_size=HEADS), st.booleans())
def test_no_output_makes_nan(outputs: list[float], on: bool) -> None:
    decoder = Decoder([_appliance("Oven")])
    y = np.array([outputs], np.float32)
    p_on = decoder.p_on(y)
    values = decoder.values(y, p_on, np.array([[on]]))
    other_w = constrain(values, np.array([500.0]))
    assert all(np.isfinite(values[name]).all() for name in ("power_w", "p_on", "low_w", "high_w"))
    assert np.isfinite(other_w).all()
