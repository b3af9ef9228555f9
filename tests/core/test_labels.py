import re
from pathlib import Path

import pytest

from edge.core.labels import ALIASES, match

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"
SERVED = ["WashingMachine", "Fridge", "EVCharger", "Dryer"]


@pytest.mark.parametrize(
    ("column", "appliance"),
    [
        ("Fridge_w", "Fridge"),
        ("fridge", "Fridge"),
        ("refrigerator", "Fridge"),
        ("washer_dryer", "WashingMachine"),
        ("washing_machine", "WashingMachine"),
        ("Washing Machine", "WashingMachine"),
        ("EV-charger_W", "EVCharger"),
        ("tumble_dryer_w", "Dryer"),
    ],
)
def test_names_that_data_sets_use(column: str, appliance: str) -> None:
    assert match(["time", column, "television"], SERVED) == ({appliance: column}, {})


def test_its_own_name_goes_first() -> None:
    assert match(["washer_dryer", "washing_machine"], SERVED)[0] == {"WashingMachine": "washing_machine"}


def test_two_of_the_same_name_are_unclear() -> None:
    assert match(["fridge", "Fridge_w"], SERVED) == ({}, {"Fridge": ["fridge", "Fridge_w"]})


def test_the_names_of_a_model_of_ones_own_match_themselves() -> None:
    assert match(["pool_pump_w"], ["PoolPump"]) == ({"PoolPump": "pool_pump_w"}, {})


def test_the_documented_names_are_the_ones_in_the_code() -> None:
    rows = re.findall(r"^\| (\w+) \| (`.*`) \|$", DOCS.read_text(), re.MULTILINE)
    assert {name: tuple(re.findall(r"`([^`]+)`", others)) for name, others in rows} == ALIASES
