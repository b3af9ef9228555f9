import numpy as np
import pytest

from edge.core.tariff import parse_tariff
from edge.errors import ConfigError


def test_the_first_entry_that_fits_counts() -> None:
    tariff = parse_tariff("EUR", 0.2, "fri-mon 11:00-17:15 = 0.1, mon-fri 07:00-22:00 = 0.3, sun 00:00-24:00 = 0", 0.05)
    assert tariff.is_set
    price = tariff.price
    assert price[0, 28] == 0.3
    assert price[0, 27] == 0.2
    assert price[0, 44] == price[4, 68] == price[5, 44] == price[6, 44] == 0.1
    assert price[0, 69] == 0.3
    assert price[5, 69] == 0.2
    assert price[6, 0] == price[6, 95] == 0.0
    assert np.unique(price).tolist() == [0.0, 0.1, 0.2, 0.3]


def test_without_prices_there_is_no_tariff() -> None:
    assert not parse_tariff("EUR", 0.0, "", 0.0).is_set


@pytest.mark.parametrize(
    "times",
    [
        "mon-fri 07:00-22:00 0.3",
        "mo-fr 07:00-22:00 = 0.3",
        "mon-fry 07:00-22:00 = 0.3",
        "mon 07:05-22:00 = 0.3",
        "mon 07:00-24:15 = 0.3",
        "mon 22:00-07:00 = 0.3",
        "mon 07:00-07:00 = 0.3",
        "mon 07:00-08:00 = 1.2.3",
        "mon 07:00-08:00 = 1001",
        "mon 07:00-08:00 = -1",
    ],
)
def test_what_cannot_be_read_is_said(times: str) -> None:
    with pytest.raises(ConfigError, match=r"tariff\.times"):
        parse_tariff("EUR", 0.2, times, 0.0)


def test_a_currency_is_three_letters() -> None:
    with pytest.raises(ConfigError, match="currency"):
        parse_tariff("€", 0.2, "", 0.0)
