"""What an export is asked for."""

from dataclasses import dataclass

TABLES = ("mains", "appliance")
RESOLUTIONS = ("1s", "1m", "15m", "1h")
FORMATS = ("csv", "parquet")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One building's `table` at `resolution`, from `start_ms` until before `end_ms`."""

    building: str
    table: str
    resolution: str
    start_ms: int
    end_ms: int
