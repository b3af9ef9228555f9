"""Run where a part of the chain's folder is a small disk of its own: fill it, make room, print the count as JSON."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from edge import stack
from tests.faults.chain import Chain, exact
from tests.services.full_disk import use_up


def main(folder: Path, part: str) -> None:
    stack._STUCK_PAUSE_S = 1.0
    config = exact(durability="second", disk_reserve_mb=0)
    chain_dir = folder / "chain"
    filler = chain_dir / part / "filler"
    if part == "spool":
        config = replace(config, redis=replace(config.redis, spool_after_s=0))
    with Chain(chain_dir, config) as chain:
        chain.start()
        chain.feed_all(300)
        chain.settle()
        if part == "spool":
            _stop_influxd(chain)
        use_up(filler)
        if part == "spool":
            chain.feed_all(4000)
            chain.run(5)
            assert not chain.spool_files(), "the spool's disk is not full"
        else:
            chain.meter.send(900)
            chain.run(30)
        filler.unlink()
        if part == "spool":
            chain.run(8)
            assert chain.spool_files(), "the spool is not used again"
            chain.supervised = True
        chain.feed_all(60)
        chain.settle(120)
        print(json.dumps(asdict(chain.check())))


def _stop_influxd(chain: Chain) -> None:
    chain.supervised = False
    influxd = chain.children()["influxd"]
    influxd.terminate()
    influxd.wait_or_kill(10)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
