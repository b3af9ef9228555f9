"""Metrics by Prometheus's rules; the dashboard and the alert rules ask only for what a running gateway tells."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.persist import Outlet
from edge.settings import Config
from edge.unit import now_ms
from gateway import create_app
from gateway.hub import Hub
from tests.gateway.conftest import Gateway
from tests.gateway.house import fill

DOCS = Path(__file__).parent.parent.parent / "docs"
RULES = DOCS / "prometheus" / "alerts.yml"
DASHBOARD = DOCS / "grafana" / "nilm-edge.json"
OUR_METRIC = re.compile(r"\b(?:nilm|process)_[a-z0-9_]+\b")
SYNC = {"lag_ms": 3, "backlog_s": 0, "sent_points": 7, "sent_bytes": 9, "second_edge": False, "hours_differing": 0}
MODEL = {"id": "home13", "version": "3", "state": "ok", "appliances": ["Oven"]}


@pytest.fixture
def busy(config: Config, streams: Streams, influx: Influx) -> None:
    """A box on which all services beat, with an appliance that has a meter of its own."""
    fill(streams, "home", 60)
    for name in ("ingest", "gateway", "announce"):
        streams.beat(name, {"beat_ms": now_ms(), "started_ms": 1})
    streams.beat("infer", {"beat_ms": now_ms(), "started_ms": 1, "lag_ms": 3, "models": [MODEL]})
    streams.beat("persist", {"beat_ms": now_ms(), **Outlet(config, streams, influx).figures()})
    streams.beat("sync", {"beat_ms": now_ms(), **SYNC})


@pytest.fixture
def told(busy: None, gateway: Gateway) -> Iterator[str]:
    """What a running gateway tells Prometheus."""
    for _ in range(2):
        answer = urllib3.request("GET", f"{gateway.url}/metrics", timeout=5)
        assert answer.status == 200
    yield answer.data.decode()


def names(text: str) -> set[str]:
    """Every name under which Prometheus stores something of it; accuracy has counted no hour yet."""
    families = list(text_string_to_metric_families(text))
    found = {sample.name for family in families for sample in family.samples}
    return found | {family.name for family in families if family.name.startswith("nilm_accuracy_")}


def promtool(*arguments: str, text: str | None = None) -> str:
    """What promtool says; AssertionError where it finds fault."""
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_metrics_are_named_as_prometheus_wants_them(told: str) -> None:
    assert promtool("check", "metrics", text=told) == ""
    families = {family.name: family for family in text_string_to_metric_families(told)}
    assert families["nilm_service_persisted"].type == "counter"
    assert families["nilm_influxdb_up"].samples[0].value == 1
    free, reserve = (families[f"nilm_data_disk_{which}_bytes"].samples[0].value for which in ("free", "reserve"))
    assert free > reserve > 0
    assert families["nilm_model_serving"].samples[0].labels == {"model": "home13", "version": "3"}
    units = {"seconds", "bytes", "total", "up", "samples", "entries", "streams", "watts", "f1", "info", "serving"}
    ours = [name for name, family in families.items() if name.startswith("nilm_") and family.type != "counter"]
    plain = {name for name in ours if name.rpartition("_")[2] not in units and not name.startswith("nilm_service_")}
    assert plain == {"nilm_clock_synchronized"}
    assert not [name for name in ours if re.search(r"_(ms|s|mb|kb|min|h)$", name)]


def test_rules_and_their_tests() -> None:
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(RULES.with_name("alerts_test.yml")))


def test_every_alert_is_tried_and_explained() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    assert len(alerts) >= 10
    tried = RULES.with_name("alerts_test.yml").read_text()
    operations = (DOCS / "operations.md").read_text()
    assert {alert for alert in alerts if f'alertname="{alert}"' not in tried} == set()
    assert {alert for alert in alerts if f"`{alert}`" not in operations} == set()


def test_rules_and_dashboard_ask_for_what_is_told(told: str) -> None:
    asked = set(OUR_METRIC.findall(" ".join(re.findall(r"expr: (.*)", RULES.read_text()))))
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    queries += [variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable]
    asked |= set(OUR_METRIC.findall(" ".join(queries)))
    assert len(asked) > 30
    assert asked - names(told) == set()


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    assert dashboard["id"] is None  # Grafana gives its own
    assert (dashboard["uid"], dashboard["title"]) == ("nilm-edge", "nilm-edge")
    assert dashboard["schemaVersion"] >= 36
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    variables = {f"${variable['name']}" for variable in dashboard["templating"]["list"]}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["title"]
        assert panel["type"] in {"row", "stat", "timeseries"}
        assert (panel["type"] == "row") == ("targets" not in panel)
        for target in panel.get("targets", []):
            assert target["expr"].count("(") == target["expr"].count(")")
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert set(re.findall(r"\$[a-z]+", target["expr"])) <= variables


def test_what_is_away_is_told(config: Config, streams: Streams, busy: None) -> None:
    away = replace(config, influx=replace(config.influx, url="http://127.0.0.1:1"), data_dir="/nowhere")
    influx = Influx.connect(away.influx)
    client: FlaskClient = create_app(away, streams, influx, Hub(streams)).test_client()
    streams.beat("infer", {"beat_ms": now_ms(), "models": [{**MODEL, "state": "disabled"}]})
    told = client.get("/metrics").text
    for line in ("nilm_influxdb_up 0.0", 'nilm_model_serving{model="home13",version="3"} 0.0', "_disk_free_bytes 0.0"):
        assert line in told
