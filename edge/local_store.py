"""The local InfluxDB as nilm-persist uses it: believed only after a sample of each write was read back."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.adapters.files import free_bytes, write_whole
from edge.adapters.influx import Influx, Series
from edge.core.line_protocol import MEASURED, OTHER, Point, ends_of, is_mains, point_of
from edge.core.sample import Flags
from edge.errors import NilmError, Rejected, ServerFault, Unavailable
from edge.settings import Config

_log = logging.getLogger("nilm.persist")

_STUCK_S = 20.0
_MB = 1_000_000
_READ = {
    "mains": "SELECT power_w FROM mains WHERE building=$building AND time=$at",
    "appliance": f"SELECT power_w FROM appliance WHERE building=$building AND appliance='{OTHER}' AND time=$at",  # noqa: S608 - a constant
    MEASURED: "SELECT measured_w FROM appliance WHERE building=$building AND appliance=$appliance AND time=$at",
}
_FLAGS = "SELECT flags FROM mains WHERE building=$building AND time>=$start AND time<=$end"


class NotStored(Unavailable):
    """InfluxDB confirmed a write and does not have it: send it again."""


class LocalStore:
    """Writes lines of one building; keeps off while the disk is nearly full; notices a server that needs a restart."""

    def __init__(self, config: Config, influx: Influx) -> None:
        self._config = config
        self._influx = influx
        self._data_dir = Path(config.data_dir)
        self.rejected_dir = self._data_dir / "rejected"
        self._prepared = False
        self._short = False
        self._faulty_since_s: float | None = None
        self._cannot_read = ""
        self.rejected = 0

    def prepare(self) -> None:
        """Make the databases, once after each fault; Unavailable while nothing can be written."""
        self.check_room()
        if not self._prepared:
            self._influx.prepare()
            self._prepared = True

    def start_over(self) -> None:
        """After a fault: the databases may be gone as well."""
        self._prepared = False

    def check_room(self) -> None:
        """Unavailable while less than `disk_reserve_mb` is free: a database on a full disk loses what it confirms."""
        reserve = self._config.disk_reserve_mb * _MB
        self._short = free_bytes(self._data_dir) < reserve * (1.1 if self._short else 1.0)
        if self._short:
            self._faulty_since_s = None
            raise Unavailable(
                f"the disk of {self._data_dir} has less than disk_reserve_mb = {self._config.disk_reserve_mb} MB free: "
                "InfluxDB is given nothing until there is room"
            )

    @property
    def stuck(self) -> bool:
        """Whether InfluxDB has answered each write with 5xx for 20 s though there is room: it needs a restart."""
        return self._faulty_since_s is not None and time.monotonic() - self._faulty_since_s > _STUCK_S

    @property
    def cannot_read(self) -> str:
        """Why writes are not read back; empty while they are."""
        return self._cannot_read

    def write(self, lines: Sequence[str]) -> None:
        """Store a building's lines; on return each is stored or set aside. Unavailable or NotStored: send all again."""
        self.prepare()
        settings = self._config.influx
        mains = [line for line in lines if is_mains(line)]
        appliances = [line for line in lines if not is_mains(line)]
        batches: list[tuple[str, Sequence[str]]] = [(settings.bucket_raw, mains), (settings.bucket_pred, appliances)]
        for bucket, batch in [(settings.bucket_raw, lines)] if settings.bucket_raw == settings.bucket_pred else batches:
            if batch:
                self._write(bucket, batch)

    def without_outdated(self, lines: Sequence[str]) -> list[str]:
        """`lines` that waited for long, without held seconds for which InfluxDB has the meter's own value by now."""
        held = [point for line in lines if (point := point_of(line)) and point.flags & Flags.HELD]
        if not held:
            return list(lines)
        self.prepare()
        bounds: dict[str, str | int | float] = {
            "building": held[0].building,
            "start": min(point.at_ms for point in held) * 1_000_000,
            "end": max(point.at_ms for point in held) * 1_000_000,
        }
        found = self._ask(self._config.influx.bucket_raw, _FLAGS, bounds) or []
        real = {at_ms for series in found for at_ms, flags in series.values if not int(flags or 0) & Flags.HELD}
        return [
            line
            for line in lines
            if not ((point := point_of(line)) and point.flags & Flags.HELD and point.at_ms in real)
        ]

    def _write(self, bucket: str, lines: Sequence[str]) -> None:
        try:
            self._influx.write(bucket, "\n".join(lines))
        except Rejected as error:
            self._set_aside(lines, error)
            return
        except ServerFault:
            self._faulty_since_s = self._faulty_since_s or time.monotonic()
            raise
        except Unavailable:
            self._faulty_since_s = None
            raise
        self._faulty_since_s = None
        for point in ends_of(lines):
            self._read_back(bucket, point)

    def _read_back(self, bucket: str, point: Point) -> None:
        asked: dict[str, str | int | float] = {"building": point.building, "at": point.at_ms * 1_000_000}
        if point.appliance:
            asked["appliance"] = point.appliance
        found = self._ask(bucket, _READ[point.measurement], asked)
        if found is not None and [row[1] for series in found for row in series.values] != [point.power_w]:
            raise NotStored("InfluxDB confirms what it does not store; it is kept and sent again")

    def _ask(self, bucket: str, query: str, parameters: Mapping[str, str | int | float]) -> list[Series] | None:
        """The answer; None from a server that cannot be asked: a newer one need not know InfluxQL."""
        try:
            found = self._influx.query(bucket, query, parameters)
            if any(series.columns[:1] != ("time",) for series in found):  # VictoriaMetrics answers anything
                raise Rejected("the server answers InfluxQL with something else")
        except NilmError as error:
            if isinstance(error, Unavailable) and self._influx.is_older_api():
                raise
            if str(error) != self._cannot_read:
                _log.warning("%s; what is written is not read back", error)
            self._cannot_read = str(error)
            return None
        self._cannot_read = ""
        return found

    def _set_aside(self, lines: Sequence[str], error: Rejected) -> None:
        """InfluxDB keeps the good lines of a batch that it answers 400; the batch is kept for a person to look at."""
        content = "\n".join([f"# {error}", *lines, ""])
        write_whole(self.rejected_dir / f"{time.time_ns()}.lp", content.encode())
        self.rejected += 1
