"""What InfluxDB does not have yet: where a building's waiting seconds begin."""

from pathlib import Path

from edge.adapters.streams import Streams


def oldest_unstored_ms(streams: Streams, data_dir: Path, building: str) -> int | None:
    """The oldest second on its way to InfluxDB, from the outbox, the spool or a prediction to come; None for none.

    While the spool holds a file, every second may be in it: 0. Unavailable without Redis.
    """
    waiting = (streams.oldest_waiting_ms(building), streams.oldest_unpredicted_ms(building))
    if _holds_a_file(data_dir / "spool"):  # asked last: what leaves the outbox may have gone there
        return 0
    return min((at_ms for at_ms in waiting if at_ms is not None), default=None)


def _holds_a_file(folder: Path) -> bool:
    return any(entry.is_file() for entry in folder.rglob("*"))
