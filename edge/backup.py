"""`nilm-edge backup`: all that a new machine needs, in one file.

Seconds move from the outbox by the spool to InfluxDB and on to Parquet. They are read in that order, so that one which
moves meanwhile is found twice, never not at all; being keyed, twice is once.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from edge import __version__
from edge.adapters import history_tables as tables
from edge.adapters.accounts import Accounts
from edge.adapters.archive import Writer
from edge.adapters.changed_hours import ChangedHours
from edge.adapters.influx import Influx
from edge.adapters.snapshot_folder import MANIFEST, SnapshotFolder
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.config_text import secret_files, to_toml, without_secrets
from edge.core.backup_manifest import ACCOUNTS, CONFIG, MAX_MEMBER_BYTES, STATE, Manifest, is_name, newest_name, to_json
from edge.core.manifest import HOUR_MS, RAW, Day
from edge.core.manifest import to_json as day_json
from edge.core.registry import parse_registry
from edge.core.segment import pack_segment
from edge.errors import ModelError, NilmError, Rejected, Unavailable
from edge.local_time import iso
from edge.models import models_dir
from edge.persist import frames_of
from edge.settings import Config
from edge.snapshot import DOING, READER
from edge.snapshot import run as take_snapshot
from edge.stored_seconds import StoredSeconds
from edge.unit import now_ms

log = logging.getLogger("nilm.backup")

_SEGMENT = 3600
_TRIES = 5
Say = Callable[[str], None]


def run(
    config: Config, out: BinaryIO, say: Say, *, with_secrets: bool = False, snapshot: bool = True
) -> dict[str, Any]:
    """Write a backup to `out`; what is in it, ready to be JSON, with what had to be left out."""
    began_s = time.monotonic()
    if snapshot:
        say("storing closed hours as Parquet")
        try:
            take_snapshot(config)
        except NilmError as error:  # what it would have stored is read from InfluxDB below
            log.warning("without a snapshot first: %s", error)
    job = Backup(config, out, say)
    job.configuration(with_secrets)
    job.models()
    job.redis()
    job.state()
    job.newest()
    job.days()
    return {**job.finish(with_secrets), "seconds": round(time.monotonic() - began_s, 1)}


class Backup:
    """One backup, part after part, in this order: see `run`."""

    def __init__(self, config: Config, out: BinaryIO, say: Say) -> None:
        self._config = config
        self._say = say
        self._data_dir = Path(config.data_dir)
        self._writer = Writer(out, now_ms() // 1000)
        self._folder = SnapshotFolder(self._data_dir)
        self._streams = Streams.connect(config.redis.url)
        self._stored = StoredSeconds(config, Influx.connect(config.influx, influx_token(config)))
        self._buildings = {meter.building for meter in config.meters} | set(self._folder.buildings())
        self._waiting: list[tuple[str, bytes]] = []
        self._secrets_left_out: list[str] = []
        self._left_out: list[str] = []
        self._done = {"days": 0, "newest_hours": 0}

    def configuration(self, with_secrets: bool) -> None:
        """The configuration in force; accounts, passwords, tokens and their files only `with_secrets`."""
        bare, secret = without_secrets(self._config)
        try:
            accounts = Accounts(self._data_dir).content()
        except Unavailable as error:
            self._leave(str(error))
            accounts = b""
        if not with_secrets:
            self._secrets_left_out = [*secret, *(["the accounts"] if accounts else [])]
            self._writer.add(CONFIG, to_toml(bare, comments=True).encode())
            return
        self._writer.add(CONFIG, to_toml(self._config, comments=True).encode())
        if accounts:
            self._writer.add(f"secrets/{ACCOUNTS}", accounts)
        for name, file in secret_files(self._config):
            if "/" in file:
                self._add(f"secrets/{name}", Path(file))
            else:  # systemd's: no command can read it
                self._secrets_left_out.append(f"{name} (the credential {file})")

    def models(self) -> None:
        """The registry and the files that it names."""
        folder = models_dir(self._config)
        try:
            specs, _ = parse_registry((folder / "registry.json").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ModelError) as error:
            self._leave(f"the models: registry.json cannot be used: {error}")
            return
        for name in sorted({"registry.json", *(one.path for spec in specs for one in (spec.step, spec.window))}):
            self._add(f"models/{name}", folder / name)

    def redis(self) -> None:
        """Counters, what the meters did, and what waits for InfluxDB; the last hour itself is in InfluxDB."""
        told = {}
        try:
            for building in self._streams.buildings():
                told[building] = {
                    "counters": self._streams.counters(building),
                    "events": self._streams.events(building),
                }
                self._waiting += self._outbox(building)
        except Unavailable as error:
            self._leave(f"counters, reasons of gaps and what waits to be stored ({error})")
        self._buildings |= told.keys()
        for building, said in told.items():
            self._writer.add(f"redis/{building}.json", json.dumps(said).encode())

    def state(self) -> None:
        """Notes, queues and what waits on disk; then what waited in the outbox, as one more file of the spool."""
        if self._data_dir.is_dir():
            for file in sorted(self._data_dir.glob("*.json")):
                self._add(f"state/{file.name}", file)
        for name in sorted(STATE, key=lambda name: name != "spool"):
            for file in _files(self._data_dir / name):
                self._add(f"state/{file.relative_to(self._data_dir).as_posix()}", file)
        numbers = [one.name.split("/")[-1].partition(".")[0] for one in self._writer.members if "/spool/" in one.name]
        last = max((int(number) for number in numbers if number.isdecimal()), default=0)
        for number, (name, content) in enumerate(self._waiting, last + 1):
            self._writer.add(f"state/spool/{number:012d}.{name}.seg", content)

    def newest(self) -> None:
        """What InfluxDB has and Parquet has not: the newest hours, and those that changed since they were stored."""
        try:
            self._buildings |= set(self._stored.buildings())
            for building in sorted(self._buildings):
                for hour_ms in sorted(self._not_in_parquet(building)):
                    self._say(f"{building}: the hour from {iso(hour_ms)}")
                    for kind in RAW:
                        if (found := self._stored.read(kind, building, hour_ms, hour_ms + HOUR_MS)).num_rows:
                            measured = tables.has_measured(found)
                            content = tables.to_parquet(kind, [found], measured=measured).content
                            self._writer.add(newest_name(building, kind, hour_ms), content)
                    self._done["newest_hours"] += 1
        except (Unavailable, Rejected) as error:
            self._leave(f"what InfluxDB has and Parquet has not ({error})")

    def days(self) -> None:
        """Each stored day as its manifest says; a file that is not what was written is left out, and told."""
        dates = [(building, date) for building in self._folder.buildings() for date in self._folder.dates(building)]
        for number, (building, date) in enumerate(dates, 1):
            self._say(f"{building}: {date}, day {number} of {len(dates)}")
            try:
                day, contents, broken = self._day(building, date)
            except Rejected as error:
                self._leave(str(error))
                continue
            for why in broken:
                self._leave(why)
            place = f"snapshots/building={building}/date={date}"
            for part, content in zip(day.parts, contents, strict=True):
                self._writer.add(f"{place}/{part.name}", content)
            if day.parts:
                self._writer.add(f"{place}/{MANIFEST}", day_json(day))
                self._done["days"] += 1

    def finish(self, with_secrets: bool) -> dict[str, Any]:
        """End the file; what it holds."""
        told = Manifest(
            __version__,
            iso(now_ms()),
            tuple(sorted(self._buildings)),
            tuple(self._writer.members),
            tuple(self._left_out),
            tuple(self._secrets_left_out),
            with_secrets,
        )
        self._writer.finish(to_json(told))
        return {
            "buildings": told.buildings,
            **self._done,
            "files": len(told.members),
            "bytes": self._writer.size_bytes,
            "with_secrets": with_secrets,
            "secrets_left_out": told.secrets_left_out,
            "left_out": told.left_out,
        }

    def _outbox(self, building: str) -> Iterator[tuple[str, bytes]]:
        """What waits in Redis as segments of the spool, and the middle of their names."""
        after = b"0-0"
        while entries := self._streams.read_outbox({building: after}, _SEGMENT, 0.001).get(building):
            yield f"{len(entries)}.{building}", pack_segment(frames_of(entries))
            if len(entries) < _SEGMENT:
                return
            after = entries[-1].id

    def _not_in_parquet(self, building: str) -> set[int]:
        """The hours of which InfluxDB has more than the stored days, or may have something else."""
        end_ms = now_ms() + HOUR_MS
        first_ms = self._stored.first_ms(building, 0, end_ms)
        if first_ms is None:
            return set()
        days = list(self._folder.days(building))
        stored = {day.start_ms + hour * HOUR_MS for day in days for hour in day.hours}
        mains = {day.start_ms + hour * HOUR_MS: n for day in days for hour, n in day.rows.get("mains", {}).items()}
        there = self._stored.values_by_hour("mains", building, first_ms, end_ms)
        changed = ChangedHours(self._data_dir)
        noted = {hour_ms for reader in (READER, DOING) for hour_ms in changed.waiting(reader).get(building, [])}
        beyond = max(stored, default=first_ms - HOUR_MS) + HOUR_MS
        hours = {hour_ms for hour_ms, count in there.items() if count > mains.get(hour_ms, 0)}
        return hours | {at for at in noted if at < end_ms} | self._stored.hours(building, beyond, end_ms)

    def _day(self, building: str, date: str) -> tuple[Day, list[bytes], list[str]]:
        """A day as one manifest has it, its files, and what is wrong with those left out."""
        day = self._folder.load(building, date)
        for _ in range(_TRIES):
            contents: list[bytes] = []
            kept, broken = [], []
            for part in day.parts:
                try:
                    contents.append(self._folder.read(day, part))
                    kept.append(part)
                except Rejected as error:
                    broken.append(f"{error}; nilm-edge snapshot --verify mends what can be mended")
            now = self._folder.load(building, date)
            if not broken or now == day:
                break
            day = now  # a snapshot has just replaced the day
        rows = {kind: hours for kind, hours in day.rows.items() if kind in {part.kind for part in kept}}
        return Day(building, date, tuple(kept), rows, day.seconds_dropped), contents, broken

    def _add(self, name: str, file: Path) -> None:
        """Add a file; of state, what went away meanwhile is done. What is not ours or cannot be read is left out."""
        if not is_name(name):
            self._leave(f"{file}: a backup has no such names")
            return
        try:
            if file.stat().st_size > MAX_MEMBER_BYTES:
                self._leave(f"{file} is larger than {MAX_MEMBER_BYTES // 1_000_000} MB")
                return
            content = file.read_bytes()
        except FileNotFoundError:
            if not name.startswith("state/"):
                self._leave(f"{file} is not there")
        except OSError as error:
            self._leave(f"{file} cannot be read: {error.strerror}")
        else:
            self._writer.add(name, content)

    def _leave(self, what: str) -> None:
        self._left_out.append(what)


def _files(folder: Path) -> list[Path]:
    """The plain files below a folder, less locks, halves of writes and other hidden things."""
    if not folder.is_dir():
        return []
    return sorted(
        file
        for file in folder.rglob("*")
        if not file.is_symlink()
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.suffix != ".part"
    )
