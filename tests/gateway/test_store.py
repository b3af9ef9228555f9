"""The running sums behind the live chart, in Chromium, against a plain list of seconds."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.gateway.conftest import Gateway
from tests.gateway.test_page import opened

CHECK = (Path(__file__).parent / "store_check.js").read_text()


def test_sums_are_those_of_the_seconds(browser: Browser, gateway: Gateway) -> None:
    with opened(browser, gateway, []) as page:
        wrong: list[Any] = page.evaluate(CHECK)
    assert wrong[:5] == []
