"""A process of its own in the machine's network: a meter that queues, and at its end a count of what was stored.

python -m tests.appliance.outside_meter: measures until a line comes on standard input, then waits until all it sent is
acknowledged and stored, and prints the count as JSON.
"""

import json
import sys
import time
from dataclasses import asdict, replace

from edge.adapters.influx import Influx
from edge.settings import Config
from edge.settings import Influx as InfluxSettings
from tests.powercut.count import count, stored
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
    end_s = time.monotonic() + _PATIENCE_S
    while True:
        log = meter.log()
        found = count(log, stored(influx), [])
        waiting = sum(1 for reading in log.values() if not reading.acknowledged_s)
        if (not waiting and not found.missing and not found.unpredicted) or time.monotonic() > end_s:
            break
        time.sleep(1)
    meter.close()
    said = {name: value for name, value in asdict(found).items() if name != "worst_loss_s"}
    print(json.dumps({"sent": len(log), "unacknowledged": waiting, **said}), flush=True)


if __name__ == "__main__":
    main()
