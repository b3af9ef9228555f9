"""What everything that asks Redis has in common: its faults, its keys, the second in an entry's id."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from edge.errors import Unavailable


@contextmanager
def available() -> Iterator[None]:
    """Raises Unavailable for what Redis says while it cannot do its part."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise Unavailable(f"Redis is away: {error}") from error
    except (redis.OutOfMemoryError, redis.ReadOnlyError) as error:
        raise Unavailable(f"Redis takes no data: {error}") from error
    except redis.ResponseError as error:
        if "MISCONF" in str(error):  # it cannot write its own file: the disk is full, or worse
            raise Unavailable(f"Redis takes no data: {error}") from error
        raise


def key_of(building: str, stream: str) -> str:
    """The key of one of a building's streams, hashes or sets."""
    return f"nilm:{building}:{stream}"


def at_ms_of(entry_id: bytes) -> int:
    """The second that an entry of the window or the predictions is of."""
    return int(entry_id.partition(b"-")[0])
