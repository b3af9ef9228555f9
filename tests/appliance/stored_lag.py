"""A process of its own in the machine's network: how far what is stored was behind, at worst.

python -m tests.appliance.stored_lag: looks into InfluxDB until a line comes on standard input, then prints the greatest
distance between now and the newest second stored, in s.
"""

import contextlib
import select
import sys
import time
from dataclasses import replace

from edge.adapters.influx import Influx
from edge.errors import NilmError
from edge.settings import Config
from edge.settings import Influx as InfluxSettings

_LOOK_S = 0.2


def main() -> None:
    """Look, then tell."""
    influx = Influx.connect(replace(Config().influx, url=InfluxSettings().url), "")
    worst_s = newest_s = 0.0
    while not select.select([sys.stdin], [], [], _LOOK_S)[0]:
        with contextlib.suppress(NilmError):
            found = influx.query("nilm", "SELECT last(power_w) FROM mains", {})
            newest_s = found[0].values[0][0] / 1000 if found else newest_s
        if newest_s:
            worst_s = max(worst_s, time.time() - newest_s)
    print(f"{worst_s:.1f}", flush=True)


if __name__ == "__main__":
    main()
