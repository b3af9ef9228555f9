"""Which buildings there are, so that a name typed wrongly is not taken for an empty one."""

from pathlib import Path

from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.errors import NilmError, Unavailable
from edge.settings import Config


def known_buildings(config: Config) -> list[str]:
    """Those configured, heard by Redis, or stored as Parquet."""
    known = {meter.building for meter in config.meters} | set(SnapshotFolder(Path(config.data_dir)).buildings())
    try:
        return sorted(known | set(Streams.connect(config.redis.url).buildings()))
    except Unavailable:
        return sorted(known)


def check_known(config: Config, building: str) -> str:
    """`building`; NilmError where there is none of that name."""
    known = known_buildings(config)
    if building not in known:
        raise NilmError(f"there is no building {building!r}; there are: {', '.join(known) or 'none yet'}")
    return building
