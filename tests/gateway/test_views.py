"""The page's views in Chromium: how one gets about, what axe finds, history, and a day on the live chart."""

import json
import re
from contextlib import ExitStack
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.passwords import hash_password
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.core.line_protocol import sample_line, tick_lines
from edge.core.sample import Flags
from gateway.assets import ASSETS
from tests.gateway.conftest import Gateway
from tests.gateway.house import beat, fill, now_s, playing, second
from tests.gateway.test_page import WAIT_MS, data, opened, wait_live
from tests.servers import Servers, wait_until
from tests.services.processes import Service

VIEWS = re.findall(r"'(\w+)'", ASSETS["js/router.js"].plain.decode().partition("VIEWS = [")[2].partition("]")[0])
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
SECRET = hash_password("correct horse")


def store_days(influx: Influx, days: int) -> None:
    """A second of each ten minutes, up to now: half of it Oven, less a week ago."""
    lines = []
    for at_s in range(now_s() // 600 * 600 - days * 86_400, now_s(), 600):
        oven_w = 1000.0 if now_s() - at_s < 7 * 86_400 else 500.0
        lines.append(f"mains,building=home power_w={oven_w + 1000},flags=0i {at_s}")
        lines.append(f"appliance,building=home,appliance=other power_w=1000.0 {at_s}")
        said = f'power_w={oven_w},p_on=0.9,low_w=0.0,high_w=1.0,on=true,warmup=false,model="m-1"'
        lines.append(f"appliance,building=home,appliance=Oven {said} {at_s}")
    influx.write("nilm", "\n".join(lines))


@pytest.fixture
def days(streams: Streams, influx: Influx) -> None:
    """A house with some past, and nothing wrong."""
    store_days(influx, 16)
    fill(streams, "home", 60)
    beat(streams)


def go(page: Page, gateway: Gateway, view: str) -> None:
    """By its address; the view is there once its heading is."""
    page.goto(f"{gateway.url}/#/{view}")
    expect(page.locator(f"body[data-view={view}] #view h1")).to_be_attached(timeout=WAIT_MS)


def serious(page: Page) -> list[str]:
    """What axe-core finds that keeps someone from using what is shown, or makes it hard."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"][:3]
    ]


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
@pytest.mark.usefixtures("days")
def test_nothing_keeps_anyone_out(
    browser: Browser, gateway: Gateway, streams: Streams, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 740}
    errors: list[str] = []
    with playing(streams, "home"), opened(browser, gateway, errors, viewport=size, color_scheme=scheme) as page:
        wait_live(page)
        for view in VIEWS:
            go(page, gateway, view)
            page.wait_for_load_state("networkidle") if view != "live" else None
            if view == "history":
                expect(page.locator("#heatmap td").first).to_be_visible(timeout=WAIT_MS)
            assert page.evaluate("document.documentElement.scrollWidth") == width, view
            assert serious(page) == [], view
    assert errors == []


@pytest.mark.usefixtures("days")
def test_gets_about_by_links_keys_and_addresses(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    errors: list[str] = []
    with playing(streams, "home"), opened(browser, gateway, errors, "#/nowhere") as page:
        wait_live(page)
        assert data(page)["view"] == "live"
        page.evaluate("window.never_reloaded = true")
        for view in [*VIEWS[1:], VIEWS[0]]:
            link = page.locator(f"#views a[data-view={view}]")
            link.focus()
            page.keyboard.press("Enter")
            expect(page.locator("#view h1").first).to_be_focused(timeout=WAIT_MS)
            expect(page.locator("#views [aria-current=page]")).to_have_attribute("data-view", view)
            assert page.title() == f"{link.inner_text()} · nilm-edge"
            assert page.url.endswith(f"#/{view}")
        page.go_back()
        expect(page.locator("body")).to_have_attribute("data-view", VIEWS[-1])
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#view")).to_be_focused()
        assert page.url.endswith(f"#/{VIEWS[-1]}")
        assert page.evaluate("window.never_reloaded")
        page.reload()
        expect(page.locator("body")).to_have_attribute("data-view", VIEWS[-1])
        expect(page.locator("body")).to_have_attribute("data-state", "live", timeout=WAIT_MS)
    assert errors == []


@pytest.mark.usefixtures("days")
def test_history_shows_what_the_api_tells(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    errors: list[str] = []
    with playing(streams, "home"), opened(browser, gateway, errors, "#/history") as page:
        expect(page.locator("#bars a")).to_have_count(7, timeout=WAIT_MS)
        expect(page.get_by_role("link", name="Week", exact=True)).to_have_attribute("aria-current", "true")
        page.get_by_role("link", name="Day", exact=True).click()
        expect(page.locator("#bars g[tabindex]")).to_have_count(24, timeout=WAIT_MS)
        page.locator("#previous").click()
        day = re.search(r"date=([0-9-]+)", page.url)
        assert day
        expect(page.locator(".figures")).to_contain_text("as much as the day before", timeout=WAIT_MS)
        told = page.request.get(f"{gateway.url}/analytics/energy?building_id=home&start={day[1]}&step=day").json()
        kwh = told["periods"][0]["appliances"]["Oven"]["kwh"]
        expect(page.locator("#parts [data-appliance=Oven]")).to_contain_text(f"{kwh:.2f} kWh")
        expect(page.locator("#parts [data-appliance=Oven]")).to_contain_text("0 %")
        expect(page.locator("#heatmap tbody td")).to_have_count(168)
        page.locator("#heatmap table").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#heatmap ~ .note").first).to_contain_text("Mon 1:00")
        page.locator("#series").select_option("Oven")
        expect(page.locator("#heatmap ~ .note").first).to_contain_text("fullest is 750 W")
        with page.expect_download() as saved:
            page.get_by_role("button", name="What is shown, as CSV").click()
        rows = Path(saved.value.path()).read_text().splitlines()
        assert rows[0].startswith("start,end,appliance,kwh")
        assert len([row for row in rows if ",Oven," in row]) == 24
        with page.expect_download() as saved:
            page.get_by_role("link", name="Download").click()
        assert len(Path(saved.value.path()).read_text().splitlines()) == 25
        page.get_by_role("link", name="Month", exact=True).click()
        expect(page.locator("#period")).to_have_text(f"{datetime.fromisoformat(day[1]):%B %Y}")
        assert "no time zone" not in page.locator("#zone").inner_text()
        page.go_back()
        expect(page.locator("#bars g[tabindex]")).to_have_count(24, timeout=WAIT_MS)
        assert page.url.endswith(day[0])
    assert errors == []


@pytest.mark.usefixtures("days")
def test_who_may_see_one_appliance_sees_its_history(browser: Browser, gateway: Gateway) -> None:
    accounts = Accounts(Path(gateway.config.data_dir))
    accounts.add(Caller("otto", Role.VIEWER, ("home/Oven",)), SECRET)
    with opened(browser, gateway, [], "#/history?step=day") as page:
        expect(page.get_by_label("Name")).to_be_focused(timeout=WAIT_MS)
        assert serious(page) == []
        page.get_by_label("Name").fill("otto")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("#parts tbody tr")).to_have_count(1, timeout=WAIT_MS)  # and the address stood
        expect(page.locator("#series option")).to_have_count(1)
        expect(page.get_by_role("link", name="Download")).to_have_count(0)
        expect(page.locator("#state")).to_contain_text("Some appliances")


def chart(page: Page) -> Any:
    return page.locator("#chart")


def window(page: Page) -> str:
    return page.locator("#window").inner_text()


def test_a_day_on_the_live_chart(browser: Browser, gateway: Gateway, streams: Streams, influx: Influx) -> None:
    end_s = now_s()
    lines = []
    for at_s in range(end_s - 7200, end_s - 3500):
        if end_s - 6000 <= at_s < end_s - 5500:
            continue
        flags = Flags.HELD if end_s - 5000 <= at_s < end_s - 4900 else Flags(0)
        sample, tick = second("home", at_s, flags=flags, warmup=at_s < end_s - 7000)
        lines += [sample_line(sample), *tick_lines(tick)]
    influx.write("nilm", "\n".join(lines))
    fill(streams, "home", 3600)
    fill(streams, "home", 60)  # what has passed meanwhile, on a busy machine
    errors: list[str] = []
    with playing(streams, "home"), opened(browser, gateway, errors) as page:
        wait_live(page)
        legend = page.locator("#legend")
        for text in ("gap", "held", "warm-up"):
            expect(legend).not_to_contain_text(text)
        page.get_by_role("button", name="24 h").click()
        expect(chart(page)).to_have_attribute("aria-busy", "false", timeout=WAIT_MS)
        for text in ("gap", "held", "warm-up", "lowest to highest"):
            expect(legend).to_contain_text(text)
        page.get_by_role("button", name="1 h", exact=True).click()
        expect(legend).not_to_contain_text("gap")
        followed = window(page)
        chart(page).focus()
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_role("button", name="Back to now")).to_be_visible()
        page.keyboard.press("+")
        wait_until(lambda: window(page) != followed)
        zoomed = window(page)
        box = chart(page).bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 100)
        expect(page.locator("#hover")).to_contain_text("Total")
        page.mouse.down()
        page.mouse.move(box["x"] + 360, box["y"] + 100, steps=3)
        page.mouse.up()
        wait_until(lambda: window(page) != zoomed)
        dragged = window(page)
        page.mouse.wheel(0, -300)
        wait_until(lambda: window(page) != dragged)
        page.locator("[data-appliance=Oven] button").click()
        expect(legend).to_contain_text("where Oven most likely is")
        page.get_by_role("button", name="Back to now").click()
        expect(page.get_by_role("button", name="1 h", exact=True)).to_have_attribute("aria-pressed", "true")
        assert json.loads(page.evaluate("JSON.stringify(document.querySelector('#chart').ariaLabel)"))
    assert errors == []


def test_broker_stopped_and_started(browser: Browser, gateway: Gateway, influx: Influx, servers: Servers) -> None:
    config = gateway.config
    with ExitStack() as stack:
        stack.enter_context(Service("ingest", config))
        stack.enter_context(Service("simulate", config, "--preceding-hour"))
        page = stack.enter_context(opened(browser, gateway, []))
        body, banner = page.locator("body"), page.locator("#banner")
        expect(body).to_have_attribute("data-state", "unsplit", timeout=60_000)  # what comes is shown; nobody splits it
        page.evaluate("window.never_reloaded = true")
        servers.mosquitto.terminate()
        servers.mosquitto.wait_or_kill(5)
        expect(body).to_have_attribute("data-state", "stale", timeout=60_000)
        expect(banner).to_contain_text("MQTT", timeout=WAIT_MS)
        expect(page.locator(".figure").first).not_to_have_css("opacity", "1")
        servers.start()
        expect(body).to_have_attribute("data-state", "unsplit", timeout=60_000)
        assert page.evaluate("window.never_reloaded")
