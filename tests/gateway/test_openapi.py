"""The generated description, and the API held against it: good and bad calls of every operation, by every check."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.processes import free_port
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.persist import Outlet
from edge.settings import Config
from gateway import admin, create_app
from gateway.asks import call_of
from gateway.assets import ASSETS
from gateway.hub import Hub
from gateway.serve import listen
from tests.gateway.conftest import ADMIN_TOKEN, E2E_TOKEN
from tests.gateway.house import fill, playing
from tests.gateway.test_matrix import BODY

RELATED = (
    "/analytics/readings",
    "/analytics/predictions",
    "/analytics/energy",
    "/analytics/heatmap",
    "/analytics/cycles",
    "/export",
    "/infer",
)
"""Operations whose parameters hang together (last or start and end, and the end later), which no schema can say."""
MAY = {"expected-statuses": ["2XX", "400", "404", "422"]}
MAY_TOO_SOON = {"expected-statuses": ["2XX", "409"]}
HIDES = {"expected-statuses": ["404"]}
PROBED = {"positive_data_acceptance": MAY_TOO_SOON, "missing_required_header": HIDES}
PROBES = ("/e2e/preprocess", "/e2e/inject", "/e2e/redis-buffer", "/e2e/influx-status", "/e2e/forget")
"""Without their token there is nothing; of samples there is one a second."""
CONFIG = {
    "headers": {"Authorization": f"Bearer {ADMIN_TOKEN}", "X-E2E-Token": E2E_TOKEN},
    "generation": {"max-examples": 5, "deterministic": True},
    "request-timeout": 30.0,  # POST /admin/reload-models may take 10 s
    "operations": [
        *({"include-path": path, "checks": {"positive_data_acceptance": MAY}} for path in RELATED),
        *(
            {
                "include-path": path,
                "checks": {"positive_data_acceptance": MAY_TOO_SOON, "missing_required_header": HIDES},
            }
            for path in PROBES
        ),
    ],
}


@pytest.fixture
def whole(probed: Config, streams: Streams, influx: Influx) -> FlaskClient:
    """A box with an account and a building; its event streams end at once."""
    Accounts(Path(probed.data_dir)).add(Caller("anna", Role.ADMIN, ()), "no password")
    fill(streams, "home", 90)
    (Path(probed.data_dir) / "log").mkdir()
    hub = Hub(streams)
    hub.stop()
    unlimited = replace(probed.gateway, address_per_min=0, user_per_min=0)
    return create_app(replace(probed, gateway=unlimited), streams, influx, hub).test_client()


@pytest.fixture
def url(
    whole: FlaskClient, guarded: Config, streams: Streams, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The same, listening, with a sample each second that is stored."""
    config = replace(guarded, gateway=replace(guarded.gateway, port=free_port()))
    server = listen(whole.application, config)
    thread = threading.Thread(target=server.serve)
    thread.start()
    monkeypatch.setattr(admin, "PATIENCE_S", 0.2)  # infer beats, and loads nothing
    stop, outlet = threading.Event(), Outlet(config, Streams.connect(config.redis.url), influx)

    def store() -> None:
        while not stop.is_set():
            outlet.turn(0.05)

    storing = threading.Thread(target=store)
    storing.start()
    with playing(streams, "home"):
        yield f"http://127.0.0.1:{config.gateway.port}"
    stop.set()
    storing.join()
    server.stop()
    thread.join()


def test_every_operation_by_every_check(url: str) -> None:
    described = schemathesis.openapi.from_url(f"{url}/openapi.json", config=SchemathesisConfig.from_dict(CONFIG))
    tried, wrong = 0, []
    for event in from_schema(described).execute():
        if isinstance(event, NonFatalError | FatalError):
            wrong.append(str(event))
        if isinstance(event, ScenarioFinished):
            tried += len(event.recorder.cases)
            for results in event.recorder.checks.values():
                wrong += [f"{event.recorder.label}: {check.failure_info}" for check in results if check.failure_info]
    assert not wrong, f"{len(wrong)} failures of {tried} calls:\n" + "\n\n".join(wrong[:10])
    assert tried > 300


def test_every_route_but_the_pages_files_is_described(whole: FlaskClient) -> None:
    app = whole.application
    found = {url.rule for url in app.url_map.iter_rules() if call_of(app, url.endpoint) is None}
    assert found == {"/", "/docs", "/assets/<path:name>", "/favicon.ico"}
    document: Any = whole.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            assert said["summary"], (method, path)
            assert any(status.startswith("2") for status in said["responses"]), (method, path)


def test_the_docs_page_needs_no_internet(whole: FlaskClient) -> None:
    html = whole.get("/docs").text
    for name in re.findall(r'(?:src|href)="/assets/([^"]+)"', html):
        assert name in ASSETS
    assert "//" not in html.replace("<!doctype", "")
    assert b"http" not in ASSETS["js/docs.js"].plain


SPAN = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-20T00:05:00Z"}
FINE: dict[str, dict[str, str]] = {
    "/analytics/readings": SPAN,
    "/analytics/predictions": SPAN,
    "/export": SPAN,
}
ODD = [
    "' OR '1'='1",
    "home' OR building =~ /.*/ --",
    'home"; DROP DATABASE nilm; --',
    "$building",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "..%2f..%2fetc/passwd",
    "home\r\nSet-Cookie: a=b",
    "home\0",
    "home\n",
    "\u202ehome",
    "\uff48ome",
    "1e309",
    "-1",
    "NaN",
    "9" * 400,
    "x" * 5000,
    "%s%n",
    "nilm:home:window",
    "*",
]


NAMES = {"appliance_id", "run_id"}
"""Parameters that may be almost any text, which finds nothing."""


def test_odd_texts_in_every_parameter(whole: FlaskClient, influx: Influx) -> None:
    """None of them finds anything, breaks anything, or comes back as something that a browser runs."""
    document: Any = whole.get("/openapi.json").json
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "X-E2E-Token": E2E_TOKEN}
    asked = 0
    for path, methods in document["paths"].items():
        ((method, said),) = methods.items()
        parameters = said["parameters"]
        fine = dict(FINE.get(path, {}))
        if any(parameter["name"] == "building_id" for parameter in parameters):
            fine["building_id"] = "home"
        for parameter in parameters:
            for odd in ODD:
                if parameter["in"] == "header":
                    if "\n" in odd or "\0" in odd or not odd.isascii():
                        continue  # no client can send it
                    query, sent = fine, {**headers, parameter["name"]: odd}
                else:
                    query, sent = {**fine, parameter["name"]: odd}, headers
                answer = whole.open(path, method=method.upper(), query_string=query, headers=sent)
                assert answer.status_code in {400, 404, 422} or parameter["name"] in NAMES, (path, query, odd)
                assert answer.status_code < 500, (path, query)
                assert answer.mimetype in {"application/problem+json", "application/json"}
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "Set-Cookie" not in answer.headers
                asked += 1
    assert asked > 300
    assert influx.query("nilm", "SHOW DATABASES", {})


def test_odd_texts_in_every_body(whole: FlaskClient) -> None:
    """Every member of every body; and members, and whole bodies, that nobody asked for."""
    document: Any = whole.get("/openapi.json").json
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "X-E2E-Token": E2E_TOKEN}
    asked = 0
    for url in whole.application.url_map.iter_rules():
        endpoint = url.endpoint
        if endpoint not in BODY:
            continue
        assert "post" in document["paths"][url.rule]
        fine = {"building_id": "home", **BODY[endpoint]} if endpoint == "infer.infer" else dict(BODY[endpoint])
        for name in fine:
            odd: Any
            for odd in (*ODD, None, {}, [ODD[0]], 1e308, True):
                answer = whole.post(url.rule, json={**fine, name: odd}, headers=headers)
                found_nothing = name in {"run_id", "name", "password"} and answer.status_code in {202, 401, 409, 429}
                assert answer.status_code in {400, 401, 404, 422} or found_nothing, (url.rule, name, odd)
                assert "Set-Cookie" not in answer.headers
                asked += 1
        for body in (b"", b"{", b"[]", b"null", b"[" * 10_000, b'{"a":' * 10_000, b"\xff", b"1e999"):
            answer = whole.post(url.rule, data=body, content_type="application/json", headers=headers)
            assert answer.status_code in {400, 422}, (url.rule, body[:10])
    assert asked > 100
