"""Random samples, duplicates, late ones and restarts against a model of the window's contract."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from edge.adapters import streams as adapter
from edge.adapters.streams import Streams
from edge.core.sample import NO_FLAGS, Flags, Sample
from tests.servers import Servers, wait_for_answer

START_S = 1_700_000_000
LENGTH = 20


class WindowContract(RuleBasedStateMachine):
    """The model: what was accepted, in order; the window is its last LENGTH, the outbox is all that was stored."""

    servers: Servers

    def __init__(self) -> None:
        super().__init__()
        self.streams = Streams.connect(self.servers.config.redis.url)
        self.streams._redis.flushall()
        self.window: dict[int, Sample] = {}
        self.stored: list[Sample] = []
        self.newest_s = START_S

    @rule(ahead_s=st.integers(1, 30), power_w=st.floats(-1e5, 1e5), held=st.booleans())
    def a_newer_second(self, ahead_s: int, power_w: float, held: bool) -> None:
        self.newest_s += ahead_s
        sample = Sample("home", self.newest_s * 1000, power_w, flags=Flags.HELD if held else NO_FLAGS)
        assert self.streams.add_samples([sample]) == ["accepted"]
        self.window[sample.at_ms] = sample
        self.window = dict(list(self.window.items())[-LENGTH:])
        self.stored.append(sample)

    @rule(back_s=st.integers(0, 60), power_w=st.floats(-1e5, 1e5))
    def an_older_or_repeated_second(self, back_s: int, power_w: float) -> None:
        if not self.window:
            return
        sample = Sample("home", (self.newest_s - back_s) * 1000, power_w)
        there = self.window.get(sample.at_ms)
        if there and not there.flags & Flags.HELD:
            assert self.streams.add_samples([sample]) == ["duplicate"]
        else:
            assert self.streams.add_samples([sample]) == ["late"]
            self.stored.append(Sample("home", sample.at_ms, power_w, flags=Flags.LATE))

    @rule()
    def redis_restarts(self) -> None:
        self.servers.redis.terminate()
        self.servers.redis.wait_or_kill(5)
        self.servers.redis.start()
        wait_for_answer(self.streams.ping)

    @rule()
    def we_restart(self) -> None:
        self.streams = Streams.connect(self.servers.config.redis.url)

    @rule(count=st.integers(1, 10))
    def the_outbox_is_drained(self, count: int) -> None:
        waiting = self.streams.read_outbox({"home": b"0-0"}, count, 0.001).get("home", [])
        assert [entry.content for entry in waiting] == self.stored[:count]
        if waiting:
            self.streams.remove_from_outbox("home", waiting[-1].id)
            self.stored = self.stored[len(waiting) :]

    @invariant()
    def the_window_is_as_the_contract_says(self) -> None:
        assert self.streams.window("home") == list(self.window.values())
        assert self.streams.length("home", "outbox") == len(self.stored)


def test_the_window_keeps_its_contract(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    servers.start()
    monkeypatch.setattr(adapter, "WINDOW_S", LENGTH)  # the same code on a window that fills up in a test
    WindowContract.servers = servers
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    how = settings(max_examples=10, stateful_step_count=25, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(WindowContract, settings=how)
