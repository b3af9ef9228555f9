"""A process of its own in the machine's network: a meter that queues, and at its end a count of what was stored.

python -m tests.appliance.outside_meter [URL]: measures until a line comes on standard input, then waits until all it
sent is acknowledged and stored, and prints the count as JSON. URL: a central server, which must then have it all too.
"""

import json
import sys
import time
from dataclasses import asdict, replace

from edge.adapters.influx import Influx
from edge.settings import Config
from edge.settings import Influx as InfluxSettings
from tests.powercut.count import Stored, count, stored
from tests.powercut.meter import QueueingMeter

TOPIC = "meters/main"
_PATIENCE_S = 60.0


def main() -> None:
    """Measure, then count."""
    meter = QueueingMeter(1883, TOPIC)
    meter.start()
    sys.stdin.readline()
    meter.stop_measuring()
    influx = Influx.connect(replace(Config().influx, url=InfluxSettings().url), "")
    central = [Influx.connect(replace(Config().influx, url=url), "") for url in sys.argv[1:]]
    end_s = time.monotonic() + _PATIENCE_S
    while True:
        log = meter.log()
        here = stored(influx)
        found = count(log, here, [])
        waiting = sum(1 for reading in log.values() if not reading.acknowledged_s)
        elsewhere = sorted({at_s for one in central for at_s in differing(here, stored(one))})
        if not (waiting or found.missing or found.unpredicted or elsewhere) or time.monotonic() > end_s:
            break
        time.sleep(1)
    meter.close()
    said = {name: value for name, value in asdict(found).items() if name != "worst_loss_s"}
    print(json.dumps({"sent": len(log), "unacknowledged": waiting, "not_forwarded": elsewhere, **said}), flush=True)


def differing(here: Stored, there: Stored) -> set[int]:
    """The seconds at which two servers do not have the same of the meter and of each appliance."""
    found = {at_ms for at_ms, _, _ in set(here.mains) ^ set(there.mains)}
    for name in here.appliances.keys() | there.appliances.keys():
        found |= set(here.appliances.get(name, ())) ^ set(there.appliances.get(name, ()))
    return {at_ms // 1000 for at_ms in found}


if __name__ == "__main__":
    main()
