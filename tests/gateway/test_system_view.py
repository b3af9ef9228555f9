"""The System view in Chromium: what it tells whom, on phone and desktop, and a backfill asked for from it."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.passwords import hash_password
from edge.adapters.streams import Streams
from edge.backfill import run
from edge.backfill_queue import BackfillQueue
from edge.core.grants import Caller, Role
from edge.core.line_protocol import sample_line
from tests.gateway.conftest import Gateway
from tests.gateway.house import beat, fill, now_s, playing, second
from tests.gateway.test_page import WAIT_MS, opened
from tests.gateway.test_views import serious
from tests.servers import Servers

OFF = {
    "id": "garage",
    "version": "2",
    "state": "disabled",
    "appliances": [],
    "metrics": {},
    "reason": "its file is gone",
}
OVEN = {"appliance": "Oven", "f1": 0.95, "mae_w": 12.4, "always_zero_mae_w": 80.0}
METRICS = {"data": "some home", "macro_f1": 0.91, "appliances": [OVEN]}
OK = {"id": "ten", "version": "1", "state": "ok", "appliances": ["Oven"], "metrics": METRICS}


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#views")).to_be_visible(timeout=WAIT_MS)
    page.goto(f"{page.url.partition('#')[0]}#/system")


@pytest.fixture
def house(gateway: Gateway, streams: Streams, influx: Influx) -> Gateway:
    """A gateway with accounts, a building with a gap, a model that is off, and logs."""
    accounts = Accounts(Path(gateway.config.data_dir))
    secret = hash_password("correct horse")
    for name, role in (("vera", Role.VIEWER), ("oscar", Role.OPERATOR), ("anna", Role.ADMIN)):
        accounts.add(Caller(name, role, ("*",)), secret)
    end_s = now_s()
    seconds = [n for n in range(end_s - 900, end_s - 200) if not end_s - 600 <= n < end_s - 300]
    influx.write("nilm", "\n".join(sample_line(second("home", at_s)[0]) for at_s in seconds))
    fill(streams, "home", 3600)
    beat(streams)
    log = Path(gateway.config.data_dir) / "log"
    log.mkdir()
    lines = ["01,250 INFO nilm.ingest: listening <b>", "03,000 ERROR nilm.ingest: it broke"]
    (log / "ingest.log").write_text("".join(f"2026-11-21 10:00:{line}\n" for line in lines))
    return gateway


def test_an_admin_sees_everything_and_has_gaps_made_up_for(
    browser: Browser, house: Gateway, streams: Streams, servers: Servers
) -> None:
    errors: list[str] = []
    infer = {"models": [OK, OFF], "lag_ms": 35, "status": "one appliance"}
    with (
        playing(streams, "home", infer=infer),
        opened(browser, house, errors, viewport={"width": 1280, "height": 900}) as page,
    ):
        sign_in(page, "anna")
        ingest = page.locator("[data-service=ingest]")
        expect(ingest).to_contain_text("running", timeout=WAIT_MS)
        expect(ingest).to_contain_text("listening to home/realtime")
        expect(page.locator("[data-service=influxdb]")).to_contain_text("answers")
        expect(page.locator("dl[data-building=home]")).to_contain_text("of 3600 s")
        expect(page.locator(".for-models")).to_contain_text("macro F1 0.91")
        expect(page.get_by_role("row", name="Oven")).to_contain_text("0.95")
        expect(page.locator("[data-model=garage]")).to_contain_text("its file is gone")
        expect(page.locator("#banner")).to_contain_text("The model garage is off: its file is gone.")
        expect(page.locator(".for-state")).to_contain_text("The model garage is off")
        # gaps, and a backfill
        expect(page.locator(".for-gaps .longest")).to_contain_text("5 min", timeout=WAIT_MS)
        page.get_by_role("button", name="Make up for it").click()
        expect(page.locator(".progress")).to_contain_text("it begins in a moment", timeout=WAIT_MS)
        assert BackfillQueue(Path(house.config.data_dir)).waits()
        run(house.config)  # what `nilm-edge run` or systemd starts
        expect(page.locator(".progress")).to_contain_text("The last backfill is done", timeout=WAIT_MS)
        # the log
        log = page.locator(".for-log")
        expect(log.locator(".lines")).to_contain_text("listening <b>")
        log.get_by_label("Show").select_option("loud")
        expect(log.locator("li")).to_have_count(1)
        log.get_by_label("Service").select_option("persist")
        expect(log.locator("li")).to_have_text("No line.")
        with (Path(house.config.data_dir) / "log" / "persist.log").open("w") as file:
            file.write("2026-11-21 10:00:05,000 WARNING nilm.persist: it is slow\n")
        log.get_by_label("Follow").check()
        expect(log.locator("li")).to_contain_text("it is slow", timeout=WAIT_MS)
        # what stops is told, and what to do
        servers.influxd.terminate()
        servers.influxd.wait_or_kill(10)
        page.get_by_role("link", name="Live").click()
        page.get_by_role("link", name="System", exact=True).click()
        expect(page.locator("#banner")).to_contain_text("InfluxDB does not answer", timeout=2 * WAIT_MS)
        expect(page.locator("#banner")).to_contain_text("sudo systemctl restart influxdb")
        expect(page.locator("#banner a")).to_contain_text("see System")
        expect(page.locator("[data-service=influxdb]")).to_contain_text("does not answer")
        assert serious(page) == []
    assert [
        said for said in errors if "401" not in said and "503" not in said
    ] == []  # before the log-in, without InfluxDB


@pytest.mark.parametrize(("name", "buttons"), [("vera", 0), ("oscar", 1)])
def test_others_see_no_more_than_they_may(
    browser: Browser, house: Gateway, streams: Streams, name: str, buttons: int
) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    with playing(streams, "home"), opened(browser, house, [], **phone) as page:
        sign_in(page, name)
        expect(page.locator("[data-service=ingest]")).to_contain_text("running", timeout=WAIT_MS)
        expect(page.locator(".for-gaps")).to_contain_text("min missing", timeout=WAIT_MS)
        expect(page.get_by_role("button", name="Make up for it")).to_have_count(buttons)
        expect(page.locator(".for-log")).to_be_hidden()
        expect(page.locator("#banner")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert serious(page) == []
        asked = "fetch('/admin/log').then((answer) => answer.status)"
        assert page.evaluate(asked) == 403
        if not buttons:
            post = "fetch('/gaps/backfill', { method: 'POST' }).then((answer) => answer.status)"
            assert page.evaluate(post) == 403
