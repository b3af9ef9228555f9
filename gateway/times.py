"""Times on the wire: ISO 8601, UTC, with Z; inside: whole milliseconds since 1970."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_QUARTER_MS = 900_000
"""Offsets of all zones in use change at whole quarters of an hour."""


def iso_times(at_ms: Sequence[int] | NDArray[np.int64]) -> list[str]:
    """Each time as text, such as 2026-11-21T04:02:12Z; parts of a second are left out."""
    seconds = np.asarray(at_ms, np.int64) // 1000
    texts: Any = np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC")
    return list(texts.tolist())


def zoned_times(at_ms: Sequence[int] | NDArray[np.int64], where: tzinfo) -> list[str]:
    """The same in a zone, such as 2026-11-21T05:02:12+01:00."""
    times_ms = np.asarray(at_ms, np.int64)
    quarters, back = np.unique(times_ms // _QUARTER_MS, return_inverse=True)
    starts = [(_EPOCH + quarter * _QUARTER_MS * _MILLISECOND).astimezone(where) for quarter in quarters.tolist()]
    offsets_ms = np.array([(start.utcoffset() or timedelta()) // _MILLISECOND for start in starts], np.int64)
    ends = [start.isoformat()[19:] for start in starts]
    texts = np.datetime_as_string(((times_ms + offsets_ms[back]) // 1000).astype("datetime64[s]")).tolist()
    return [text + ends[n] for text, n in zip(texts, back.tolist(), strict=True)]


def parse_time(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time that names its zone; ValueError says what is wrong with it."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a time such as 2026-11-21T04:00:00Z (write + as %2B in a URL)") from None
    if time.tzinfo is None:
        raise ValueError("names no time zone; end it with Z for UTC")
    try:
        at_ms = (time - _EPOCH) // _MILLISECOND
    except OverflowError:
        at_ms = -1
    if not 0 <= at_ms < 2**63 // 1_000_000:
        raise ValueError("is not between 1970 and 2262")
    return at_ms
