"""kill -9 of each process at random moments, while samples come 80 times as fast as from a meter."""

import pytest

from tests.faults.chain import SERVERS, SERVICES, Chain, moments
from tests.faults.conftest import Result

EACH = (*SERVICES, *SERVERS)


@pytest.mark.parametrize("rounds", [len(EACH), pytest.param(100, marks=pytest.mark.faults)])
def test_any_process_killed_at_any_moment(chain: Chain, result: Result, rounds: int) -> None:
    result.name = "kill -9 of any of the six processes at a random moment"
    for kill in moments(result.seed, EACH, rounds):
        chain.feed_through([kill])
        result.add(chain.check(), f"{kill.victim} killed after {kill.after_s:.4f} s")
    assert result.count.good, result.count.faults
