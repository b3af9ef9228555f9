"""The Appliances view in Chromium: all of them, and a page for each, held against the API."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from playwright.sync_api import Browser, Page, expect

from edge.accuracy import Accuracy
from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.passwords import hash_password
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.core.line_protocol import sample_line, tick_lines
from edge.core.sample import Flags, Sample
from edge.settings import Config, Tariff
from tests.gateway.conftest import Gateway
from tests.gateway.house import CYCLES, fill, now_s, playing, second
from tests.gateway.test_page import WAIT_MS, opened
from tests.gateway.test_views import serious

STORED_S = 2400
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}


@contextmanager
def gateway_of(config: Config, folder: Path) -> Iterator[Gateway]:
    """A gateway with a price, and without limits."""
    settings = replace(config.gateway, address_per_min=0, user_per_min=0)
    running = Gateway(replace(config, tariff=Tariff("EUR", 0.3), gateway=settings), folder)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def stored(config: Config, streams: Streams, influx: Influx) -> int:
    """Forty minutes in InfluxDB with a gap, the newest of them in Redis, the oven measured; the newest second."""
    newest_s = now_s()
    lines: list[str] = []
    for at_s in range(newest_s - STORED_S + 1, newest_s + 1):
        if newest_s - 1500 <= at_s < newest_s - 1200:
            continue
        sample, tick = second("home", at_s)
        lines += [sample_line(sample), *tick_lines(tick)]
    influx.write("nilm", "\n".join(lines))
    oven = list(CYCLES).index("Oven")
    measured = [
        Sample("home", at_s * 1000, float(second("home", at_s)[1].values[oven]["power_w"]) + 10, appliance="Oven")
        for at_s in range(newest_s - 600, newest_s + 1)
    ]
    fill(streams, "home", 600, until_s=newest_s)
    streams.add_samples(measured)
    influx.write("nilm", "\n".join(sample_line(sample) for sample in measured))
    Accuracy(config, streams, influx).turn(newest_s * 1000)
    return newest_s


def api(gateway: Gateway, path: str, **query: Any) -> Any:
    fields = {"building_id": "home", **query}
    return urllib3.request("GET", f"{gateway.url}{path}", fields=fields).json()


def shown(text: str) -> float:
    return float(text.split(maxsplit=1)[0].replace(",", ""))


def is_narrow(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_all_appliances_and_a_page_for_each(
    browser: Browser, config: Config, streams: Streams, stored: int, tmp_path: Path
) -> None:
    errors: list[str] = []
    with gateway_of(config, tmp_path) as gateway, playing(streams, "home"):
        with opened(browser, gateway, errors, **WIDE) as page:
            page.get_by_role("link", name="Appliances").click()
            expect(page.get_by_role("heading", level=1, name="Appliances")).to_be_focused(timeout=WAIT_MS)
            rows = page.locator("a[data-appliance]")
            expect(rows).to_have_count(len(CYCLES) + 1, timeout=WAIT_MS)
            oven = page.locator("a[data-appliance=Oven]")
            expect(oven).to_contain_text("kWh", timeout=WAIT_MS)
            expect(oven).to_contain_text("€")
            energy = api(gateway, "/analytics/energy", appliance_id="Oven")["periods"][-1]["appliances"]["Oven"]
            assert shown(oven.locator(".used").inner_text()) == pytest.approx(energy["kwh"], abs=0.02)
            oven.click()
            expect(page.get_by_role("heading", level=1, name="Oven")).to_be_focused(timeout=WAIT_MS)
            assert page.url.endswith("#/appliances/Oven")
            assert page.title() == "Oven · nilm-edge"
            # what it used, and when it ran
            expect(page.locator(".tiles div")).to_have_count(3, timeout=WAIT_MS)
            assert shown(page.locator(".tiles b").first.inner_text()) == pytest.approx(energy["kwh"], abs=0.02)
            cycles = api(gateway, "/analytics/cycles", appliance_id="Oven")["cycles"]
            table = page.locator(".for-cycles tbody tr")
            expect(table).to_have_count(min(8, len(cycles)), timeout=WAIT_MS)
            assert shown(table.last.locator("td").nth(2).inner_text()) == pytest.approx(cycles[0]["kwh"], abs=0.006)
            assert page.locator(".lanes .span").count() >= len(cycles)
            # the day's power, with its gap and what its own meter said
            power = page.locator(".for-power")
            expect(power.locator(".area").first).to_be_attached()
            expect(power.locator(".line.measured").first).to_be_attached()
            expect(power.locator(".legend")).to_contain_text("nothing known")
            power.locator(".plot").hover()
            expect(power.locator(".readout")).to_contain_text(re.compile(r"^\d\d:\d\d · "))
            # a typical day, and how right the model is
            expect(page.locator(".bar-of-hour").first).to_be_attached(timeout=WAIT_MS)
            expect(page.locator(".for-typical .readout")).to_contain_text("Mean power by hour")
            page.get_by_role("button", name="Sat, Sun").click()
            expect(page.get_by_role("button", name="Sat, Sun")).to_have_attribute("aria-pressed", "true")
            right = page.locator(".for-right")
            expect(right).to_contain_text("Last week", timeout=WAIT_MS)
            accuracy = api(gateway, "/analytics/accuracy")["appliances"]["Oven"]["week"]
            assert shown(right.locator("tbody tr").last.locator("td").first.inner_text()) == round(accuracy["mae_w"])
            expect(page.locator(".is-now")).to_contain_text("sure")
            assert serious(page) == []
        # an address that was kept; what is not there; what no model explains
        for address, said in (
            ("Dryer", "It has no meter of its own"),
            ("Sauna", "No model tells of"),
            ("other", "no model"),
        ):
            with opened(browser, gateway, errors, **WIDE) as page:
                page.goto(f"{gateway.url}/#/appliances/{address}")
                expect(page.locator("main")).to_contain_text(said, timeout=WAIT_MS)
    assert errors == []


def test_on_a_phone_marks_what_is_held_warming_up_or_old(
    browser: Browser, config: Config, streams: Streams, influx: Influx, tmp_path: Path
) -> None:
    influx.write("nilm", sample_line(second("home", now_s() - 90)[0]))
    fill(streams, "home", 60)
    with gateway_of(config, tmp_path) as gateway, opened(browser, gateway, [], **PHONE) as page:
        page.goto(f"{gateway.url}/#/appliances/Oven")
        expect(page.locator(".is-now")).to_contain_text("sure", timeout=WAIT_MS)
        sample, tick = second("home", now_s() + 1, flags=Flags.HELD, warmup=True)
        streams.add_samples([sample])
        streams.add_ticks([tick])
        badges = page.locator(".badges")
        expect(badges).to_contain_text("last value held", timeout=WAIT_MS)
        expect(badges).to_contain_text("warming up")
        assert is_narrow(page)
        expect(page.locator(".for-cycles")).to_contain_text("did not run", timeout=WAIT_MS)
        expect(badges).to_contain_text("last known", timeout=WAIT_MS)
        expect(page.locator("#banner")).to_contain_text("last known ones")
        assert serious(page) == []
        page.get_by_role("link", name="All appliances").click()
        expect(page.locator("a[data-appliance=Oven]")).to_contain_text("last known", timeout=WAIT_MS)
        assert is_narrow(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.appliance") is not None


def test_who_may_see_one_appliance_sees_that_one(
    browser: Browser, config: Config, streams: Streams, stored: int, tmp_path: Path
) -> None:
    accounts = Accounts(Path(config.data_dir))
    accounts.add(Caller("otto", Role.VIEWER, ("home/Oven",)), hash_password("correct horse"))
    with gateway_of(config, tmp_path) as gateway, opened(browser, gateway, [], **PHONE) as page:
        page.get_by_label("Name").fill("otto")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name="Appliances").click()
        rows = page.locator("a[data-appliance]")
        expect(rows).to_have_count(1, timeout=WAIT_MS)
        expect(rows).to_contain_text("kWh", timeout=WAIT_MS)
        rows.click()
        expect(page.locator(".slot-4 .for-cycles tbody tr").first).to_be_visible(timeout=WAIT_MS)
        expect(page.locator(".for-power .area").first).to_be_attached()
        page.goto(f"{gateway.url}/#/appliances/Dryer")
        expect(page.locator(".for-cycles")).to_contain_text("not granted to you", timeout=WAIT_MS)
