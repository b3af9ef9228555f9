"""Reading seconds in bulk: what InfluxDB gives by halves is not taken for the whole."""

import functools
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters import history_tables as tables
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.core.sample import Sample
from edge.errors import Rejected, Unavailable
from edge.settings import Config
from edge.stored_seconds import StoredSeconds
from edge.unstored import oldest_unstored_ms
from tests.services.history import START_S, fill

SPAN = (START_S * 1000, (START_S + 3600) * 1000)


def test_a_cut_answer_is_refused(config: Config, influx: Influx, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(influx, "home", range(START_S, START_S + 100))
    stored = StoredSeconds(config, influx)
    assert stored.read("appliance", "home", *SPAN).num_rows == 400
    whole = influx.query_packed
    for keep in (0.0, 0.3, 0.5, 0.9):

        def cut(*arguments: object, part: float = keep) -> bytes:
            body = whole(*arguments)  # type: ignore[arg-type]
            return body[: int(part * len(body))]

        with monkeypatch.context() as patch:
            patch.setattr(influx, "query_packed", cut)
            with pytest.raises(Unavailable):
                stored.read("appliance", "home", *SPAN)


def test_seconds_that_come_in_meanwhile_are_no_fault(
    config: Config, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(influx, "home", range(START_S, START_S + 100))
    stored, whole, ask = StoredSeconds(config, influx), influx.query_packed, influx.query

    def growing(answer: Callable[..., object], *arguments: object) -> object:
        found = answer(*arguments)
        first = START_S + 100 + 10 * next(turn)
        fill(influx, "home", range(first, first + 10))
        return found

    turn = itertools.count()
    monkeypatch.setattr(influx, "query_packed", functools.partial(growing, whole))
    monkeypatch.setattr(influx, "query", functools.partial(growing, ask))
    assert stored.read("mains", "home", *SPAN).num_rows >= 100


def test_a_refused_question_is_no_empty_answer(config: Config, influx: Influx) -> None:
    with pytest.raises(Rejected, match="error parsing query"):
        influx.query_packed("nilm", "SELECT FROM nothing", {})
    nowhere = replace(config, influx=replace(config.influx, bucket_pred="nowhere"))
    with pytest.raises(Unavailable, match="database not found"):
        StoredSeconds(nowhere, influx).read("appliance", "home", *SPAN)
    assert StoredSeconds(config, influx).read("appliance", "home", *SPAN).num_rows == 0


def test_the_oldest_second_in_the_outbox_is_found_wherever_it_stands(
    config: Config, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.adapters.streams._LOOK", 3)
    assert streams.oldest_waiting_ms("home") is None
    for at_s in (100, 101, 102, 103, 104, 7, 105):
        streams.add_samples([Sample("home", at_s * 1000, 1.0)])
    assert streams.length("home", "outbox") == 7
    assert streams.oldest_waiting_ms("home") == 7000
    assert streams.oldest_unpredicted_ms("home") == 100_000


def test_what_is_unstored_is_in_the_outbox_the_spool_or_still_to_be_predicted(config: Config, streams: Streams) -> None:
    folder = Path(config.data_dir)
    assert oldest_unstored_ms(streams, folder, "home") is None
    streams.add_samples([Sample("home", 9000, 1.0)])
    assert oldest_unstored_ms(streams, folder, "home") == 9000
    assert oldest_unstored_ms(streams, folder, "barn") is None
    (folder / "spool" / "home").mkdir(parents=True)
    assert oldest_unstored_ms(streams, folder, "home") == 9000
    (folder / "spool" / "home" / "1.segment").touch()
    assert oldest_unstored_ms(streams, folder, "home") == 0


def test_minutes_have_the_mean_of_the_seconds_there_are(influx: Influx, config: Config) -> None:
    influx.write(
        "nilm",
        "\n".join(f"mains,building=home power_w={w} {START_S + s}" for s, w in ((1, 10.0), (59, -4.0), (60, 7.0))),
    )
    seconds = StoredSeconds(config, influx).read("mains", "home", *SPAN)
    assert tables.minutes("mains", seconds).drop_columns(["time"]).to_pylist() == [
        {"samples": 2, "power_w": 3.0, "min_w": -4.0, "max_w": 10.0, "export_w": 2.0},
        {"samples": 1, "power_w": 7.0, "min_w": 7.0, "max_w": 7.0, "export_w": 0.0},
    ]
