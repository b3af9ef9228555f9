"""Who may call what: every route of the app's own list, by every kind of caller, of their own and another building."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.settings import Config
from gateway import create_app
from gateway.access import Of, Rule, Who, rule_of
from gateway.callers import EXTERNAL
from gateway.hub import Hub
from tests.gateway.conftest import ADMIN_TOKEN, E2E_TOKEN
from tests.gateway.house import fill

CALLERS = {
    "viewer of home": Caller("vera", Role.VIEWER, ("home",)),
    "viewer of the oven": Caller("otto", Role.VIEWER, ("home/Oven",)),
    "viewer of nothing": Caller("nils", Role.VIEWER, ()),
    "viewer of all": Caller("vince", Role.VIEWER, ("*",)),
    "operator of the oven": Caller("oda", Role.OPERATOR, ("home/Oven",)),
    "operator of home": Caller("olga", Role.OPERATOR, ("home",)),
    "operator of all": Caller("oscar", Role.OPERATOR, ("*",)),
    "admin": Caller("anna", Role.ADMIN, ()),
}
SPAN = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-20T00:05:00Z"}
QUERY: Mapping[str, Mapping[str, str]] = {
    "analytics.readings": {"last": "60"},
    "analytics.predictions": {"last": "60"},
    "export.export": SPAN,
    "e2e.influx_status": {"run_id": "matrix"},
}
"""What a route needs beside the building to answer at all."""
BODY: Mapping[str, Mapping[str, Any]] = {
    "sign_in.login": {"name": "nobody", "password": "wrong"},
    "e2e.preprocess": {"window": [0.5] * 60},
    "e2e.inject": {"run_id": "matrix"},
    "infer.infer": {"appliance_id": "Oven", "window": [0.5] * 60, "timestamp": "2025-11-20T00:00:00Z"},
}
FINE = {200, 202}
PATH = {"name": "style.css", "filename": "style.css"}


@pytest.fixture
def house(guarded: Config, streams: Streams, influx: Influx) -> Flask:
    """An app with accounts, and two buildings."""
    accounts = Accounts(Path(guarded.data_dir))
    for caller in CALLERS.values():
        assert accounts.add(caller, "no password")
        assert accounts.add_token(caller.name, "token", f"nilm_{caller.name}", 1)
    for building in ("home", "barn"):
        fill(streams, building, 60)
    (Path(guarded.data_dir) / "log").mkdir()
    unlimited = replace(guarded.gateway, address_per_min=0, user_per_min=0)
    return create_app(replace(guarded, gateway=unlimited), streams, influx, Hub(streams))


@pytest.fixture
def public(house: Flask, guarded: Config, streams: Streams, influx: Influx) -> Flask:
    """The same house with a public page."""
    settings = replace(guarded.gateway, public_dashboard=True, address_per_min=0)
    return create_app(replace(guarded, gateway=settings), streams, influx, Hub(streams))


def routes(app: Flask) -> list[tuple[str, str, str, Rule]]:
    """Path, endpoint, method and rule of every route."""
    found = []
    for url in app.url_map.iter_rules():
        rule = rule_of(app, url.endpoint)
        assert rule is not None, f"{url.rule} does not say who may call it: see gateway/access.py"
        path = url.rule.replace("<path:name>", PATH["name"])
        assert "<" not in path, f"{url.rule}: say in PATH what stands for its parameter"
        found += [(path, url.endpoint, method, rule) for method in (url.methods or set()) - {"OPTIONS", "HEAD"}]
    assert len(found) >= 15
    return sorted(found, key=lambda route: route[0])


def asked(route: tuple[str, str, str, Rule], building: str) -> dict[str, Any]:
    """What a call of that route has, whoever calls."""
    path, endpoint, method, rule = route
    query = {**QUERY.get(endpoint, {})}
    if rule.of in {Of.BUILDING, Of.APPLIANCE}:
        query["building_id"] = building
    if rule.of is Of.APPLIANCE:
        query["appliance_id"] = "Oven"
    body = BODY.get(endpoint)
    if rule.of is Of.NAMED and body is not None:
        body = {**body, "building_id": building}
    return {"path": path, "method": method, "query_string": query, "json": body}


def call(client: FlaskClient, route: tuple[str, str, str, Rule], building: str, token: str, **environ: object) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = client.open(**asked(route, building), headers=headers, environ_overrides=dict(environ))
    answer.close()
    return answer.status_code


def expected(rule: Rule, caller: Caller | None, building: str) -> set[int]:
    """The statuses that fit the rule, worked out apart from the code that holds it."""
    if rule.who is Who.ANYONE:
        return FINE | {401, 429, 503}
    if caller is None:
        return {401}
    everything = caller.role == Role.ADMIN or "*" in caller.grants
    whole = everything or building in caller.grants
    part = whole or f"{building}/Oven" in caller.grants
    allowed = (
        caller.role >= rule.who
        and {
            Of.NOTHING: True,
            Of.GRANTED: True,
            Of.BUILDING: whole,
            Of.APPLIANCE: part,
            Of.NAMED: part,
            Of.ALL: everything,
        }[rule.of]
    )
    return FINE if allowed else {403}


@pytest.fixture
def probed_house(house: Flask, probed: Config, streams: Streams, influx: Influx) -> Flask:
    """The same house with the probes switched on."""
    unlimited = replace(probed.gateway, address_per_min=0, user_per_min=0)
    return create_app(replace(probed, gateway=unlimited), streams, influx, Hub(streams))


@pytest.mark.parametrize("token", [E2E_TOKEN, E2E_TOKEN[:-1], ""])
def test_probes_are_for_their_token_whoever_calls(house: Flask, probed_house: Flask, token: str) -> None:
    probes = [route for route in routes(probed_house) if route[1].startswith("e2e.")]
    assert len(probes) >= 4
    assert not [route for route in routes(house) if route[0].startswith("/e2e")]
    wrong = []
    for route in probes:
        for name, caller in {"nobody": None, **CALLERS}.items():
            headers = {"X-E2E-Token": token} if token else {}
            if caller:
                headers["Authorization"] = f"Bearer nilm_{caller.name}"
            for app, on in ((probed_house, True), (house, False)):
                answer = app.test_client().open(**asked(route, "home"), headers=headers)
                allowed = FINE | {409} if on and token == E2E_TOKEN else {404}  # 409: a sample this second already
                if answer.status_code not in allowed:
                    wrong.append(f"{route[2]} {route[0]} by {name}, on={on}: {answer.status_code}, not {allowed}")
            outside = probed_house.test_client().open(
                **asked(route, "home"), headers=headers, environ_overrides={EXTERNAL: True}
            )
            if outside.status_code != 404:
                wrong.append(f"{route[2]} {route[0]} by {name} from outside: {outside.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("building", ["home", "barn", "nowhere"])
def test_every_route_by_every_caller(house: Flask, building: str) -> None:
    wrong = []
    for route in routes(house):
        for name, caller in {"nobody": None, **CALLERS}.items():
            status = call(house.test_client(), route, building, f"nilm_{caller.name}" if caller else "")
            allowed = expected(route[3], caller, building)
            if building == "nowhere" and allowed == FINE:
                allowed = FINE | {422 if route[3].of is Of.NAMED else 404}
            if status not in allowed:
                wrong.append(f"{route[2]} {route[0]} of {building} by {name}: {status}, not {sorted(allowed)}")
    assert not wrong, "\n".join(wrong)


def test_a_wrong_token_gets_nowhere(house: Flask) -> None:
    for route in routes(house):
        if route[3].who is not Who.ANYONE:
            for token in ("nilm_nobody", "x", ADMIN_TOKEN + "x", ADMIN_TOKEN[:-1], "é"):
                assert call(house.test_client(), route, "home", token) == 401, route


def test_the_admin_token_opens_everything(house: Flask) -> None:
    for route in routes(house):
        if route[3].who is not Who.ANYONE and route[1] != "sign_in.logout":
            assert call(house.test_client(), route, "home", ADMIN_TOKEN) in FINE, route


def test_the_second_listener_has_nothing_but_the_page(house: Flask) -> None:
    for route in routes(house):
        status = call(house.test_client(), route, "home", ADMIN_TOKEN, **{EXTERNAL: True})
        assert (status == 404) == (not route[3].dashboard), route
    client = house.test_client()
    for path, method in (("/nowhere", "GET"), ("/metrics", "PUT"), ("/live", "POST")):
        assert client.open(path, method=method, environ_overrides={EXTERNAL: True}).status_code == 404
    dashboard = {path for path, _, _, rule in routes(house) if rule.dashboard}
    assert {path.rpartition("/")[0] for path in dashboard} == {"", "/assets", "/api", "/analytics", "/gaps"}


@pytest.mark.parametrize(
    ("address", "headers", "in_there"),
    [
        ("192.168.1.20", {}, True),
        ("fd00::7", {}, True),
        ("127.0.0.1", {}, True),
        ("203.0.113.5", {}, False),
        ("100.64.0.9", {}, False),
        ("192.168.1.20", {"X-Forwarded-For": "192.168.1.30"}, False),
        ("127.0.0.1", {"Via": "1.1 somewhere"}, False),
    ],
)
def test_a_public_page_is_for_the_local_network_to_look_at(
    public: Flask, address: str, headers: dict[str, str], in_there: bool
) -> None:
    from_there = {"REMOTE_ADDR": address}
    for route in routes(public):
        path, _, method, rule = route
        if rule.who is Who.ANYONE:
            continue
        answer = public.test_client().open(**asked(route, "home"), headers=headers, environ_overrides=from_there)
        answer.close()
        open_to_them = in_there and rule.dashboard and method == "GET"
        assert answer.status_code == (200 if open_to_them else 401), path
        outside = public.test_client().open(**asked(route, "home"), environ_overrides={**from_there, EXTERNAL: True})
        assert outside.status_code in {401, 404}, path


def test_answers_leave_out_what_is_not_granted(house: Flask) -> None:
    def get(path: str, name: str) -> str:
        answer = house.test_client().get(path, headers={"Authorization": f"Bearer nilm_{name}"})
        assert answer.status_code == 200, answer.text
        return answer.text

    for path in ("/api/buildings", "/gaps/summary", "/metrics"):
        assert "barn" in get(path, "vince"), path
        assert "barn" not in get(path, "vera"), path
        assert "home" in get(path, "vera"), path
    assert "home" in get("/api/buildings", "otto")
    assert 'building="home"' not in get("/metrics", "otto")
    for layout in ("rows", "columns"):
        path = f"/analytics/predictions?building_id=home&last=60&layout={layout}"
        assert "Dishwasher" in get(path, "vera")
        text = get(path, "otto")
        assert "Oven" in text
        assert "Dishwasher" not in text
        assert "other_w" in text
        assert '"other_w":2' not in text
        assert '"other_w":[2' not in text
