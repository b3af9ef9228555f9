"""The log of a stopped Redis: zeros that a power cut left at its end are cut off, for Redis does not start with them.

ext4 may have a file's new length on the disk and not yet what was appended to it: that reads as zeros. Redis itself
removes a half-written command from its log's end (`aof-load-truncated`), zeros it refuses. No command ends with a zero.
"""

from pathlib import Path

from edge.errors import Unavailable

_PIECE = 64 * 1024


def mend(home: Path) -> list[Path]:
    """Cut the zeros off the end of each log below `home`, Redis's `dir`; which were cut.

    Unavailable where one cannot be read or changed.
    """
    try:
        next(home.iterdir(), None)  # what is not there must not look like what is whole
        return [log for log in sorted(home.glob("**/*.aof")) if log.is_file() and _cut(log)]
    except OSError as error:
        raise Unavailable(f"cannot mend {home}: {error.strerror}") from error


def _cut(log: Path) -> bool:
    whole = size = log.stat().st_size
    with log.open("r+b") as stream:
        while size:
            first = max(0, size - _PIECE)
            stream.seek(first)
            kept = stream.read(size - first).rstrip(b"\0")
            size = first + len(kept)
            if kept:
                break
        if size < whole:
            stream.truncate(size)
    return size < whole
