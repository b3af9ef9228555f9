"""nilm-ingest on a real broker and Redis, driven turn by turn."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge import ingest
from edge.adapters.clock import is_synchronised
from edge.adapters.mqtt import Publisher
from edge.adapters.streams import Streams
from edge.core.sample import Flags
from edge.ingest import Intake, feeds_of, listen
from edge.meters import smappee
from edge.meters.reading import NoSample, Reading
from edge.settings import Config
from edge.unit import now_ms
from tests.servers import Servers, wait_until

NOW_S = int(time.time())


def _message(at_s: int, power_w: float = 100.0) -> bytes:
    return json.dumps({"totalPower": power_w, "utcTimeStamp": at_s * 1000}).encode()


class Bench:
    """A meter, and the intake that listens to it."""

    def __init__(self, config: Config, streams: Streams) -> None:
        self.config = config
        self.streams = streams
        self.topic = config.meters[0].topic
        self.meter = Publisher(config.mqtt, f"meter-{config.mqtt.client_id}")
        self.start()

        def meter_connected() -> bool:
            self.meter.turn(0.02)
            return self.meter.connected

        wait_until(meter_connected)

    def start(self) -> None:
        """A new process, as after a crash: nothing of the last one is left but its session at the broker."""
        feeds = feeds_of(self.config)
        self.listener = listen(self.config, feeds)
        self.intake = Intake(self.streams, self.listener, feeds)
        self.until(lambda: self.listener.connected)
        self.turn(0.1)

    def send(self, *payloads: bytes) -> None:
        """Publish as the meter."""
        for payload in payloads:
            self.meter.publish(self.topic, payload)

        def confirmed() -> bool:
            self.meter.turn(0.01)
            return self.meter.unconfirmed == 0

        wait_until(confirmed)

    def turn(self, duration_s: float) -> None:
        """Let the intake run."""
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self.intake.turn(0.02)

    def until(self, check: Callable[[], bool]) -> None:
        """Let the intake run until `check`."""

        def turned() -> bool:
            self.intake.turn(0.02)
            return check()

        wait_until(turned)


@pytest.fixture
def bench(config: Config, streams: Streams) -> Bench:
    no_hold = replace(config.meters[0], hold_s=0)
    right = replace(config.ingest, trust_clock="always")
    return Bench(replace(config, meters=(no_hold,), ingest=right), streams)


def test_each_kind_of_message_is_counted_and_acknowledged(bench: Bench) -> None:
    bench.send(_message(NOW_S - 10), _message(NOW_S - 10), _message(NOW_S - 8), _message(NOW_S - 9))
    bench.send(b"rubbish", b"", _message(NOW_S + 3600), b'{"totalPower": 1e9}')
    bench.until(lambda: bench.streams.counters("home").get("malformed") == 3)
    counters = bench.streams.counters("home")
    wanted = {"accepted": 2, "duplicate": 1, "late": 1, "future": 1, "malformed": 3, "dropped": 0}
    assert counters == wanted
    bench.turn(0.3)  # what is stored is acknowledged in the next turn
    bench.listener.close()
    bench.start()  # everything was acknowledged: nothing comes again
    bench.turn(0.3)
    assert bench.streams.counters("home") == wanted


def test_a_family_that_fails_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A parser's mistake must not meet the same message again and again."""
    read = smappee.Reader.read

    def fails(self: smappee.Reader, topic: str, payload: bytes, now_ms: int) -> Reading | NoSample:
        if payload == b"{}":
            raise KeyError("now")
        return read(self, topic, payload, now_ms)

    monkeypatch.setattr(smappee.Reader, "read", fails)
    bench.send(_message(NOW_S - 10), b"{}", _message(NOW_S - 9))
    bench.until(lambda: bench.streams.counters("home").get("accepted") == 2)
    assert bench.streams.counters("home")["malformed"] == 1
    assert "KeyError: 'now'" in caplog.text


@pytest.mark.parametrize(
    ("trust_clock", "synchronised"), [("always", False), ("never", True), ("auto", True), ("auto", False)]
)
def test_a_clock_that_may_be_behind_does_not_refuse_the_meters_time(
    config: Config,
    streams: Streams,
    monkeypatch: pytest.MonkeyPatch,
    trust_clock: str,
    synchronised: bool,
) -> None:
    """After a power cut of an hour, a machine without a clock of its own is an hour behind its meter."""
    accepted = trust_clock == "never" or (trust_clock == "auto" and not synchronised)
    monkeypatch.setitem(ingest._TRUST, "auto", lambda: synchronised)
    bench = Bench(replace(config, ingest=replace(config.ingest, trust_clock=trust_clock)), streams)
    bench.send(_message(NOW_S + 3600), _message(NOW_S + 8 * 86_400), _message(NOW_S + 3601))
    bench.until(lambda: streams.counters("home").get("future") == 3 - 2 * accepted)
    assert streams.length("home", "window") == 2 * accepted


def test_the_kernel_can_be_asked_about_the_clock() -> None:
    assert is_synchronised() in {True, False}


def test_a_message_without_a_time_is_stamped_by_arrival(bench: Bench) -> None:
    bench.send(b'{"totalPower": 77}')
    bench.until(lambda: bench.streams.length("home", "window") == 1)
    (sample,) = bench.streams.window("home")
    assert sample.flags == Flags.ARRIVAL_TIME
    assert abs(sample.at_ms / 1000 - time.time()) < 5


def test_redis_away_loses_nothing_and_holds_nothing(config: Config, streams: Streams, servers: Servers) -> None:
    from edge.errors import Unavailable

    bench = Bench(config, streams)
    bench.send(_message(NOW_S - 100))
    bench.until(lambda: streams.length("home", "window") == 1)
    servers.redis.terminate()
    servers.redis.wait_or_kill(5)
    bench.send(*(_message(NOW_S - 99 + n) for n in range(60)))
    end_s = time.monotonic() + 2.5
    refused = 0
    while time.monotonic() < end_s:
        try:
            bench.intake.turn(0.02)
        except Unavailable:
            bench.intake.lost_touch()
            refused += 1
    assert refused
    servers.start()
    bench.until(lambda: streams.length("home", "window") == 61)
    assert [s.at_ms // 1000 for s in streams.window("home")] == list(range(NOW_S - 100, NOW_S - 39))
    assert "held" not in streams.counters("home")


def test_a_silent_meter_is_held_and_its_real_sample_still_stored(config: Config, streams: Streams) -> None:
    bench = Bench(config, streams)
    bench.send(_message(NOW_S - 100, 50.0))
    bench.until(lambda: streams.length("home", "window") == 3)
    assert [(s.at_ms // 1000, s.power_w, s.flags) for s in streams.window("home")] == [
        (NOW_S - 100, 50.0, Flags(0)),
        (NOW_S - 99, 50.0, Flags.HELD),
        (NOW_S - 98, 50.0, Flags.HELD),
    ]
    bench.send(_message(NOW_S - 99, 60.0))
    bench.until(lambda: streams.counters("home").get("late") == 1)
    newest = streams.read_outbox({"home": b"0-0"}, 100, 0.1)["home"][-1].content
    assert newest.at_ms == (NOW_S - 99) * 1000


def test_one_meter_may_carry_several_buildings(config: Config, streams: Streams) -> None:
    home = replace(config.meters[0], hold_s=0)
    flats = [replace(home, building=f"flat{n}", circuit=str(n), average=n == 2) for n in (1, 2)]
    bench = Bench(replace(config, meters=(home, *flats)), streams)
    channels = [{"publishIndex": n, "power": 100 * n} for n in (1, 2)]
    for n in range(3):
        message = {"totalPower": 300 + n, "utcTimeStamp": (NOW_S - 10 + n) * 1000, "channelPowers": channels}
        bench.send(json.dumps(message).encode())
    bench.until(lambda: all(streams.length(name, "window") == 3 for name in ("home", "flat1", "flat2")))
    assert [s.power_w for s in streams.window("home")] == [300, 301, 302]
    assert [s.power_w for s in streams.window("flat1")] == [100] * 3
    assert [s.power_w for s in streams.window("flat2")] == [200] * 3
    bench.listener.close()
    bench.start()  # each message was acknowledged once all three had it: nothing comes again
    bench.turn(0.3)
    assert all("duplicate" not in streams.counters(name) for name in ("home", "flat1", "flat2"))


def test_a_message_of_several_buildings_stays_at_the_broker_until_each_has_it(config: Config, streams: Streams) -> None:
    home = replace(config.meters[0], hold_s=0)
    late = replace(home, building="late", average=True)
    bench = Bench(replace(config, meters=(home, late)), streams)
    bench.send(_message(NOW_S - 10, 42.0))
    bench.until(lambda: streams.length("home", "window") == 1)
    bench.listener.client.socket().close()  # type: ignore[union-attr]  # killed before the second was over
    bench.start()
    bench.until(lambda: streams.length("late", "window") == 1)
    assert streams.counters("home")["duplicate"] == 1


def test_messages_that_queued_while_we_were_away_are_all_stored(bench: Bench) -> None:
    bench.send(_message(NOW_S - 200))
    bench.until(lambda: bench.streams.length("home", "window") == 1)
    bench.listener.client.socket().close()  # type: ignore[union-attr]  # a crash says no goodbye
    bench.send(*(_message(NOW_S - 199 + n) for n in range(150)))
    bench.start()
    bench.until(lambda: bench.streams.length("home", "window") == 151)
    assert bench.streams.counters("home")["accepted"] == 151


def test_what_a_killed_broker_had_just_sent_is_stored(bench: Bench, servers: Servers) -> None:
    """It may not have saved it, and the meter has its confirmation."""
    bench.send(*(_message(NOW_S - 200 + n) for n in range(15)))
    servers.mosquitto.wait_or_kill(0)
    bench.until(lambda: bench.streams.length("home", "window") == 15)
    servers.start()
    bench.until(lambda: bench.listener.connected)
    bench.turn(0.1)
    bench.send(_message(NOW_S - 100))
    bench.until(lambda: bench.streams.length("home", "window") == 16)


def test_what_explains_a_missing_second_is_remembered(bench: Bench, streams: Streams) -> None:
    bench.until(lambda: not streams.events("home"))
    bench.send(_message(NOW_S))
    bench.until(lambda: len(streams.events("home")) == 1)
    assert streams.events("home")[0][1] == "heard"
    assert abs(streams.events("home")[0][0] - now_ms()) < 5000
    streams.beat("ingest", {"pid": -1, "beat_ms": 1234})  # as a process left it that was killed
    bench.listener.close()
    bench.start()
    assert (1234, "down") in streams.events("home")
    bench.send(_message(NOW_S + 1))
    bench.until(lambda: streams.events("home")[-1][1] == "heard")
    bench.turn(0.2)
    assert [state for _, state in streams.events("home")] == ["heard", "down", "heard"]
