"""How long what is kept: InfluxDB loses a day only once each of its rows has just been found in Parquet, the same."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.adapters import history_tables as tables
from edge.adapters.changed_hours import ChangedHours
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.core.manifest import DAY_MS, HOUR_MS, MINUTES, RAW, Day, date_of
from edge.errors import ConfigError, NilmError, Rejected
from edge.settings import Config
from edge.stored_seconds import StoredSeconds, hours_of
from edge.watermark import confirmed_ms

log = logging.getLogger("nilm.snapshot")

_DAYS_A_RUN = 7
"""A first run over a full year must not hold up the hour's snapshot."""


class Retention:
    """Deletes what is older than the settings of [history] say; 0 days is for ever."""

    def __init__(self, config: Config, stored: StoredSeconds, folder: SnapshotFolder, changed: ChangedHours) -> None:
        self._settings = config.history
        self._forwards = bool(config.central.url)
        self._data_dir = Path(config.data_dir)
        self._stored = stored
        self._folder = folder
        self._changed = changed
        check(config)

    def apply(self, building: str, closed_ms: Callable[[], int], at_ms: int) -> dict[str, Any]:
        """Delete what is due of a building, of days before `closed_ms` alone; which days."""
        said: dict[str, Any] = {"deleted_from_influx": [], "seconds_dropped": [], "minutes_dropped": []}
        if self._settings.influx_days:
            cut_ms = _cut_ms(at_ms, self._settings.influx_days)
            said["deleted_from_influx"] = self._from_influx(building, cut_ms, closed_ms, at_ms)
            self._stored.delete_asked(building, cut_ms)
        tiers = self._settings.second_days or self._settings.minute_days
        for day in list(self._folder.days(building)) if tiers else []:
            if self._settings.minute_days and day.end_ms <= _cut_ms(at_ms, self._settings.minute_days):
                self._folder.remove(day)
                said["minutes_dropped"].append(day.date)
            elif (
                self._settings.second_days
                and not day.seconds_dropped
                and day.is_compact
                and day.end_ms <= _cut_ms(at_ms, self._settings.second_days)
            ):
                kept = [part for part in day.parts if part.kind in MINUTES]
                self._folder.commit(day, kept, day.rows, seconds_dropped=True)
                said["seconds_dropped"].append(day.date)
        return said

    def _from_influx(self, building: str, cut_ms: int, closed_ms: Callable[[], int], at_ms: int) -> list[str]:
        deleted: list[str] = []
        from_ms = 0
        while len(deleted) < _DAYS_A_RUN:
            first_ms = self._stored.first_ms(building, from_ms, cut_ms)
            if first_ms is None:
                break
            day = self._folder.load(building, date_of(first_ms))
            from_ms = day.end_ms
            if self._is_changing(day, at_ms):
                continue
            counted = self._counted(day)
            if missing := self._missing(day):
                log.warning(
                    "%s %s: not all of InfluxDB is in Parquet; it is snapshotted again",
                    building,
                    day.date,
                    extra={"building": building},
                )
                self._changed.note(building, missing, ("snapshot",))
            elif closed_ms() >= day.end_ms and not self._is_changing(day, at_ms) and self._counted(day) == counted:
                self._delete(day)
                deleted.append(day.date)
        return deleted

    def _delete(self, day: Day) -> None:
        try:
            self._stored.delete(day.building, day.start_ms, day.end_ms)
        except Rejected as error:
            raise NilmError(
                f"{error}. Set history.influx_days = 0, and on the bucket itself how long it keeps data."
            ) from error
        log.info(
            "%s %s: verified in Parquet, deleted from InfluxDB",
            day.building,
            day.date,
            extra={"building": day.building},
        )

    def _is_changing(self, day: Day, at_ms: int) -> bool:
        """Whether a change of the day is noted that has not been stored yet, or all of it is not sent yet."""
        hours_ms = set(hours_of(day.start_ms, day.end_ms))
        readers = ["snapshot", "snapshot-doing"]
        if self._forwards and day.end_ms > self._given_up_ms(at_ms):
            if confirmed_ms(self._data_dir, day.building) < day.end_ms:
                return True
            readers += ["sync", "sync-doing"]
        return any(hours_ms & set(self._changed.waiting(reader).get(day.building, [])) for reader in readers)

    def _given_up_ms(self, at_ms: int) -> int:
        """Days before it wait for the central server no longer: Parquet has them, and a disk has an end."""
        return _cut_ms(at_ms, 2 * self._settings.influx_days)

    def _counted(self, day: Day) -> list[dict[int, int]]:
        return [self._stored.values_by_hour(kind, day.building, day.start_ms, day.end_ms) for kind in RAW]

    def _missing(self, day: Day) -> list[int]:
        """The hours of a day with a row in InfluxDB that Parquet does not have just so."""
        missing = []
        for kind in RAW:
            found = tables.empty(kind)
            try:
                for part in day.of(kind):
                    found = tables.merged(kind, found, tables.from_parquet(kind, self._folder.read(day, part)))
            except Rejected as error:
                log.error("%s", error)
            for hour_ms in self._stored.values_by_hour(kind, day.building, day.start_ms, day.end_ms):
                have = tables.between(found, hour_ms, hour_ms + HOUR_MS)
                there = self._stored.read(kind, day.building, hour_ms, hour_ms + HOUR_MS)
                if not tables.merged(kind, have, there).equals(have):
                    missing.append(hour_ms)
        return sorted(set(missing))


def check(config: Config) -> None:
    """ConfigError where finer data would be kept longer than what it becomes."""
    for_ever = 10**9
    seconds, minutes = (days or for_ever for days in (config.history.second_days, config.history.minute_days))
    if config.history.influx_days and seconds < config.history.influx_days:
        raise ConfigError("history.second_days: must be at least history.influx_days, or 0 for ever")
    if minutes < seconds:
        raise ConfigError("history.minute_days: must be at least history.second_days, or 0 for ever")


def _cut_ms(at_ms: int, days: int) -> int:
    return (at_ms - days * DAY_MS) // DAY_MS * DAY_MS
