from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.errors import ConfigError
from edge.settings import Config
from gateway import create_app
from gateway.access import rule_of
from gateway.hub import Hub
from tests.gateway.house import fill


def app_of(cors_origins: str = "") -> FlaskClient:
    config = replace(Config(), gateway=replace(Config().gateway, cors_origins=cors_origins))
    streams = Streams.connect("redis://127.0.0.1:1/0")
    return create_app(config, streams, Influx.connect(config.influx), Hub(streams)).test_client()


def test_every_route_says_who_may_call_it() -> None:
    app = app_of().application
    rules = list(app.url_map.iter_rules())
    assert len(rules) >= 10
    for rule in rules:
        assert rule_of(app, rule.endpoint) is not None, f"{rule.rule} does not say who may call it: see gateway/access"


def test_a_route_without_a_rule_is_refused() -> None:
    client = app_of()
    client.application.add_url_rule("/forgotten", view_func=lambda: "secret")
    answer = client.get("/forgotten")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("path", ["/", "/live", "/nowhere", "/assets/style.css", "/models"])
def test_headers_on_every_answer(path: str) -> None:
    headers = app_of().get(path).headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


def test_errors_are_problem_details() -> None:
    client = app_of()
    for answer, status in ((client.get("/nowhere"), 404), (client.post("/live"), 405)):
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert answer.json is not None
        assert {"type", "title", "status", "detail"} <= answer.json.keys()
    assert "GET" in client.post("/live").headers["Allow"]


def test_cors_names_the_exact_origin() -> None:
    client = app_of("https://energy.example.org, http://10.0.0.7:3000")
    for origin in ("https://energy.example.org", "http://10.0.0.7:3000"):
        answer = client.get("/live", headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in answer.headers["Vary"]
    for origin in ("https://energy.example.org.evil.net", "http://energy.example.org", "null", ""):
        assert "Access-Control-Allow-Origin" not in client.get("/live", headers={"Origin": origin}).headers


@pytest.mark.parametrize("origins", ["*", "energy.example.org", "https://energy.example.org/", "null"])
def test_what_is_no_origin_is_a_configuration_error(origins: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.cors_origins"):
        app_of(origins)


def test_assets() -> None:
    client = app_of()
    first = client.get("/assets/js/main.js", headers={"Accept-Encoding": "gzip"})
    assert (first.status_code, first.headers["Content-Encoding"]) == (200, "gzip")
    etag = first.headers["ETag"]
    again = client.get("/assets/js/main.js", headers={"Accept-Encoding": "gzip", "If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/favicon.ico").mimetype == "image/svg+xml"
    for path in ("/assets/../serve.py", "/assets/%2e%2e/serve.py", "/assets/", "/assets/js", "/assets//etc/passwd"):
        assert client.get(path).status_code in {404, 308}, path


def test_no_asset_names_another_host_or_writes_inline_code() -> None:
    client = app_of()
    html = client.get("/").text
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "https://" not in html
    assert "<script>" not in html
    assert "style=" not in html
    assert "onclick" not in html


def test_long_answers_are_compressed_for_who_takes_it(client: FlaskClient, streams: Streams) -> None:
    fill(streams, "home", 100)
    path = "/analytics/readings?building_id=home&last=100"
    plain, zipped = client.get(path), client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert len(zipped.data) < len(plain.data) / 3
    assert client.get(path, headers={"Accept-Encoding": "gzip;q=0"}).data == plain.data


def test_buildings(client: FlaskClient, streams: Streams) -> None:
    assert client.get("/api/buildings").json == {"buildings": [{"building_id": "home", "newest": None}]}
    fill(streams, "barn", 3, until_s=1_790_000_000)
    listed = client.get("/api/buildings").json
    assert listed is not None
    assert listed["buildings"][0] == {"building_id": "barn", "newest": "2026-09-21T14:13:20Z"}
