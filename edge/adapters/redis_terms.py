"""What everything that asks Redis has in common: the connection, its faults, its keys, the second in an entry's id."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from edge.errors import Unavailable


def client_of(url: str, timeout_s: float) -> redis.Redis:
    """A client that tries each command once; Redis need not be there yet."""
    return redis.Redis.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
    )


def closed_with(owner: object, client: redis.Redis) -> redis.Redis:
    """The client, whose connections are closed when `owner` goes: as garbage it might go after its open sockets."""
    weakref.finalize(owner, client.close)
    return client


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
