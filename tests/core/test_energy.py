from hypothesis import given
from hypothesis import strategies as st

from edge.core.discovery import Site, entities
from edge.core.energy import Totals

SITE = Site("homeassistant", "nilm-edge", "nilm", "1")


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(-1e6, 1e6)), max_size=60))
def test_a_counter_never_falls_and_counts_each_second_once(seconds: list[tuple[int, float]]) -> None:
    totals, kwh, counted = Totals(0), 0.0, 0
    for at_s, power_w in seconds:
        newer = at_s * 1000 > totals.at_ms
        totals.count(at_s * 1000, {"fridge": power_w})
        counted += max(0, round(power_w * 1000)) if newer else 0
        assert float(totals.kwh("fridge")) >= kwh
        kwh = float(totals.kwh("fridge"))
    assert totals.mws.get("fridge", 0) == counted


def test_a_kilowatt_for_an_hour_is_a_kilowatt_hour() -> None:
    totals = Totals(0)
    for at_s in range(1, 3601):
        totals.count(at_s * 1000, {"kettle": 1000.0})
    assert totals.kwh("kettle") == "1.0000"
    assert totals.kwh("nobody") == "0.0000"


def test_names_that_no_id_may_have_stay_apart() -> None:
    ids = {
        entity.config["unique_id"] for building in ("a.b", "a_b", "a-b") for entity in entities(SITE, building, ["x y"])
    }
    assert len(ids) == 3 * 8
    assert all(name.replace("-", "").replace("_", "").isalnum() for name in ids)
