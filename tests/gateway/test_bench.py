"""The clients of `bench gateway` count what goes wrong, and its table says so."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.bench import clients
from edge.bench.gateway import as_text, mixed, reads
from edge.settings import Config
from tests.gateway.conftest import running
from tests.gateway.house import fill, now_s, playing


def test_its_clients_ask_load_and_listen(config: Config, streams: Streams, influx: Influx, tmp_path: Path) -> None:
    assert influx.ping()
    settings = replace(config.gateway, address_per_min=0, user_per_min=0, streams=12, streams_each=0)
    with running(replace(config, gateway=settings), tmp_path) as gateway:
        fill(streams, "home", 120)
        port, paths = gateway.port, reads("home", now_s())
        for path in [*paths.values(), *mixed("home", now_s())]:
            found = clients.ask(port, path, 0.001)
            assert (found["errors"], found["bytes"] > 0) == (0, True), path
        assert clients.ask(port, "/nowhere", 0.001)["errors"] >= 1
        heard: list[dict[str, Any]] = []
        listening = threading.Thread(
            target=lambda: heard.append(clients.listen(port, "/api/stream?building_id=home", 10, 3.5))
        )
        with playing(streams, "home"):
            listening.start()
            loaded = clients.load(port, ["/live", paths["readings, last hour"]], 50, 1.0, threads=2)
            listening.join()
        assert (loaded["errors"], len(loaded["took_ms"])) == (0, 50)
        assert heard[0]["errors"] == 0, heard[0]["examples"]
        assert heard[0]["heard"] >= 20
        too_many = clients.listen(port, "/api/stream?building_id=home", 14, 0.5)
        assert too_many["errors"] >= 2
    assert clients.load(port, ["/live"], 10, 0.3, threads=1)["errors"] == 3


def test_its_table_is_markdown() -> None:
    times = {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "max_ms": 4.0}
    figures = {
        "machine": "box",
        "processor": "a processor",
        "cores": 2,
        "at": time.strftime("%Y-%m-%d"),
        "clients": 4,
        "seconds": 60,
        "reads": {"readings, last hour": {**times, "first_ms": 9.0, "bytes": 173_000, "errors": 1}},
        "load": {
            "streams": 200,
            "requests_per_s": 50,
            "stream_errors": 0,
            "stream_events": 12_000,
            "request_errors": 2,
            "examples": ["/live: 500"],
            "requests": times,
        },
        "live": {"without": times, "with": times, "streams_with": times},
        "gateway_rss_mib": {"start": 100.0, "middle": 101.0, "end": 101.0},
        "cpu_percent": {"gateway": 12.5},
    }
    text = as_text(figures)
    assert "| readings, last hour | 173 kB | 1 ms | 2 ms | 3 ms | 9 ms | 1 ERRORS" in text
    assert "| errors: streams, requests | 0, 2 |" in text
    assert text.endswith("error: /live: 500")
