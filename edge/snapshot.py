"""nilm-snapshot: closed hours of the local InfluxDB become Parquet files, and whole days one file of each kind."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from edge.adapters import duck
from edge.adapters import history_tables as tables
from edge.adapters.changed_hours import ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.processes import lock
from edge.adapters.snapshot_folder import MANIFEST, SnapshotFolder
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.core.manifest import HOUR_MS, RAW, Day, Part, date_of
from edge.day_files import Had, made_anew
from edge.errors import NilmError, Rejected, Unavailable
from edge.retention import Retention
from edge.settings import Config
from edge.stored_seconds import StoredSeconds
from edge.unit import now_ms
from edge.unstored import oldest_unstored_ms

log = logging.getLogger("nilm.snapshot")

READER, DOING = "snapshot", "snapshot-doing"
"""Whose notes of changed hours are worked off, and where they stand meanwhile: a kill loses none."""


def run(config: Config, *, verify: bool = False) -> dict[str, Any]:
    """Store what is closed, apply the retention, renew the catalogue; what was done. NilmError while one is at work."""
    data_dir = Path(config.data_dir)
    root = data_dir / "snapshots"
    try:
        root.mkdir(parents=True, exist_ok=True)
        holder = lock(root / ".lock")
    except OSError as error:
        raise Unavailable(f"cannot write in {root}: {error.strerror}") from error
    if holder is None:
        raise NilmError("another nilm-edge snapshot is at work; let it finish.")
    with holder:
        streams = Streams.connect(config.redis.url)
        stored = StoredSeconds(config, Influx.connect(config.influx, influx_token(config)))
        snapshot = Snapshot(config, streams, stored)
        if verify:
            snapshot.verify()
        snapshot.turn(now_ms())
        return snapshot.done


class Snapshot:
    """One pass over all buildings. `done` says what happened, ready to be JSON."""

    def __init__(self, config: Config, streams: Streams, stored: StoredSeconds) -> None:
        self._settings = config.history
        self._data_dir = Path(config.data_dir)
        self._streams = streams
        self._stored = stored
        self.folder = SnapshotFolder(self._data_dir)
        self._changed = ChangedHours(self._data_dir)
        self._retention = Retention(config, stored, self.folder, self._changed)
        self._broken: set[Path] = set()
        self.done: dict[str, Any] = {"buildings": {}, "broken": [], "failed": []}

    def turn(self, at_ms: int) -> None:
        """Everything that is due at `at_ms`. What fails is told in `done`, and tried again by the next run."""
        for building in self._buildings():
            try:
                closed_ms = self._closed_ms(building, at_ms)
                said = self.done["buildings"][building] = {"hours": 0, "days": 0, "rows": 0, "bytes": 0}
                self._building(building, closed_ms, said)
                said |= self._retention.apply(building, partial(self._closed_ms, building, at_ms), at_ms)
            except NilmError as error:
                log.error("%s: %s", building, error, extra={"building": building, "code": type(error).__name__})
                self.done["failed"].append(f"{building}: {error}")
        duck.build_catalogue(self.folder.catalogue, self.folder)

    def verify(self) -> None:
        """Read every file and set aside what is not what was written; `turn` then mends what InfluxDB still has."""
        for building in self.folder.buildings():
            for day in self.folder.days(building):
                for part in day.parts:
                    self._content(day, part)

    def _buildings(self) -> list[str]:
        try:
            return sorted({*self._stored.buildings(), *self.folder.buildings()})
        except Unavailable as error:
            self.done["failed"].append(str(error))
            return []

    def _closed_ms(self, building: str, at_ms: int) -> int:
        """The end of the last hour that no second is missing of any more, as far as we can know."""
        settled_ms = at_ms - self._settings.settle_s * 1000
        unstored_ms = oldest_unstored_ms(self._streams, self._data_dir, building)
        return min(settled_ms, settled_ms if unstored_ms is None else unstored_ms) // HOUR_MS * HOUR_MS

    def _building(self, building: str, closed_ms: int, said: dict[str, Any]) -> None:
        wanted: dict[str, set[int]] = defaultdict(set)
        days = {date: self._mended(building, date, closed_ms, wanted) for date in self.folder.dates(building)}
        for reader in (READER, DOING):
            for hour_ms in self._changed.waiting(reader).get(building, []):
                if hour_ms < closed_ms:
                    wanted[date_of(hour_ms)].add(hour_ms)
        for date, day in days.items():
            self.folder.tidy(day)
            if day.end_ms <= closed_ms and not day.is_compact:
                wanted[date] |= set()
        newest = max(
            (day.start_ms + max(day.hours) * HOUR_MS + HOUR_MS for day in days.values() if day.hours), default=0
        )
        done: set[int] = set()
        for date in sorted(wanted):
            day, hours = days.get(date) or Day(building, date), wanted.pop(date)
            self._day(day, hours, closed_ms, said)
            done |= hours
            if not day.is_compact and day.start_ms < newest and day.end_ms <= closed_ms:  # all of it was counted
                newest = max(newest, day.end_ms)
        while (first_ms := self._stored.first_ms(building, newest, closed_ms)) is not None:
            day = self.folder.load(building, date_of(first_ms))
            newest = min(day.end_ms, closed_ms)
            hours = self._stored.hours(building, first_ms // HOUR_MS * HOUR_MS, newest)
            self._day(day, hours - done, closed_ms, said)

    def _mended(self, building: str, date: str, closed_ms: int, wanted: dict[str, set[int]]) -> Day:
        """The day, less what is torn or gone; what InfluxDB may have of it is `wanted` again."""
        try:
            day = self.folder.load(building, date)
            lost = [part for part in day.parts if not self.folder.is_there(day, part)]
            for part in lost:
                self._break(day, part, f"{self.folder.file(day, part)} is torn or gone")
            kept = tuple(part for part in day.parts if part not in lost)
            hours = {hour for part in lost for hour in _hours_of(day, part)}
        except Rejected as error:
            log.error("%s", error)
            self.done["broken"].append(str(error))
            self.folder.set_aside(self.folder.place(building, date) / MANIFEST)
            day, kept, hours = Day(building, date), (), set(range(24))
        if not day.parts and (found := self.folder.unnamed(building, date)):  # the manifest is lost, or never was
            kept, hours = tuple(found), set(range(24))
        if hours:
            wanted[date] |= {at for hour in hours if (at := day.start_ms + hour * HOUR_MS) < closed_ms}
        return Day(building, date, kept, day.rows, day.seconds_dropped)

    def _day(self, day: Day, hours_ms: set[int], closed_ms: int, said: dict[str, Any]) -> None:
        """Bring one day up to InfluxDB in these hours: whole once it is closed, by the hour until then."""
        if day.seconds_dropped:
            log.warning("%s %s: its seconds are no longer kept, so a change is left out", day.building, day.date)
            self._begin(day.building, hours_ms)
            self._settled(day.building, hours_ms)
            return
        whole = day.end_ms <= closed_ms or any(part.hour is None for part in day.parts)
        old = {kind: self._old(day, kind, whole, hours_ms, closed_ms) for kind in RAW}
        if whole and not day.is_compact:
            hours_ms |= self._miscounted(day, min(day.end_ms, closed_ms))
        self._begin(day.building, hours_ms)
        untouched = set() if whole else day.hours - {(at - day.start_ms) // HOUR_MS for at in hours_ms}
        spans = [(None, hours_ms)] if whole else [((at - day.start_ms) // HOUR_MS, {at}) for at in sorted(hours_ms)]
        parts = [part for part in day.parts if part.hour in untouched]
        rows = {kind: {h: n for h, n in day.rows.get(kind, {}).items() if h in untouched} for kind in RAW}
        made, read = [], 0
        for kind in RAW:
            for hour, span in spans:
                files, news = made_anew(self._stored, day, kind, self._had(day, kind, hour, old[kind]), span)
                made += [(hour, name, one) for name, one in files.items()]
                read += news
        for hour, kind, one in made:
            if one.rows:
                parts.append(self.folder.add(day, kind, hour, one.rows, one.content, measured=one.measured))
            if kind in RAW:
                rows[kind] |= {(at - day.start_ms) // HOUR_MS: count for at, count in one.by_hour.items()}
        if parts or day.parts:
            self.folder.commit(day, parts, rows)
        self._settled(day.building, hours_ms)
        done = {"hours": len(hours_ms), "days": int(whole), "rows": read}
        done["bytes"] = sum(len(one.content) for _, _, one in made if one.rows)
        log.info("%s %s: %s", day.building, day.date, ", ".join(f"{number} {name}" for name, number in done.items()))
        for name, number in done.items():
            said[name] += number

    def _had(self, day: Day, kind: str, hour: int | None, seconds: list[bytes]) -> Had:
        minutes = [part for part in day.of(f"{kind}_1m") if hour in {None, part.hour}]
        return Had(hour, seconds, [content for part in minutes if (content := self._content(day, part)) is not None])

    def _old(self, day: Day, kind: str, whole: bool, hours_ms: set[int], closed_ms: int) -> list[bytes]:
        """The day's files, or those of these hours alone; the hours of a broken one join them."""
        found: list[bytes] = []
        hours: set[int] = set()
        for part in day.of(kind):
            times_ms = {day.start_ms + hour * HOUR_MS for hour in _hours_of(day, part)}
            if not whole and not times_ms & hours_ms:
                continue
            content = self._content(day, part)
            if content is None:
                hours_ms |= {at for at in times_ms if at < closed_ms}
                continue
            stored = set(tables.rows_by_hour(tables.from_parquet(kind, content))) if not day.hours else times_ms
            if stored & hours:  # files found without a manifest: what was made later is right
                before = tables.together(kind, [tables.from_parquet(kind, one) for one in found])
                merged = tables.merged(kind, before, tables.from_parquet(kind, content))
                found = [tables.to_parquet(kind, [merged], measured=tables.has_measured(merged)).content]
            else:
                found.append(content)
            hours |= stored
        return found

    def _content(self, day: Day, part: Part) -> bytes | None:
        try:
            return self.folder.read(day, part)
        except Rejected as error:
            self._break(day, part, str(error))
            return None

    def _break(self, day: Day, part: Part, why: str) -> None:
        file = self.folder.file(day, part)
        if file not in self._broken:
            log.error("%s; it is set aside", why)
            self.done["broken"].append(why)
        self._broken.add(file)
        self.folder.set_aside(file)

    def _miscounted(self, day: Day, end_ms: int) -> set[int]:
        """The hours of a day for which InfluxDB has more rows than were stored: nobody had noted the change."""
        found = set()
        for kind in RAW:
            have = {day.start_ms + hour * HOUR_MS: count for hour, count in day.rows.get(kind, {}).items()}
            there = self._stored.values_by_hour(kind, day.building, day.start_ms, end_ms)
            found |= {at for at, count in there.items() if count > have.get(at, 0)}
        return found

    def _begin(self, building: str, hours_ms: Iterable[int]) -> None:
        noted = set(self._changed.waiting(READER).get(building, [])) & set(hours_ms)
        self._changed.note(building, noted, (DOING,))
        for hour_ms in noted:
            self._changed.clear(READER, building, hour_ms)

    def _settled(self, building: str, hours_ms: Iterable[int]) -> None:
        for hour_ms in set(self._changed.waiting(DOING).get(building, [])) & set(hours_ms):
            self._changed.clear(DOING, building, hour_ms)


def _hours_of(day: Day, part: Part) -> set[int]:
    return day.hours if part.hour is None else {part.hour}
