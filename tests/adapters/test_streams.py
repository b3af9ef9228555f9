import numpy as np
import pytest
import redis

from edge.adapters.streams import Streams
from edge.core.prediction import COLUMN, Column, Tick
from edge.core.sample import WINDOW_S, Flags, Sample
from edge.errors import Unavailable
from edge.settings import Config
from tests.servers import Servers, wait_for_answer

START_S = 1_700_000_000
COLUMNS = (Column("Oven", "tcn-1"), Column("Kettle", "tcn-1"))


def _samples(count: int, start_s: int = START_S) -> list[Sample]:
    return [Sample("home", (start_s + n) * 1000, float(n)) for n in range(count)]


def _tick(at_s: int, columns: tuple[Column, ...] = COLUMNS) -> Tick:
    values = np.zeros(len(columns), COLUMN)
    values["power_w"] = at_s % 1000
    return Tick("home", at_s * 1000, columns, values, 7.0)


def test_the_window_is_exactly_an_hour(streams: Streams) -> None:
    streams.add_samples(_samples(WINDOW_S + 5))
    assert streams.length("home", "window") == WINDOW_S
    assert streams.oldest_ms("home", "window") == (START_S + 5) * 1000
    assert streams.newest_ms("home", "window") == (START_S + WINDOW_S + 4) * 1000
    assert [sample.power_w for sample in streams.window("home", 3)] == [3602.0, 3603.0, 3604.0]


def test_a_sample_comes_back_as_it_was(streams: Streams) -> None:
    sample = Sample("home", START_S * 1000, -12.25, 229.5, 0.5, Flags.HELD | Flags.ARRIVAL_TIME)
    assert streams.add_samples([sample]) == ["accepted"]
    assert streams.window("home") == [sample]
    (waiting,) = streams.read_outbox({"home": b"0-0"}, 10, 0.1)["home"]
    assert waiting.content == sample


def test_duplicate_and_late_samples_are_told_apart_and_counted(streams: Streams) -> None:
    first, second, fourth = _samples(4)[0], _samples(4)[1], _samples(4)[3]
    assert streams.add_samples([first, fourth]) == ["accepted", "accepted"]
    assert streams.add_samples([fourth, first, second]) == ["duplicate", "duplicate", "late"]
    assert [sample.at_ms for sample in streams.window("home")] == [first.at_ms, fourth.at_ms]
    waiting = [entry.content for entry in streams.read_outbox({"home": b"0-0"}, 10, 0.1)["home"]]
    assert [(entry.at_ms, entry.flags) for entry in waiting if isinstance(entry, Sample)] == [
        (first.at_ms, Flags(0)),
        (fourth.at_ms, Flags(0)),
        (second.at_ms, Flags.LATE),
    ]
    counters = streams.counters("home")
    assert (counters["accepted"], counters["duplicate"], counters["late"]) == (2, 2, 1)


def test_the_real_sample_of_a_held_second_is_late_and_a_held_one_never_replaces(streams: Streams) -> None:
    real = _samples(1)[0]
    held = Sample("home", real.at_ms, 5.0, flags=Flags.HELD)
    assert streams.add_samples([held, real, held]) == ["accepted", "late", "duplicate"]
    assert streams.counters("home")["held"] == 1


def test_predictions_are_stored_once_a_second_and_read_as_tables(streams: Streams) -> None:
    other = (*COLUMNS, Column("Fridge", "tcn-2"))
    ticks = [_tick(START_S), _tick(START_S + 1), _tick(START_S + 2, other)]
    streams.add_ticks(ticks)
    streams.add_ticks(ticks)
    tables = streams.predictions("home")
    assert [(table.columns, len(table.at_ms)) for table in tables] == [(COLUMNS, 2), (other, 1)]
    assert tables[0].at_ms.tolist() == [START_S * 1000, (START_S + 1) * 1000]
    assert tables[1].values["power_w"].tolist() == [[(START_S + 2) % 1000] * 3]
    assert streams.counters("home")["predicted"] == 3
    assert len(streams.read_outbox({"home": b"0-0"}, 10, 0.1)["home"]) == 3


def test_a_second_reader_knows_the_columns_as_well(streams: Streams, config: Config) -> None:
    streams.add_ticks([_tick(START_S)])
    assert Streams.connect(config.redis.url).predictions("home")[0].columns == COLUMNS


def test_a_full_outbox_drops_the_oldest_and_counts_them(config: Config) -> None:
    streams = Streams.connect(config.redis.url, outbox_h=1)
    streams.add_samples(_samples(2 * 3600 + 10))
    assert streams.length("home", "outbox") == 2 * 3600
    assert streams.counters("home")["dropped"] == 10
    (oldest,) = streams.read_outbox({"home": b"0-0"}, 1, 0.1)["home"]
    assert oldest.content.at_ms == (START_S + 10) * 1000


def test_the_outbox_is_emptied_in_order(streams: Streams) -> None:
    streams.add_samples(_samples(10))
    waiting = streams.read_outbox({"home": b"0-0"}, 4, 0.1)["home"]
    streams.remove_from_outbox("home", waiting[-1].id)
    rest = streams.read_outbox({"home": b"0-0"}, 100, 0.1)["home"]
    assert [entry.content.at_ms // 1000 - START_S for entry in rest] == [4, 5, 6, 7, 8, 9]


def test_waiting_ends_with_the_sample_or_the_time(streams: Streams) -> None:
    streams.add_samples(_samples(2))
    assert streams.wait("window", {"home": START_S * 1000, "shed": 0}, 1) == {"home"}
    assert streams.wait("window", {"home": (START_S + 1) * 1000}, 0.05) == set()


def test_a_redis_that_is_away_or_takes_no_data_is_unavailable(streams: Streams, servers: Servers) -> None:
    with redis.Redis.from_url(servers.config.redis.url) as client:
        client.config_set("maxmemory", "1")
        try:
            with pytest.raises(Unavailable, match="takes no data"):
                streams.add_samples(_samples(1))
        finally:
            client.config_set("maxmemory", "0")
    servers.redis.terminate()
    servers.redis.wait_or_kill(5)
    with pytest.raises(Unavailable, match="away"):
        streams.ping()
    servers.redis.start()
    wait_for_answer(streams.ping)
