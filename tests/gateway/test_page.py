"""The page in a real browser: headless Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.adapters.accounts import Accounts
from edge.adapters.passwords import hash_password
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.core.sample import Flags
from tests.gateway.conftest import Gateway
from tests.gateway.house import CYCLES, fill, now_s, playing, second
from tests.servers import Servers, wait_until

WAIT_MS = 10_000


@contextmanager
def opened(
    browser: Browser, gateway: Gateway, errors: list[str], at: str = "", *, go: bool = True, **options: Any
) -> Iterator[Page]:
    """The page in a context of its own, at an address such as #/history; what the console says goes to `errors`."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    if go:
        page.goto(f"{gateway.url}/{at}")
    try:
        yield page
    finally:
        context.close()


def data(page: Page) -> dict[str, str]:
    said: dict[str, str] = page.evaluate("({...document.body.dataset})")
    return said


def wait_live(page: Page, after_ms: int = 0) -> None:
    def is_live() -> bool:
        said = data(page)
        return said["state"] == "live" and int(said.get("atMs", 0)) > after_ms

    wait_until(is_live, what="a live page")  # the page's own policy forbids playwright's wait_for_function


WATCH = """() => {
  window.seen = []
  const rows = () => Object.fromEntries([...document.querySelectorAll('[data-appliance]')]
    .map((row) => [row.dataset.appliance, Number(row.dataset.powerW)]))
  const note = () => seen.push([document.body.dataset.atMs, document.body.dataset.powerW, rows()])
  new MutationObserver(note).observe(document.body, { attributeFilter: ['data-at-ms'] })
}"""
"""Notes each second that is shown, with its numbers, at the moment it is shown."""


def test_numbers_move_each_second_and_match_redis(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 3600)
    errors: list[str] = []
    with playing(streams, "home"), opened(browser, gateway, errors) as page:
        wait_live(page)
        page.evaluate(WATCH)
        wait_until(lambda: page.evaluate("seen.length") >= 8)
        seen = {int(at_ms): (float(power_w), rows) for at_ms, power_w, rows in page.evaluate("seen")}
        skipped = set(range(min(seen), max(seen), 1000)) - seen.keys()
        assert len(skipped) <= 1  # a busy machine may draw two seconds at once
        mains_text = page.locator("#mains").inner_text()
        kept = {at_ms: power_w for at_ms, power_w, _ in streams.readings("home")}
        for at_ms, (power_w, rows) in seen.items():
            assert power_w == kept[at_ms]
            _, tick = second("home", at_ms // 1000)
            for name, value in zip(CYCLES, tick.values, strict=True):
                assert rows[name] == pytest.approx(float(value["power_w"]), abs=0.01)
            assert rows["other"] == pytest.approx(tick.other_w, abs=0.01)
        assert float(mains_text.replace(",", "")) == pytest.approx(max(seen.items())[1][0], abs=500)
        assert painted(page) > 0.2
        page.get_by_role("button", name="1 h").click()
        assert painted(page) > 0.2
    assert errors == []


def painted(page: Page) -> float:
    """The part of the chart that is drawn on."""
    share: float = page.evaluate(
        """() => { const canvas = document.querySelector('#chart canvas')
        const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        let drawn = 0; for (let i = 3; i < data.length; i += 4) drawn += data[i] > 0
        return drawn / (data.length / 4) }"""
    )
    return share


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_phone_and_desktop_light_and_dark(
    browser: Browser, gateway: Gateway, streams: Streams, width: int, scheme: str
) -> None:
    fill(streams, "home", 600)
    errors: list[str] = []
    size = {"width": width, "height": 740}
    with playing(streams, "home"), opened(browser, gateway, errors, viewport=size, color_scheme=scheme) as page:
        wait_live(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(int(part) for part in ground[4:-1].split(",")) < 300) == (scheme == "dark")
        page.locator("#theme").click()
        page.reload()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    assert errors == []


def test_redis_stopped_and_started(browser: Browser, gateway: Gateway, streams: Streams, servers: Servers) -> None:
    fill(streams, "home", 60)
    with playing(streams, "home"), opened(browser, gateway, []) as page:
        page.evaluate("window.never_reloaded = true")
        wait_live(page)
        servers.redis.terminate()
        servers.redis.wait_or_kill(5)
        expect(page.locator("body")).to_have_attribute("data-state", "redis", timeout=WAIT_MS)
        expect(page.locator("#banner")).to_contain_text("Redis")
        stood_ms = now_s() * 1000
        servers.start()
        wait_live(page, after_ms=stood_ms)
        expect(page.locator("#banner")).to_be_hidden()
        assert page.evaluate("window.never_reloaded")


def test_gateway_stopped_and_started(browser: Browser, gateway: Gateway, streams: Streams, tmp_path: Any) -> None:
    fill(streams, "home", 60)
    with playing(streams, "home"), opened(browser, gateway, []) as page:
        wait_live(page)
        gateway.stop()
        expect(page.locator("body")).to_have_attribute("data-state", "lost", timeout=WAIT_MS)
        expect(page.locator("#state")).to_contain_text("Connection lost")
        page.wait_for_timeout(3000)
        stood_ms = now_s() * 1000
        again = Gateway(gateway.config, tmp_path, gateway.port)
        wait_live(page, after_ms=stood_ms)
        expect(page.locator("#legend")).to_contain_text("the meter")
        expect(page.locator("#legend")).not_to_contain_text("gap")  # what was missed came after all
        assert again.stop() == 0


def test_a_stale_number_says_so(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 60, until_s=now_s() - 40)
    with opened(browser, gateway, []) as page:
        expect(page.locator("body")).to_have_attribute("data-state", "stale", timeout=WAIT_MS)
        expect(page.locator("#state")).to_contain_text("No sample for 4")
        expect(page.locator("#banner")).to_contain_text("last known ones")
        # It fades: full opacity is still there for a frame or two.
        expect(page.locator(".figure").first).not_to_have_css("opacity", "1", timeout=WAIT_MS)
        fill(streams, "home", 1)
        wait_live(page)


def test_mains_go_on_where_nothing_splits_them(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 60, until_s=now_s() - 20)
    with opened(browser, gateway, []) as page:
        streams.add_samples([second("home", now_s() + i)[0] for i in range(8)])
        expect(page.locator("body")).to_have_attribute("data-state", "unsplit", timeout=WAIT_MS)
        expect(page.locator("#banner")).to_contain_text("nilm-infer")


def test_held_and_warmup_are_named(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    with opened(browser, gateway, []) as page:
        expect(page.get_by_role("heading", name="Waiting for the first sample")).to_be_visible(timeout=WAIT_MS)
        sample, tick = second("home", now_s(), flags=Flags.HELD, warmup=True)
        streams.add_samples([sample])
        streams.add_ticks([tick])
        expect(page.locator("#badges")).to_contain_text("last value held", timeout=WAIT_MS)
        expect(page.locator("#badges")).to_contain_text("warming up")
        expect(page.locator("[data-appliance=Oven]")).to_contain_text("warming up")
        expect(page.locator("#empty")).to_be_hidden()


def test_chooses_among_buildings(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 60)
    fill(streams, "barn", 60)
    with playing(streams, "home"), playing(streams, "barn"), opened(browser, gateway, []) as page:
        wait_live(page)
        assert data(page)["building"] == "barn"
        page.get_by_label("Building").select_option("home")
        expect(page.locator("body")).to_have_attribute("data-building", "home")
        wait_live(page, after_ms=now_s() * 1000)


def test_keyboard_reaches_everything(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 60)
    with playing(streams, "home"), opened(browser, gateway, []) as page:
        wait_live(page)
        reached = set()
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert "theme" in reached
        assert any("Oven" in text for text in reached)
        page.locator("[data-appliance=Oven] button").focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-appliance=Oven] button")).to_have_attribute("aria-pressed", "true")


def test_logs_in_and_out(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    accounts = Accounts(Path(gateway.config.data_dir))
    accounts.add(Caller("vera", Role.VIEWER, ("home",)), hash_password("correct horse"))
    fill(streams, "home", 60)
    fill(streams, "barn", 60)
    with playing(streams, "home"), opened(browser, gateway, []) as page:
        expect(page.get_by_label("Name")).to_be_focused(timeout=WAIT_MS)
        expect(page.locator("#dashboard")).to_be_hidden()
        expect(page.locator("#no-account")).to_be_hidden()
        page.keyboard.type("vera")
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.", timeout=WAIT_MS)
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        wait_live(page)
        assert data(page)["building"] == "home"  # and no barn to choose
        expect(page.locator("#log-in")).to_be_hidden()
        page.reload()
        wait_live(page)
        page.get_by_role("button", name="Log out vera").click()
        expect(page.get_by_label("Name")).to_be_visible(timeout=WAIT_MS)
        assert page.context.cookies() == []


def test_first_load_is_small_and_all_from_here(browser: Browser, gateway: Gateway, streams: Streams) -> None:
    fill(streams, "home", 3600)
    with playing(streams, "home"), opened(browser, gateway, [], go=False) as page:
        network, asked, came = page.context.new_cdp_session(page), [], []
        network.send("Network.enable")
        network.on("Network.requestWillBeSent", lambda said: asked.append(said["request"]["url"]))
        network.on("Network.loadingFinished", lambda said: came.append(said["encodedDataLength"]))
        page.goto(gateway.url)
        wait_live(page)
        page.wait_for_timeout(300)
        print(f"first load: {sum(came)} bytes in {len(came)} answers")
        assert sum(came) <= 200_000
        assert len(came) > 20
        assert {url for url in asked if not url.startswith(f"{gateway.url}/")} == set()
