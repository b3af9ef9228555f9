import time
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.backfill import run
from edge.backfill_queue import BackfillQueue
from edge.core.line_protocol import sample_line
from edge.core.sample import Sample
from edge.settings import Config


def _store(influx: Influx, seconds: range) -> None:
    start_s = (int(time.time()) // 3600 - 3) * 3600
    influx.write("nilm", "\n".join(sample_line(Sample("home", (start_s + n) * 1000, 5.0)) for n in seconds))


def _summary(client: FlaskClient, **query: Any) -> Any:
    answer = client.get("/gaps/summary", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_the_summary_tells_gaps_and_the_backfills_progress(
    client: FlaskClient, admin: FlaskClient, influx: Influx, config: Config
) -> None:
    _store(influx, range(0, 100))
    _store(influx, range(130, 200))
    found = _summary(client, building_id="home", days_back=2)
    home = found["buildings"]["home"]
    assert home["gaps"][0] | {"start": "", "end": ""} == {"start": "", "end": "", "seconds": 30, "reason": "unknown"}
    assert home["without_prediction"] == 170
    assert found["backfill"] == {"state": "idle"}

    answer = admin.post("/gaps/backfill?days_back=2")
    assert (answer.status_code, answer.json) == (202, {"backfill": {"state": "queued"}, "see": "/gaps/summary"})
    assert admin.post("/gaps/backfill/auto?max_gap_hours=100").status_code == 202
    assert _summary(client)["backfill"]["state"] == "queued"
    run(config)  # what `nilm-edge run` or the timer starts
    found = _summary(client)
    assert found["backfill"]["state"] == "done"
    assert found["buildings"]["home"]["without_prediction"] == 0
    assert not BackfillQueue(Path(config.data_dir)).waits()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/gaps/summary?days_back=32", 422),
        ("GET", "/gaps/summary?days_back=x", 422),
        ("GET", "/gaps/summary?building_id=castle", 404),
        ("GET", "/gaps/summary?days=3", 400),
        ("POST", "/gaps/backfill?days_back=0", 422),
        ("POST", "/gaps/backfill?max_gap_hours=1", 400),
        ("POST", "/gaps/backfill/auto?max_gap_hours=745", 422),
        ("GET", "/gaps/backfill", 405),
    ],
)
def test_what_is_wrong_is_said(admin: FlaskClient, method: str, path: str, status: int) -> None:
    answer = admin.open(path, method=method)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"


def test_another_page_cannot_start_anything(admin: FlaskClient, config: Config, streams: Streams) -> None:
    answer = admin.post("/gaps/backfill", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not BackfillQueue(Path(config.data_dir)).waits()
    assert admin.post("/gaps/backfill", headers={"Origin": "http://localhost"}).status_code == 202
