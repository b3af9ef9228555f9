"""What is missing, by day, and why; and what is asked of the backfill."""

import json
import time
from pathlib import Path

from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.backfill_queue import BackfillQueue
from edge.core.presence import State
from edge.core.sample import Sample
from edge.settings import Config
from tests.services.switching_home import gaps_of, hours_ago_s, samples_of, store


def test_gaps_are_told_by_day_with_their_reasons(config: Config, streams: Streams, influx: Influx) -> None:
    start_s = hours_ago_s(30)
    end_s = int(time.time()) - 60
    present = set(range(end_s - start_s)) - set(range(100, 200)) - set(range(5000, 5600)) - {9000}
    store(influx, [Sample("home", (start_s + n) * 1000, 1.0) for n in sorted(present)], predicted=True)
    for at_s, state in ((0, State.HEARD), (100, State.SILENT), (200, State.HEARD), (4990, State.DOWN), (5601, "heard")):
        streams.add_event("home", state, (start_s + at_s) * 1000)
    home = gaps_of(config, streams, influx)
    assert [(gap["seconds"], gap["reason"]) for gap in home["gaps"][:3]] == [
        (100, "meter silent"),
        (600, "nilm-edge down"),
        (1, "unknown"),
    ]
    assert sum(day["missing"] for day in home["days"]) == home["missing"] == sum(gap["seconds"] for gap in home["gaps"])
    assert sum(day["seconds"] for day in home["days"]) == home["seconds"]
    assert (home["without_prediction"], home["held"]) == (0, 0)
    assert len(home["days"]) in {2, 3}


def test_without_redis_gaps_are_told_without_reasons(config: Config, influx: Influx) -> None:
    store(influx, samples_of(hours_ago_s(3), {0, 9}))
    nowhere = Streams.connect("redis://127.0.0.1:1/0")
    home = gaps_of(config, nowhere, influx)
    assert {gap["reason"] for gap in home["gaps"]} == {"unknown"}


def test_a_request_outlives_a_kill_and_the_wider_of_two_counts(tmp_path: Path) -> None:
    queue = BackfillQueue(tmp_path)
    assert (queue.take(), queue.waits(), queue.progress(0)["state"]) == ({}, False, "idle")
    queue.ask(3, 10)
    queue.ask(1, 20)
    assert queue.progress(0)["state"] == "queued"
    assert queue.take() == {"days_back": 3, "max_gap_h": 20}
    queue.ask(4, 1)
    assert queue.take() == {"days_back": 4, "max_gap_h": 20}
    assert queue.take() == {"days_back": 4, "max_gap_h": 20}
    queue.finish()
    assert queue.take() == {}
    queue.say({"state": "running", "updated_ms": 1000})
    assert queue.progress(2000)["state"] == "running"
    assert queue.progress(10_000_000)["state"] == "interrupted"
    (tmp_path / "backfill" / "state.json").write_text(json.dumps([]))
    assert queue.progress(0)["state"] == "idle"
