"""Local times: which moment a clock on the wall meant, and when the days of a zone begin; DST taken care of."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from edge.errors import NilmError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_TURNED_BACK_MS = 20 * 60_000
_HALF_HOUR_MS = 30 * 60_000


def zone(name: str) -> tzinfo:
    """The time zone of this name, this machine's for none; NilmError where there is no such zone."""
    if not name:
        here = datetime.now(UTC).astimezone().tzinfo
        return _machine_zone() or here or UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise NilmError(
            f"{name!r} is no time zone such as Europe/Brussels (or the package tzdata is missing)"
        ) from error


def iso(at_ms: int) -> str:
    """A moment in UTC to the second, such as 2026-11-21T04:02:12Z."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class WallClock:
    """Turns times without a zone into UTC, row after row in the order of the log."""

    def __init__(self, where: tzinfo) -> None:
        self._zone = where
        self._last_ms: int | None = None
        self._step_ms = 0

    def utc_ms(self, local: datetime) -> int | None:
        """The moment that `local` means; None where clocks skipped it. Of two, the one that goes on from the last."""
        first, second = (local.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        before, after = first.utcoffset() or timedelta(), second.utcoffset() or timedelta()
        if before < after:
            return None
        found_ms = to_ms(first)
        if before > after and self._goes_back(found_ms):
            found_ms = to_ms(second)
        if self._last_ms is not None:
            self._step_ms = found_ms - self._last_ms
        self._last_ms = found_ms
        return found_ms

    def _goes_back(self, at_ms: int) -> bool:
        """Whether the earlier of two moments would lie before the last row: by more than rows are mixed up."""
        if self._last_ms is None:
            return False
        back_ms = self._last_ms - at_ms
        return back_ms >= _TURNED_BACK_MS or (back_ms == 0 and self._step_ms >= _HALF_HOUR_MS)


def to_ms(time: datetime) -> int:
    """A time that names its zone as ms since 1970."""
    return (time.astimezone(UTC) - _EPOCH) // _MS


def days(start_ms: int, end_ms: int, where: tzinfo) -> Iterator[tuple[str, int, int]]:
    """The days from `start_ms` until before `end_ms`: date, first ms, end; the outer two cut to the span."""
    while start_ms < end_ms:
        date = datetime.fromtimestamp(start_ms / 1000, where).date()
        midnight = datetime.combine(date + timedelta(days=1), datetime.min.time(), where)
        until_ms = min(to_ms(midnight), end_ms)
        yield date.isoformat(), start_ms, until_ms
        start_ms = until_ms


def _machine_zone() -> tzinfo | None:
    """This machine's zone with its DST, which the clock's current offset alone does not have."""
    try:
        with open("/etc/localtime", "rb") as file:  # noqa: PTH123 - nothing but its bytes
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return None
