"""Readiness: each thing the page stands on, asked at the same time, none for longer than LIMIT_S."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from edge.adapters.streams import Streams
from edge.errors import NilmError

LIMIT_S = 0.8
STALE_S = 30.0

_ASKING = ThreadPoolExecutor(max_workers=12, thread_name_prefix="ready")


def check_all(checks: Mapping[str, Callable[[], str | None]]) -> dict[str, str | None]:
    """Why each thing is not ready, None where it is; takes LIMIT_S at most."""
    asked = {name: _ASKING.submit(check) for name, check in checks.items()}
    wait(asked.values(), timeout=LIMIT_S)
    said: dict[str, str | None] = {}
    for name, answer in asked.items():
        if not answer.done():
            answer.cancel()
            said[name] = f"gave no answer in {LIMIT_S} s"
        elif (error := answer.exception()) is None:
            said[name] = answer.result()
        elif isinstance(error, NilmError):
            said[name] = str(error)
        else:
            raise error
    return said


def samples_flow(streams: Streams, buildings: list[str], now_ms: int) -> str | None:
    """Why not, where a building's newest sample is older than STALE_S."""
    missing = []
    for building in buildings:
        newest_ms = streams.newest_ms(building, "window")
        if newest_ms is None:
            missing.append(f"no sample of building {building} has come yet")
        elif (age_s := (now_ms - newest_ms) / 1000) > STALE_S:
            missing.append(f"no sample of building {building} for {age_s:.0f} s")
    return "; ".join(missing) or None
