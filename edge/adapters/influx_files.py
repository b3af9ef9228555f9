"""The files of a stopped InfluxDB 1: what a power cut left without content and would keep it from starting is removed.

InfluxDB 1.6 syncs what it writes, but not the files in which it numbers series (`_series`, made at a database's first
row) nor the index `tsi1` (at a shard's). Up to half a minute later a power cut leaves them empty or all zeros: with
such a `_series` it neither starts nor ends, with such an index it takes nothing into that shard. Both only repeat what
the write-ahead log and the shards hold, so that it makes them anew.
"""

import json
import re
import shutil
from pathlib import Path

from edge.errors import Unavailable

_SEGMENT = re.compile(r"[0-9a-f]{4}")
_SEGMENT_START, _SERIES_INDEX_START = b"SSEG\x01", b"SIDX"


def mend(data: Path) -> list[Path]:
    """Remove what `data`, InfluxDB's folder of that name, has of these; what was removed.

    Unavailable where it cannot be read or changed.
    """
    try:
        return [gone for database in _folders(data) for gone in _mend_database(database)]
    except OSError as error:
        raise Unavailable(f"cannot mend {data}: {error.strerror}") from error


def remove_indexes(data: Path) -> None:
    """Remove every shard's index `tsi1`, for an InfluxDB that keeps its index in memory; Unavailable as above."""
    try:
        for database in _folders(data):
            for index in _shard_indexes(database):
                shutil.rmtree(index)
    except OSError as error:
        raise Unavailable(f"cannot remove the indexes in {data}: {error.strerror}") from error


def _mend_database(database: Path) -> list[Path]:
    files = [file for file in sorted(database.glob("_series/*/*")) if not _has_its_start(file)]
    series_lost = any(_SEGMENT.fullmatch(file.name) for file in files)  # and their numbers will be given to others
    indexes = [index for index in _shard_indexes(database) if series_lost or not _can_be_opened(index)]
    for index in indexes:  # first, so that one that is cut short starts over
        shutil.rmtree(index)
    for file in files:
        file.unlink()
    return indexes + files


def _has_its_start(file: Path) -> bool:
    """True as well for what is none of these files."""
    segment = _SEGMENT.fullmatch(file.name)
    if not file.is_file() or not (segment or file.name == "index"):
        return True
    start = _SEGMENT_START if segment else _SERIES_INDEX_START
    with file.open("rb") as stream:
        return stream.read(len(start)) == start


def _folders(data: Path) -> list[Path]:
    return [one for one in sorted(data.iterdir()) if one.is_dir()]


def _shard_indexes(database: Path) -> list[Path]:
    """Each is POLICY/SHARD/index; the numbering has a file of that name at the same depth."""
    return [index for index in sorted(database.glob("*/*/index")) if index.is_dir()]


def _can_be_opened(index: Path) -> bool:
    try:
        for manifest in index.glob("*/MANIFEST"):
            json.loads(manifest.read_bytes())
    except ValueError:
        return False
    return True
