"""The probes, on the real services, by the script that the documentation names."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.config import load_config
from edge.errors import ConfigError
from edge.settings import Config
from edge.stored_spans import StoredSpans
from gateway import create_app
from gateway.hub import Hub
from gateway.serve import listen
from tests.gateway.conftest import ADMIN_TOKEN, E2E_TOKEN
from tests.gateway.house import fill
from tests.servers import wait_until
from tests.services.processes import Service

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "e2e_check.py"


@pytest.fixture
def probed(probed: Config) -> Config:
    """With a port of its own."""
    return replace(probed, gateway=replace(probed.gateway, port=free_port()))


@pytest.fixture
def client(probed: Config, streams: Streams, influx: Influx) -> FlaskClient:
    client = create_app(probed, streams, influx, Hub(streams)).test_client()
    client.environ_base["HTTP_X_E2E_TOKEN"] = E2E_TOKEN
    return client


@pytest.fixture
def url(client: FlaskClient, probed: Config) -> Iterator[str]:
    server = listen(client.application, probed)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield f"http://127.0.0.1:{probed.gateway.port}"
    server.stop()
    thread.join()


def check(url: str, probed: Config, *more: str) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), url, probed.gateway.e2e_token_file, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_sample_is_followed_to_influxdb_and_taken_back(
    url: str, probed: Config, client: FlaskClient, streams: Streams, influx: Influx
) -> None:
    with ExitStack() as stack:
        for name in ("infer", "persist"):
            stack.enter_context(Service(name, probed))
        code, said = check(url, probed)
        assert code == 0, said
        assert "and it is taken back" in said
        known: Any = client.get("/api/buildings").json
        assert "e2e" not in [building["building_id"] for building in known["buildings"]]
        assert StoredSpans(probed, influx).buildings() == []
        client.post("/e2e/inject", json={"run_id": "by-hand", "power_kw": 1.5})

        def stored() -> Any:
            return client.get("/e2e/influx-status?run_id=by-hand").json

        wait_until(lambda: stored()["predictions"] >= 10, what="the predictions in InfluxDB")
    assert (stored()["stored"], [point["power_w"] for point in stored()["points"]]) == (True, [1500.0])
    other: Any = client.get("/e2e/influx-status?run_id=another").json
    assert (other["stored"], other["predictions"]) == (False, 0)
    assert client.post("/e2e/forget").json == {"building_id": "e2e", "forgotten": True}
    assert not stored()["stored"]
    assert (streams.buildings(), streams.length("e2e", "window")) == ([], 0)


def test_a_real_building_of_that_name_is_never_taken_back(probed: Config, streams: Streams, influx: Influx) -> None:
    config = replace(probed, meters=(replace(probed.meters[0], building="e2e"),))
    client = create_app(config, streams, influx, Hub(streams)).test_client()
    assert client.post("/e2e/forget", headers={"X-E2E-Token": E2E_TOKEN}).status_code == 409
    fill(streams, "e2e", 1)  # and of another one not while anything waits to be stored
    client = create_app(probed, streams, influx, Hub(streams)).test_client()
    assert client.post("/e2e/forget", headers={"X-E2E-Token": E2E_TOKEN}).status_code == 503
    assert streams.length("e2e", "window") == 1


def test_the_check_says_where_it_stopped(url: str, probed: Config) -> None:
    code, said = check(url, probed, "--timeout-s", "0.5")
    assert code == 1
    assert "ok    Redis holds it" in said
    assert "FAIL  it is predicted" in said


def test_without_the_token_there_is_nothing(client: FlaskClient, admin: FlaskClient, guarded: Config) -> None:
    routes = [url for url in client.application.url_map.iter_rules() if url.endpoint.startswith("e2e.")]
    assert len(routes) == 5
    for url in routes:
        (method,) = (url.methods or set()) - {"HEAD", "OPTIONS"}
        for token in ("", "x", E2E_TOKEN[:-1], f"{E2E_TOKEN}x", ADMIN_TOKEN):
            headers = {"X-E2E-Token": token, "Authorization": f"Bearer {ADMIN_TOKEN}"}
            assert client.open(url.rule, method=method, headers=headers).status_code == 404, url
        assert admin.open(url.rule, method=method, headers={"X-E2E-Token": E2E_TOKEN}).status_code == 404
    assert load_config(None, {"E2E_PROBES_ENABLED": "true"}).gateway.e2e_probes


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("preprocess", {"window": [0.5] * 59}, 422),
        ("preprocess", {}, 422),
        ("preprocess", [], 400),
        ("inject", {}, 400),
        ("inject", {"run_id": 'a"b'}, 422),
        ("inject", {"run_id": "a", "power_kw": "1"}, 422),
        ("inject", {"run_id": "a", "power_kw": 1e9}, 422),
    ],
)
def test_what_is_wrong_is_said(client: FlaskClient, path: str, body: Any, status: int) -> None:
    assert client.post(f"/e2e/{path}", json=body).status_code == status
    assert client.get("/e2e/influx-status").status_code == 400


def test_probes_take_a_token(guarded: Config, streams: Streams, influx: Influx) -> None:
    with pytest.raises(ConfigError, match="e2e_token_file"):
        create_app(replace(guarded, gateway=replace(guarded.gateway, e2e_probes=True)), streams, influx, Hub(streams))
