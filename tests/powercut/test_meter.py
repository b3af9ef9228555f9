"""The meter that queues, against a real broker that goes and comes back."""

from collections.abc import Iterator

import pytest

from edge.settings import Config
from tests.powercut.meter import QueueingMeter
from tests.servers import Servers, wait_until


@pytest.fixture
def meter(config: Config) -> Iterator[QueueingMeter]:
    meter = QueueingMeter(config.mqtt.port, config.meters[0].topic)
    yield meter
    meter.close()


def test_what_the_broker_has_not_acknowledged_waits_and_is_sent(meter: QueueingMeter, servers: Servers) -> None:
    meter.start()
    wait_until(lambda: any(one.acknowledged_s for one in meter.log().values()), what="an acknowledgement")
    servers.mosquitto.terminate()
    servers.mosquitto.wait_or_kill(0)
    known = len(meter.log())
    wait_until(lambda: len(meter.log()) >= known + 2, what="two seconds without a broker")
    assert not meter.log()[max(meter.log())].acknowledged_s
    servers.start()
    meter.stop_measuring()
    wait_until(lambda: all(one.acknowledged_s for one in meter.log().values()), what="the rest to be acknowledged")
    seconds = sorted(meter.log())
    assert seconds == list(range(seconds[0], seconds[-1] + 1))
