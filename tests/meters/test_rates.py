"""Meters that are not once a second: slow, jittering, fast, in bursts, silent; on a clock of the test's own."""

from typing import Any

import pytest

from edge.adapters.mqtt import Message
from edge.core.sample import Flags, Sample
from edge.feed import Feed, silence
from edge.meters import FAMILIES, family_of
from edge.settings import Meter

START_MS = 1_763_700_000_000


class Trial:
    """A meter of a family whose powers are told at given times, and the samples that come of it."""

    def __init__(self, family: str, **settings: Any) -> None:
        self.about = family_of(family)
        self.topic = self.about.example
        if family == "generic":
            settings |= {"power": "power_w", "time": "at_ms"}
        topic = {"shelly-gen1": "shellies/+/emeter/+/power", "dsmr": "dsmr/reading/+"}.get(family, self.topic)
        self.feed = Feed(Meter(family=family, topic=topic, **settings), 5, 0)
        self.samples: list[Sample] = []
        self.acknowledged = 0
        self.sent = 0
        self.now_ms = 0

    def run_to(self, at_ms: int) -> None:
        """Let time pass."""
        while self.now_ms < at_ms:
            self.now_ms = min(self.now_ms + 100, at_ms)
            self._keep(self.feed.due(self.now_ms))

    def say(self, at_ms: int, power_w: float, measured_ms: int | None = None) -> None:
        """The meter's messages at a time; they may have been measured before."""
        self.run_to(at_ms)
        measured_ms = at_ms if measured_ms is None else measured_ms
        for topic, payload in self.about.simulate(self.topic, START_MS + measured_ms, power_w, 230.0):
            if self.feed.source.hears(topic):
                self.sent += 1
                self._keep(self.feed.take(Message(topic, payload, False, 0, 1), at_ms, START_MS + at_ms))

    def _keep(self, received: list[Any]) -> None:
        for one in received:
            assert one.fault == ""
            self.acknowledged += one.message is not None
            self.samples += one.samples

    def powers(self, flags: Flags | None = None) -> dict[int, float]:
        """The power of each second from the start, the first sample of it; of those held or not, if `flags`."""
        found: dict[int, float] = {}
        for sample in self.samples:
            if flags is None or bool(sample.flags & Flags.HELD) == bool(flags):
                found.setdefault((sample.at_ms - START_MS) // 1000, sample.power_w)
        return found


@pytest.mark.parametrize("family", FAMILIES)
def test_one_message_in_ten_seconds_is_held_in_between(family: str) -> None:
    trial = Trial(family)
    for n in range(12):
        trial.say(n * 10_000, 100.0 + n)
    powers = trial.powers()
    first = 1 if family == "shelly-gen1" else 0  # it finds out first which phases there are
    assert sorted(powers) == list(range(first * 10, 111))
    assert all(powers[second] == pytest.approx(100 + second // 10, abs=0.6) for second in powers)
    assert sorted(trial.powers(Flags(0))) == list(range(first * 10, 111, 10))


@pytest.mark.parametrize("family", FAMILIES)
def test_once_a_second_with_300_ms_of_jitter_leaves_no_second_out(family: str) -> None:
    trial = Trial(family)
    late_ms = [0, 300, 150, 290, 10, 0, 200, 300, 70, 0] * 6
    for n, late in enumerate(late_ms):
        trial.say(500 + n * 1000 + late, 100.0 + n)
    first = 2 if family == "shelly-gen1" else 0
    assert sorted(trial.powers()) == list(range(first, 60))
    assert not trial.powers(Flags.HELD)


@pytest.mark.parametrize("family", FAMILIES)
def test_around_the_turn_of_a_second_jitter_holds_at_most_what_did_not_come(family: str) -> None:
    """A meter without a clock of its own whose messages come now before, now after the turn of a second."""
    trial = Trial(family)
    for n in range(60):
        trial.say(10_000 + n * 1000 + (150 if n % 2 else -150), 100.0)
    trial.run_to(71_000)
    powers = trial.powers()
    assert sorted(powers) == list(range(min(powers), max(powers) + 1))
    assert all(power_w == pytest.approx(100, abs=0.6) for power_w in powers.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_ten_a_second_the_first_wins_at_once(family: str) -> None:
    trial = Trial(family)
    for n in range(200):
        trial.say(n * 100, 100.0 + n % 10)
    powers = trial.powers(Flags(0))
    assert set(powers) >= set(range(3, 20))
    assert {second: round(power_w) for second, power_w in powers.items() if second > 2} == dict.fromkeys(
        range(3, 20), 100
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_ten_a_second_are_averaged_where_that_is_set(family: str) -> None:
    trial = Trial(family, average=True)
    for n in range(200):
        trial.say(n * 100, 100.0 + n % 10)
    trial.run_to(22_000)
    powers = trial.powers(Flags(0))
    whole = {second: power_w for second, power_w in powers.items() if second > 2}
    assert whole == dict.fromkeys(range(3, 20), pytest.approx(104.5, abs=0.6))
    assert trial.acknowledged == trial.sent
    assert len([sample for sample in trial.samples if not sample.flags & Flags.HELD]) == len(powers)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_burst_after_a_reconnect_is_as_much_as_can_be_known(family: str) -> None:
    """With a time of its own each message finds its second; without, the seconds before stay a gap."""
    trial = Trial(family)
    for n in range(5):
        trial.say(n * 1000, 50.0)
    trial.feed.lost_touch()
    for n in range(5, 65):
        trial.say(65_000 + n, 100.0 + n, n * 1000)
    for n in range(66, 70):
        trial.say(n * 1000, 400.0)
    powers = trial.powers()
    timed = trial.samples[-1].flags & Flags.ARRIVAL_TIME == 0
    assert {second for second in powers if 5 <= second < 65} == (set(range(5, 65)) if timed else set())
    assert all(powers[second] == pytest.approx(400, abs=0.6) for second in range(66, 70))
    if timed:
        assert all(powers[second] == pytest.approx(100 + second, abs=0.6) for second in range(5, 65))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_meter_that_goes_silent_is_held_as_long_as_its_family_says_and_then_said_to_be(family: str) -> None:
    trial = Trial(family)
    for n in range(5):
        trial.say(n * 1000, 100.0)
    hold_s = family_of(family).hold_s
    trial.run_to(4000 + hold_s * 1000)
    assert silence(trial.feed.said(trial.now_ms)) == ""
    trial.run_to(4000 + (hold_s + 40) * 1000)
    assert max(trial.powers()) == 4 + hold_s
    assert f"no sample for {hold_s + 40} s" in silence(trial.feed.said(trial.now_ms))
    trial.say(trial.now_ms + 1000, 7.0)
    assert silence(trial.feed.said(trial.now_ms)) == ""


def test_phases_of_different_moments_are_not_mixed() -> None:
    trial = Trial("shelly-gen1", phases=3)

    def phase(at_ms: int, number: int, power_w: float) -> None:
        trial.run_to(at_ms)
        message = Message(f"shellies/em/emeter/{number}/power", f"{power_w:.2f}".encode(), False, 0, 1)
        trial._keep(trial.feed.take(message, at_ms, START_MS + at_ms))

    for at_ms, power_w in ((100, 10.0), (1100, 20.0), (2100, 30.0)):
        for n in range(3):
            phase(at_ms + n, n, power_w)
    assert trial.powers() == {0: 30, 1: 60, 2: 90}
    phase(3100, 0, 500.0)  # only one has changed: known after a moment
    assert 3 not in trial.powers()
    trial.run_to(3600)
    assert trial.powers()[3] == 560
    assert trial.acknowledged == 10


def test_what_is_wrong_with_the_last_message_is_said() -> None:
    trial = Trial("tasmota", hold_s=0)
    trial.feed.take(Message("tele/mains/SENSOR", b"{}", False, 0, 1), 1000, START_MS)
    words = silence(trial.feed.said(40_000))
    assert words.startswith("home: no sample for 40 s from tele/mains/SENSOR (neither ENERGY.Power")
