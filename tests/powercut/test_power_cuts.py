"""The power goes twenty times; what the broker acknowledged to the meter is in InfluxDB, as `durability` promises."""

import json
import os
import time
from statistics import median

import pytest

from tests.powercut.root import BUILD
from tests.powercut.trial import Trial

pytestmark = pytest.mark.powercut

ALLOWED_LOSS_S = {"sample": 0.5, "second": 2.0}
"""mosquitto confirms to the meter before it saves: milliseconds, but here its processor is a program."""


@pytest.mark.parametrize("durability", ALLOWED_LOSS_S)
def test_nothing_acknowledged_is_lost_beyond_what_durability_states(durability: str) -> None:
    assert os.geteuid() == 0, "this makes a Debian of its own, which takes root: sudo make test-powercut"
    cuts = int(os.environ.get("CUTS") or 20)
    seed = int(os.environ.get("SEED") or time.time())
    with Trial(durability, seed) as trial:
        outcome = trial.run(cuts)
    found = outcome.count
    assert found is not None
    summary = {
        "durability": durability,
        "seed": seed,
        "cuts": len(outcome.cuts_s),
        "acknowledged": found.acknowledged,
        "missing": len(found.missing),
        "missing_seconds": found.missing,
        "cuts_s": outcome.cuts_s,
        "worst_loss_s": round(found.worst_loss_s, 2),
        "doubled": found.doubled,
        "altered": found.altered,
        "invented": found.invented,
        "unpredicted": len(found.unpredicted),
        "fsck": outcome.fsck,
        "lost_blocks": outcome.lost_blocks,
        "recovery_s": {"median": round(median(outcome.recovery_s)), "max": round(max(outcome.recovery_s))},
    }
    print(json.dumps(summary, indent=2), flush=True)
    (BUILD / f"result-{durability}.json").write_text(json.dumps(summary, indent=2) + "\n")
    assert (found.doubled, found.altered, found.invented, found.unpredicted) == (0, 0, 0, [])
    assert found.worst_loss_s <= ALLOWED_LOSS_S[durability], f"missing: {found.missing}"
