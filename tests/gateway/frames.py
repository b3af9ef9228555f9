"""Measures how smoothly the live chart of a day moves, in Chromium: python -m tests.gateway.frames URL [SLOWER]."""

import shutil
import sys
import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

FRAMES = 240
WATCH = """(() => {
  window.drawn_ms = []
  const ask = window.requestAnimationFrame.bind(window)
  window.requestAnimationFrame = (draw) => ask((at) => {
    const began = performance.now()
    draw(at)
    window.drawn_ms.push(performance.now() - began)
  })
})()"""
MOVE = """([act, frames]) => new Promise((done) => {
  const box = document.querySelector('#chart')
  const { left, width } = box.getBoundingClientRect()
  const wheel = (deltaX, deltaY) => box.dispatchEvent(
    new WheelEvent('wheel', { deltaX, deltaY, clientX: left + width * 0.6, cancelable: true }))
  const acts = {
    'zoom in': () => wheel(0, -18), 'zoom out': () => wheel(0, 18),
    'pan back': () => wheel(-9, 0), 'pan on': () => wheel(9, 0), 'whole day': () => wheel(0, -0.01),
  }
  const at = []
  drawn_ms.length = 0
  const next = (now) => {
    at.push(now)
    if (at.length > frames) {
      return done({ between: at.slice(1).map((t, i) => t - at[i]), drawn: drawn_ms.filter((ms) => ms > 0.2) })
    }
    acts[act]()
    requestAnimationFrame(next)
  }
  requestAnimationFrame(next)
})"""


def move(page: Page, act: str, frames: int = FRAMES) -> tuple[list[float], list[float]]:
    """Sorted milliseconds: between frames, and of drawing one."""
    found: dict[str, Any] = page.evaluate(MOVE, [act, frames])
    return sorted(found["between"]), sorted(found["drawn"])


def at(sorted_ms: list[float], share: float) -> float:
    return sorted_ms[min(int(len(sorted_ms) * share), len(sorted_ms) - 1)]


def main() -> None:
    url, slower = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.add_init_script(WATCH)
        page.goto(f"{url}/#/live")
        page.locator('[data-span-s="86400"]').click()
        began_s = time.monotonic()
        while page.locator("#chart").get_attribute("aria-busy") != "false":
            time.sleep(0.05)
        print(f"the day was there after {time.monotonic() - began_s:.1f} s")
        if slower > 1:
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        print(f"{'':12}{'frames':>8}{'draw p50':>10}{'p95':>8}{'max ms':>8}{'between p50':>14}{'p95':>8}{'max ms':>8}")
        for act in ("whole day", "zoom in", "pan back", "pan on", "zoom out"):
            between, drawn = move(page, act)
            figures = [at(drawn, 0.5), at(drawn, 0.95), drawn[-1], at(between, 0.5), at(between, 0.95), between[-1]]
            widths = (10, 8, 8, 14, 8, 8)
            print(f"{act:12}{len(drawn):8}" + "".join(f"{ms:{w}.1f}" for ms, w in zip(figures, widths, strict=True)))
        browser.close()


if __name__ == "__main__":
    main()
