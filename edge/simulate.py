"""nilm-simulator: plays a recorded home to MQTT as a meter would, exactly one message a second."""

import time
from pathlib import Path

from edge.adapters.mqtt import Publisher
from edge.adapters.parquet import Recording
from edge.adapters.streams import Streams
from edge.core.pace import Pace
from edge.core.sample import WINDOW_S, Sample
from edge.errors import Unavailable
from edge.meters import family_of
from edge.settings import Config
from edge.unit import Unit

SHIPPED_FILE = Path(__file__).parent.parent / "simulation_data.parquet"
_FOUR_WEEKS_S = 28 * 86_400
_CLOCK_STEP_S = 0.5
_USUAL_V = 230.0


def run(config: Config, *, preceding_hour: bool = False) -> None:
    """Play until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    unit = Unit("simulator", streams)
    home = Home(config)
    publisher = Publisher(config.mqtt, "nilm-simulator")
    pace = _start_pace()
    while preceding_hour and not unit.stopping:
        try:
            _put_in_preceding_hour(streams, home, pace.next_second)
            preceding_hour = False
        except Unavailable as error:
            unit.failed(error)
            pace = _start_pace()
    sent, every_s = 0, config.simulator.every_s
    while not unit.stopping:
        wait_s = pace.wait_s(time.monotonic())
        if wait_s > 0:
            publisher.turn(min(wait_s, 0.1))
            continue
        at_s = pace.take(time.monotonic())
        if at_s % every_s == 0:
            for topic, payload in home.messages(at_s):
                publisher.publish(topic, payload)
            sent += 1
        if abs(time.time() - at_s) > _CLOCK_STEP_S:  # somebody set the clock: seconds are named by the new one
            pace = _start_pace(pace.skipped)
        said = {"sent": sent, "skipped": pace.skipped, "unconfirmed": publisher.unconfirmed}
        unit.beat(f"playing {home.building} to {config.simulator.topic}", **said)
    publisher.close()


class Home:
    """A recorded home whose time of day and weekday are those of this machine's local time."""

    def __init__(self, config: Config) -> None:
        self.building = config.simulator.building
        family = "generic" if config.simulator.format == "json" else config.simulator.format
        self._topic = config.simulator.topic
        self._messages = family_of(family).simulate
        self._recording = Recording(Path(config.simulator.data_file or SHIPPED_FILE))

    def sample(self, at_s: int) -> Sample:
        """What the home's meter reads at a second, UTC."""
        power_w, voltage_v = self._recording.at(self._row(at_s))
        return Sample(self.building, at_s * 1000, power_w, voltage_v)

    def messages(self, at_s: int) -> list[tuple[str, bytes]]:
        """The meter's messages at a second, UTC: topic and payload of each."""
        sample = self.sample(at_s)
        return self._messages(self._topic, sample.at_ms, sample.power_w, sample.voltage_v or _USUAL_V)

    def _row(self, at_s: int) -> int:
        offset_s = time.localtime(at_s).tm_gmtoff
        return (at_s + offset_s - self._recording.start_ms // 1000) % min(_FOUR_WEEKS_S, self._recording.rows)


def _put_in_preceding_hour(streams: Streams, home: Home, until_s: int) -> None:
    """Give a home without a past its last hour, by way of the store: the page shows it at once."""
    if not streams.length(home.building, "window"):
        streams.add_samples([home.sample(at_s) for at_s in range(until_s - WINDOW_S, until_s)])


def _start_pace(skipped: int = 0) -> Pace:
    """Deadlines on the wall clock's whole seconds, kept by the monotonic clock from here on."""
    next_second = int(time.time()) + 1
    pace = Pace(time.monotonic() + next_second - time.time(), next_second)
    pace.skipped = skipped
    return pace
