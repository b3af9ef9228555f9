"""/admin/log: the end of the logs, for admins; and that no secret is ever in them."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask.testing import FlaskClient

from edge.adapters.accounts import Accounts
from edge.adapters.journal import journal
from edge.adapters.passwords import hash_password
from edge.adapters.streams import Streams
from edge.core.grants import Caller, Role
from edge.errors import Unavailable
from edge.log_tail import NAMES
from edge.new_accounts import NewAccount, leave
from edge.settings import Config
from tests.gateway.conftest import ADMIN_TOKEN, Gateway
from tests.servers import wait_until

INGEST = """\
2026-11-21 10:00:01,250 INFO nilm.ingest: started: listening to a topic
2026-11-21 10:00:03,000 ERROR nilm.ingest: it broke (request 5f-A)
Traceback (most recent call last):
ValueError: oh
"""
INFER = '{"time": "2026-11-21T10:00:02.000+00:00", "level": "warning", "logger": "nilm.infer", "message": "odd"}\n'


@pytest.fixture
def folder(guarded: Config) -> Path:
    found = Path(guarded.data_dir) / "log"
    found.mkdir()
    (found / "ingest.log").write_text(INGEST)
    (found / "infer.log").write_text(INFER)
    (found / "mosquitto.log").write_text("1795255200: New connection\n1795255201: Warning: odd client\n")
    (found / "redis-server.log").write_text("77:M 21 Nov 2026 10:00:04.500 # no room\n")
    (found / "influxd.log").write_text("ts=2026-11-21T10:00:05.000000Z lvl=info msg=hello\nrun: bad config\n")
    return found


def asked(client: FlaskClient, **query: Any) -> Any:
    answer = client.get("/admin/log", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_the_newest_lines_of_one_and_of_all(admin: FlaskClient, folder: Path) -> None:
    found = asked(admin, service="ingest")
    assert (found["source"], found["services"]) == ("files", list(NAMES))
    first, second = found["lines"]
    assert (first["level"], first["logger"], first["message"]) == (
        "info", "nilm.ingest", "started: listening to a topic")  # fmt: skip
    assert second["at_ms"] - first["at_ms"] == 1750
    assert (second["level"], second["request_id"]) == ("error", "5f-A")
    assert second["message"] == "it broke\nTraceback (most recent call last):\nValueError: oh"
    said = {line["service"]: line for line in asked(admin)["lines"]}
    assert said["infer"]["message"] == "odd"
    assert (said["mosquitto"]["level"], said["mosquitto"]["message"]) == ("warning", "odd client")
    assert (said["redis"]["level"], said["redis"]["message"]) == ("warning", "no room")
    assert said["influxdb"]["message"] == "msg=hello\nrun: bad config"
    times = [line["at_ms"] for line in asked(admin)["lines"]]
    assert times == sorted(times)
    assert len(asked(admin, lines=3)["lines"]) == 3
    assert asked(admin, service="sync")["lines"] == []


def test_a_long_log_is_read_from_its_end(admin: FlaskClient, folder: Path) -> None:
    line = "2026-11-21 10:00:01,250 INFO nilm.persist: entry {} of the log \xff\n"
    (folder / "persist.log").write_bytes("".join(line.format(n) for n in range(20_000)).encode("latin-1"))
    found = asked(admin, service="persist", lines=1000)["lines"]
    assert len(found) == 1000
    assert found[-1]["message"].startswith("entry 19999 of")
    for query in ("lines=0", "lines=1001", "lines=x", "service=../gateway", "service=run"):
        assert admin.get(f"/admin/log?{query}").status_code == 422, query


def test_a_journal_that_may_not_be_read_says_what_to_do(admin: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(Unavailable, match="SupplementaryGroups=systemd-journal"):
        journal(["nilm-infer.service"], 10, str(tmp_path / "journal"))
    answer = admin.get("/admin/log")  # this machine's own, without the files of nilm-edge run
    assert answer.json is not None
    if answer.status_code == 200:
        assert answer.json["source"] == "journal"
    else:
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
        assert "journal" in answer.json["detail"]


def test_nothing_secret_is_logged(guarded: Config, streams: Streams, tmp_path: Path) -> None:
    secrets = {"password": "hunter-two-is-secret", "wrong": "wrong-horse-secret", "token": "nilm_very-secret-token"}
    accounts = Accounts(Path(guarded.data_dir))
    accounts.add(Caller("anna", Role.ADMIN, ()), hash_password(secrets["password"]))
    accounts.add_token("anna", "script", secrets["token"], 1)
    provisioned = hash_password("first-password-secret")
    leave(NewAccount("vera", provisioned), Path(guarded.data_dir))
    away = replace(guarded.influx, url="http://user:influx-secret@127.0.0.1:1", token="influx-token-secret")
    loud = replace(guarded, log_level="debug", log_format="json", influx=away)
    log = Path(guarded.data_dir) / "log"
    log.mkdir()
    with (log / "gateway.log").open("wb") as out:
        gateway = Gateway(loud, tmp_path, stderr=out)
        try:
            post = {"Content-Type": "application/json"}
            for password in (secrets["password"], secrets["wrong"]):
                body = f'{{"name":"anna","password":"{password}"}}'
                urllib3.request("POST", f"{gateway.url}/api/login", body=body, headers=post)
            body = '{"name":"vera","password":"first-password-secret"}'
            assert urllib3.request("POST", f"{gateway.url}/api/login", body=body, headers=post).status == 200
            for header in ({"Authorization": f"Bearer {secrets['token']}"}, {"Authorization": "Bearer guessed-secret"}):
                urllib3.request("GET", f"{gateway.url}/models?token=query-secret", headers=header)
                span = "building_id=home&start=2026-11-20T00:00:00Z&end=2026-11-20T00:05:00Z"
                urllib3.request("GET", f"{gateway.url}/analytics/readings?{span}", headers=header, retries=False)
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            wait_until(lambda: "logged in" in (log / "gateway.log").read_text())
            answer = urllib3.request("GET", f"{gateway.url}/admin/log?lines=1000", headers=headers)
        finally:
            gateway.stop()
    lines = answer.json()["lines"]
    assert any("logged in" in line["message"] for line in lines)
    assert any("account vera was provisioned" in line["message"] for line in lines)
    assert any("a wrong log-in as" in line["message"] for line in lines)
    for said in (answer.data.decode(), (log / "gateway.log").read_text()):
        for secret in (
            *secrets.values(),
            ADMIN_TOKEN,
            "influx-secret",
            "influx-token-secret",
            "guessed-secret",
            "first-password-secret",
            provisioned,
            "query-",
        ):
            assert secret not in said, secret


def test_what_we_write_is_read_back() -> None:
    from datetime import UTC

    from hypothesis import given, settings
    from hypothesis import strategies as st

    from edge.log import JsonLines
    from edge.log_lines import read_line

    @settings(max_examples=50)
    @given(st.text(max_size=300), st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR"]), st.floats(0, 4e9))
    def holds(message: str, level: str, at_s: float) -> None:
        record = logging.makeLogRecord(
            {"msg": "%s", "args": (message,), "levelname": level, "name": "nilm.x", "created": at_s}
        )
        found = read_line(JsonLines().format(record), UTC)
        assert found.at_ms is not None
        assert abs(found.at_ms - at_s * 1000) <= 1
        assert (found.level, found.logger, found.message) == (level.lower(), "nilm.x", message)

    @settings(max_examples=50)
    @given(st.text(max_size=200))
    def nothing_breaks_it(text: str) -> None:
        assert read_line(text, UTC).message is not None

    holds()
    nothing_breaks_it()
