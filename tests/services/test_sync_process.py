"""`nilm-edge sync` as a process: killed at random, stopped while it waits, asked how it is."""

import json
import random
import time
from pathlib import Path

from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.config_text import to_toml
from edge.core.sync import Step, step
from edge.settings import Config
from edge.settings import Influx as InfluxSettings
from edge.watermark import confirmed_ms
from tests.faulty import Faulty
from tests.servers import victoria_metrics, wait_for_answer, wait_until
from tests.services.appliance import nilm_edge
from tests.services.central import count, fill_hours, finish, hour_s, same, sync_of, to_central
from tests.services.processes import Service


def test_killed_at_random_it_loses_doubles_and_alters_nothing(
    config: Config, influx: Influx, central: Influx, central_url: str
) -> None:
    fill_hours(influx, 30, each_s=20)
    with Faulty(central_url) as faulty:
        slow = to_central(config, faulty.url)
        faulty.slow(0.01)
        dice = random.Random(3)
        marks: list[int] = []
        for _ in range(6):
            service = Service("sync", slow)
            wait_until(lambda: any("/write" in one.path for one in faulty.seen[len(marks) :]), 20)
            time.sleep(dice.uniform(0, 0.8))
            service.process.kill()
            service.process.wait()
            marks.append(confirmed_ms(Path(config.data_dir), "home"))
        assert marks == sorted(marks)
        faulty.behave()
        sync = sync_of(slow)
        finish(sync)
    assert same(influx, central)
    assert count(central, "appliance") == count(influx, "appliance")
    assert sync.figures()["hours_differing"] == 0


def test_it_stops_at_once_while_the_central_server_hangs(
    config: Config, influx: Influx, central_url: str, streams: Streams
) -> None:
    fill_hours(influx, 2)
    with Faulty(central_url) as faulty:
        faulty.hang()
        with Service("sync", to_central(config, faulty.url, timeout_s=60.0)):
            wait_until(lambda: faulty.seen)
            wait_until(lambda: "sync" in streams.services())
            first_ms = streams.services()["sync"]["beat_ms"]
            wait_until(lambda: streams.services()["sync"]["beat_ms"] > first_ms)


def test_once_says_what_was_done_and_status_how_it_is(
    config: Config, influx: Influx, central: Influx, central_url: str, streams: Streams
) -> None:
    fill_hours(influx, 3)
    configured = to_central(config, central_url)
    file = Path(config.data_dir) / "nilm.toml"
    file.write_text(to_toml(configured))
    done = nilm_edge("sync", "--once", "--json", "--config", str(file))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hours_settled"] == 3
    assert same(influx, central)
    with Service("sync", configured):
        wait_until(lambda: "all there" in streams.services().get("sync", {}).get("status", ""))
        busy = nilm_edge("sync", "--once", "--config", str(file))
        assert busy.returncode == 1
        assert "at work already" in busy.stderr
        found = json.loads(nilm_edge("status", "--json", "--config", str(file)).stdout)
        assert found["services"]["sync"]["backlog_s"] == 0
    file.write_text(to_toml(to_central(config, "http://127.0.0.1:1")))
    away = nilm_edge("sync", "--once", "--config", str(file))
    assert away.returncode == 1
    assert "127.0.0.1:1 is away" in away.stderr
    file.write_text(to_toml(config))
    off = nilm_edge("sync", "--config", str(file))
    assert off.returncode == 78
    assert "central.url" in off.stderr
    gone = json.loads(nilm_edge("status", "--json", "--config", str(file)).stdout)
    assert "sync" not in gone["services"]  # nobody waits for what is switched off


def test_victoria_metrics_gets_everything_once(config: Config, influx: Influx, tmp_path: Path) -> None:
    port = free_port()
    server = victoria_metrics(tmp_path / "vm", port)  # which would store twice what it is given twice
    server.start()
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for_answer(Influx.connect(InfluxSettings(url=url)).ping)
        fill_hours(influx, 6, each_s=20)
        for at_s in (hour_s(3) + n for n in (0, 7, 30)):  # with a prediction, and without
            influx.write("nilm", f"appliance,appliance=Oven,building=home measured_w={at_s % 977}.5 {at_s}")
        sync = sync_of(to_central(config, url))
        finish(sync)
        assert sync.figures()["hours_sent"] == 6
        assert confirmed_ms(Path(config.data_dir), "home") == hour_s(0) * 1000
        again = sync_of(to_central(config, url, bucket="another name, the same server"))
        finish(again)
        assert again.figures()["hours_sent"] == again.figures()["hours_differing"] == 0
        central = sync._sender.central
        for ago in range(6, 0, -1):
            span = (hour_s(ago) * 1000, hour_s(ago - 1) * 1000)
            assert step(sync._stored.totals("home", *span), central.totals("home", *span), 3) is Step.DONE
    finally:
        server.terminate()
        server.wait_or_kill(10)
