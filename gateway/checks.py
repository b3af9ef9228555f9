"""Questions to each thing the page stands on, asked at the same time, none for longer than LIMIT_S."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from edge.adapters.streams import Streams
from edge.errors import NilmError

LIMIT_S = 0.8
STALE_S = 30.0

_ASKING = ThreadPoolExecutor(max_workers=12, thread_name_prefix="ready")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one thing answered; or `why` it did not."""

    value: Any = None
    why: str | None = None


def ask_all(questions: Mapping[str, Callable[[], Any]]) -> dict[str, Answer]:
    """Each thing's answer; takes LIMIT_S at most."""
    asked = {name: _ASKING.submit(question) for name, question in questions.items()}
    wait(asked.values(), timeout=LIMIT_S)
    said: dict[str, Answer] = {}
    for name, answer in asked.items():
        if not answer.done():
            answer.cancel()
            said[name] = Answer(why=f"gave no answer in {LIMIT_S} s")
        elif (error := answer.exception()) is None:
            said[name] = Answer(answer.result())
        elif isinstance(error, NilmError):
            said[name] = Answer(why=str(error))
        else:
            raise error
    return said


def check_all(checks: Mapping[str, Callable[[], str | None]]) -> dict[str, str | None]:
    """Why each thing is not ready, None where it is; takes LIMIT_S at most."""
    return {name: answer.why or answer.value for name, answer in ask_all(checks).items()}


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
