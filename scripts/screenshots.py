#!/usr/bin/env python3
"""Writes the screenshots in docs/: `nilm-edge run` with some weeks of its simulated home behind it, in Chromium.

    .venv/bin/python scripts/screenshots.py          # takes some minutes and needs what scripts/setup.sh test installs

The past is the models' own answer to the recording that `nilm-edge run` plays: the last day second by second in
InfluxDB, what is older minute by minute in Parquet, as it is kept for years.
"""

import argparse
import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import urllib3
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))
from edge.adapters import history_tables as tables
from edge.adapters.influx import Influx
from edge.adapters.onnx_model import load_models
from edge.adapters.processes import free_port
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.bench.history import fill
from edge.config_text import to_toml
from edge.core.disaggregator import Disaggregator
from edge.core.manifest import DAY_MS, Day
from edge.core.prediction import PredictionTable, Tick
from edge.models import models_dir
from edge.settings import Config, Tariff
from edge.simulate import Home
from edge.stack import Stack, private_config

DAYS = 20
SECONDS_S = 26 * 3600
AHEAD_S = 20
LIMIT_BYTES = 150_000
PHONE, DESK = (390, 844), (1280, 920)
SHOTS = (
    ("page-live", "#/live", DESK, "light", '[data-span-s="3600"]'),
    ("page-live-day", "#/live", DESK, "dark", '[data-span-s="86400"]'),
    ("page-live-phone", "#/live", PHONE, "light", '[data-span-s="3600"]'),
    ("page-history", "#/history?step=week", DESK, "light", ""),
    ("page-history-phone", "#/history?step=day", PHONE, "dark", ""),
    ("page-appliances", "#/appliances", DESK, "light", ""),
    ("page-system", "#/system", DESK, "light", ""),
)
"""Name, address, size, colours, what to press."""


def past(config: Config, folder: Path) -> None:
    """Whole days before the last one, as minutes in Parquet; then the last day as seconds in InfluxDB."""
    home = Home(config)
    models, _ = load_models(models_dir(config))
    first_ms = (int(time.time()) * 1000 // DAY_MS - DAYS) * DAY_MS
    for n in range(DAYS):
        store_day(SnapshotFolder(folder), home, Disaggregator(models), first_ms + n * DAY_MS)
        print(f"\r{n + 1} of {DAYS} days", end="", flush=True)
    influx = Influx.connect(config.influx)
    influx.prepare()
    fill(config, influx, int(time.time()) - SECONDS_S, SECONDS_S)
    print(", and the last one by seconds")


def last_hour(config: Config) -> None:
    """Into Redis what would be there had it run for long, and a little ahead: what comes meanwhile counts once."""
    home = Home(config)
    models, _ = load_models(models_dir(config))
    first_s = int(time.time()) + AHEAD_S - 3 * 3600
    samples = [home.sample(first_s + n) for n in range(3 * 3600)]
    at_ms, power_w = np.array([s.at_ms for s in samples]), np.array([s.power_w for s in samples])
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    streams.add_samples(samples[-3600:])
    ticks = [
        Tick(home.building, at, table.columns, values, other_w)
        for table in Disaggregator(models).score(at_ms, power_w)
        for at, values, other_w in zip(table.at_ms.tolist(), table.values, table.other_w.tolist(), strict=True)
    ]
    streams.add_ticks(ticks[-3600:])


def store_day(folder: SnapshotFolder, home: Home, models: Disaggregator, start_ms: int) -> None:
    """One UTC day by minutes."""
    samples = [home.sample(start_ms // 1000 + n) for n in range(DAY_MS // 1000)]
    at_ms = np.array([sample.at_ms for sample in samples])
    power_w = np.array([sample.power_w for sample in samples])
    mains = {"time": at_ms, "power_w": power_w}
    answers = list(models.score(at_ms, power_w))
    appliances = [tables.minutes("appliance", pa.table(one)) for one in columns(answers)]
    found = {
        "mains_1m": tables.minutes("mains", pa.table(mains | {"time": pa.array(at_ms, pa.timestamp("ms", "UTC"))})),
        "appliance_1m": tables.in_order(pa.concat_tables(appliances)),
    }
    day = Day(home.building, str(np.datetime64(start_ms, "ms").astype("datetime64[D]")))
    parts = []
    for kind, table in found.items():
        written = tables.to_parquet(kind, [table])
        parts.append(folder.add(day, kind, None, written.rows, written.content))
    hours = dict.fromkeys(range(24), 3600)
    rows = {"mains": hours, "appliance": {at: n * len(appliances) for at, n in hours.items()}}
    folder.commit(day, parts, rows, seconds_dropped=True)


def columns(answers: list[PredictionTable]) -> Iterator[dict[str, pa.Array]]:
    """Each appliance's seconds, and what no model explains."""
    at = pa.array(np.concatenate([answer.at_ms for answer in answers]), pa.timestamp("ms", "UTC"))
    for i, column in enumerate(answers[0].columns):
        cells = np.concatenate([answer.values[:, i] for answer in answers])
        power_w = pa.array(cells["power_w"].astype(np.float64))
        name = pa.array([column.appliance] * len(cells))
        yield {"appliance": name, "time": at, "power_w": power_w, "on": pa.array(cells["on"])}
    other_w = pa.array(np.concatenate([answer.other_w for answer in answers]))
    nothing = pa.array([None] * len(other_w), pa.bool_())
    yield {"appliance": pa.array(["other"] * len(other_w)), "time": at, "power_w": other_w, "on": nothing}


def shoot(browser: Browser, url: str, out: Path, only: str) -> None:
    """All of them."""
    for name, address, (width, height), scheme, press in SHOTS:
        if only not in name:
            continue
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page = context.new_page()
        page.goto(f"{url}/{address}")
        page.locator("body[data-state=live]").wait_for(timeout=30_000)
        if press:
            page.locator(press).click()
        page.wait_for_load_state("load")
        settle(page)
        (out / f"{name}.webp").write_bytes(picture(page))
        print(f"{out / name}.webp  {(out / f'{name}.webp').stat().st_size // 1000} kB")
        context.close()


def settle(page: Page) -> None:
    """Until nothing is being read any more."""
    for _ in range(100):
        page.wait_for_timeout(300)
        if page.locator("[aria-busy=true]").count() == 0:
            break
    page.wait_for_timeout(2500)


def picture(page: Page) -> bytes:
    """What is in view, as WebP, within the limit."""
    session = page.context.new_cdp_session(page)
    for quality in (92, 85, 75, 60):
        taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": quality})
        content = base64.b64decode(taken["data"])
        if len(content) < LIMIT_BYTES:
            return content
    raise SystemExit("a screenshot is larger than it may be")


def main() -> None:
    """Past, present, pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "docs")
    parser.add_argument("--only", default="", help="those whose name has this in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nilm-edge-screenshots-") as name:
        folder, port = Path(name), free_port()
        config = replace(Config(), tariff=Tariff("EUR", 0.31))
        stack = Stack(private_config(config, folder, port), folder)
        try:
            stack.start_servers()
            past(stack.config, folder)
            last_hour(stack.config)
        finally:
            stack.stop()
        file = folder / "screenshots.toml"
        file.write_text(to_toml(config))
        command = [sys.executable, "-m", "edge", "run", "--config", str(file), "--data-dir", name, "--port", str(port)]
        running = subprocess.Popen(command, start_new_session=True)
        try:
            url = f"http://127.0.0.1:{port}"
            wait(url)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--force-color-profile=srgb"]
                )
                shoot(browser, url, options.out, options.only)
                browser.close()
        finally:
            os.kill(running.pid, signal.SIGINT)
            running.wait(30)


def wait(url: str) -> None:
    """Until the page's seconds are live."""
    for _ in range(120):
        try:
            if urllib3.request("GET", f"{url}/ready", retries=False, timeout=2).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.5)
    raise SystemExit("nilm-edge run does not become ready")


if __name__ == "__main__":
    main()
