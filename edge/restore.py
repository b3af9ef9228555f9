"""`nilm-edge restore`: a backup becomes a data folder and a local InfluxDB that services go on with.

The folder holds `restoring/` from the first change to the last: cut short, the same command does it all again.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from edge.adapters import archive, duck
from edge.adapters.changed_hours import ChangedHours
from edge.adapters.files import free_bytes, write_whole
from edge.adapters.history_lines import lines
from edge.adapters.influx import Influx
from edge.adapters.processes import free_port, lock
from edge.adapters.redis_notes import RedisNotes
from edge.adapters.snapshot_folder import SnapshotFolder
from edge.adapters.streams import Streams
from edge.backup_contents import Contents, place_of
from edge.config import influx_token, parse_config
from edge.config_text import secret_files, to_toml, with_setting
from edge.core.backup_manifest import ACCOUNTS, CONFIG, STATE, Manifest, of_newest
from edge.core.manifest import DAY_MS, HOUR_MS, RAW, Day
from edge.core.vitals import is_up
from edge.data_version import FILE as DATA_VERSION
from edge.errors import ConfigError, NilmError, Unavailable
from edge.private_servers import RESTORING, find_servers, private_servers
from edge.settings import Config
from edge.snapshot import READER
from edge.stack import private_config, wait_for
from edge.stored_seconds import StoredSeconds
from edge.unit import now_ms

log = logging.getLogger("nilm.restore")

RESTORED_CONFIG = "restored-config.toml"
_OURS = {"lock", "lost+found", DATA_VERSION}
_SERVERS = ("influxdb", "redis", "mosquitto")
_PLACED = ("snapshots", "models", "secrets", *STATE)
_RESERVE_BYTES = 200_000_000
_RETRY_S = (0.5, 1.0, 2.0, 4.0, 8.0)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup goes: `private` is the folder of `nilm-edge run`, whose own servers are started for it."""

    config: Config
    private: bool
    keep: frozenset[str] = frozenset()
    """Names in the data folder that are left alone, such as the backup itself."""


def run(stream: IO[bytes], found: Contents, target: Target, say: Say, *, force: bool = False) -> dict[str, Any]:
    """Restore what `look` found in `stream`; what was done, ready to be JSON.

    NilmError: nothing was changed, or `restoring/` is there and the same may be done again.
    """
    began_s = time.monotonic()
    data_dir = Path(target.config.data_dir)
    config_text = restored_config(found, target.config)
    aside = _check_folder(data_dir, target.keep, force)
    _check_room(data_dir, found.size_bytes)
    with ExitStack() as stack:
        if not target.private:
            _check_servers(target.config)  # before anything is changed
        stack.enter_context(_locked(data_dir))
        moved = _clear(data_dir, target, aside)
        stream.seek(0)
        _stage(stream, data_dir / RESTORING)
        config = stack.enter_context(own_servers(target.config)) if target.private else target.config
        job = Restore(config, data_dir / RESTORING, say)
        job.seconds(found)
        job.notes(found)
        _place(data_dir, config_text)
    return {
        "data_dir": str(data_dir),
        "buildings": found.manifest.buildings,
        "days": len(found.days),
        **job.done,
        "moved_aside": moved,
        "left_out": found.manifest.left_out,
        "secrets_left_out": found.manifest.secrets_left_out,
        "seconds": round(time.monotonic() - began_s, 1),
    }


class Restore:
    """Puts what is staged into InfluxDB and Redis; all of it may be done twice."""

    def __init__(self, config: Config, staged: Path, say: Say) -> None:
        self._config = config
        self._staged = staged
        self._say = say
        self._influx = Influx.connect(config.influx, influx_token(config))
        self._stored = StoredSeconds(config, self._influx)
        self._bucket = {"mains": config.influx.bucket_raw, "appliance": config.influx.bucket_pred}
        self.done: dict[str, Any] = {"days_in_influx": 0, "newest_hours": 0, "points": 0}

    def seconds(self, found: Contents) -> None:
        """The days that InfluxDB keeps, then the hours that no snapshot has, which are noted for the next one."""
        self._influx.prepare()
        kept = self._config.history.influx_days
        from_ms = (now_ms() - kept * DAY_MS) // DAY_MS * DAY_MS if kept else 0
        days = [day for day in found.days if day.start_ms >= from_ms]
        for number, day in enumerate(sorted(days, key=lambda day: (day.date, day.building)), 1):
            self._say(f"{day.building}: {day.date} into InfluxDB, day {number} of {len(days)}")
            self.day(day, self._staged / "files" / place_of(day))
        self.done["days_in_influx"] = len(days)
        changed = ChangedHours(self._staged / "files")
        hours: set[tuple[str, int]] = set()
        for name in sorted(found.newest):
            building, kind, hour_ms = of_newest(name) or ("", "", 0)
            self._say(f"{building}: the newest hours into InfluxDB")
            rows = self._write(kind, building, (self._staged / name).read_bytes())
            self._check(kind, building, hour_ms, hour_ms + HOUR_MS, rows)
            changed.note(building, [hour_ms], (READER,))
            hours.add((building, hour_ms))
        self.done["newest_hours"] = len(hours)

    def day(self, day: Day, place: Path) -> None:
        """A day's seconds, from its folder into InfluxDB, which is then asked for them."""
        for kind in RAW:
            rows = sum(self._write(kind, day.building, (place / part.name).read_bytes()) for part in day.of(kind))
            self._check(kind, day.building, day.start_ms, day.end_ms, rows)

    def notes(self, found: Contents) -> None:
        """Counters, and why seconds are missing."""
        notes = RedisNotes(self._config.redis.url)
        for building, (counters, events) in found.notes.items():
            notes.put_back(building, counters, events)

    def _write(self, kind: str, building: str, content: bytes) -> int:
        rows = 0
        for text, count in lines(kind, building, content):
            self._patiently(lambda text=text: self._influx.write(self._bucket[kind], text))  # type: ignore[misc]
            rows += count
        self.done["points"] += rows
        return rows

    def _check(self, kind: str, building: str, start_ms: int, end_ms: int, rows: int) -> None:
        """What InfluxDB confirmed, it must have."""
        if not rows or not self._influx.is_older_api():
            return
        counted: dict[int, int] = {}

        def count() -> None:
            counted.update(self._stored.values_by_hour(kind, building, start_ms, end_ms))

        self._patiently(count)
        if sum(counted.values()) < rows:
            raise Unavailable(
                f"InfluxDB confirmed {rows} points of {kind} of {building}, and has {sum(counted.values())} of them: "
                "look at its disk and its log, then restore again"
            )

    @staticmethod
    def _patiently(work: Callable[[], None]) -> None:
        for pause_s in _RETRY_S:
            try:
                return work()
            except Unavailable as error:
                log.warning("%s; trying again", error)
                time.sleep(pause_s)
        return work()


def restored_config(found: Contents, config: Config) -> str:
    """The backup's configuration for this folder: its own models and secrets are those that came with it."""
    data_dir = Path(config.data_dir)
    try:
        there = replace(parse_config(found.config, CONFIG), data_dir=str(data_dir))
    except ConfigError as error:
        log.warning("the backup's configuration is left as it was: %s", error)
        return found.config
    if there.infer.models_dir:
        there = with_setting(there, "infer.models_dir", str(data_dir / "models"))
    names = {one.name for one in found.manifest.members}
    for name, _ in secret_files(there):
        if f"secrets/{name}" in names:
            there = with_setting(there, name, str(data_dir / "secrets" / name))
    return to_toml(there, comments=True)


def _check_folder(data_dir: Path, keep: frozenset[str], force: bool) -> list[str]:
    """What is to be moved aside first; NilmError where something is there and nobody said `force`."""
    try:
        there = sorted(entry.name for entry in data_dir.iterdir()) if data_dir.exists() else []
    except OSError as error:
        raise NilmError(f"cannot look into {data_dir}: {error.strerror}") from error
    there = [name for name in there if name not in keep | _OURS and not name.startswith("before-restore-")]
    if not there or RESTORING in there:
        return []
    if not force:
        some = ", ".join(there[:3]) + (" …" if len(there) > 3 else "")
        raise NilmError(f"{data_dir} is not empty ({some}); choose another folder, or move that aside with --force.")
    return there


def _check_room(data_dir: Path, size_bytes: int) -> None:
    place = data_dir
    while not place.exists():
        place = place.parent
    if free_bytes(place) < size_bytes + _RESERVE_BYTES:
        needed_mb = (size_bytes + _RESERVE_BYTES) // 1_000_000
        raise NilmError(f"the disk of {data_dir} has {free_bytes(place) // 1_000_000} MB free; {needed_mb} are needed.")


def _check_servers(config: Config) -> None:
    """NilmError unless InfluxDB and Redis answer and none of our services is at work."""
    Influx.connect(config.influx, influx_token(config)).ping(config.influx.timeout_s)
    said = Streams.connect(config.redis.url).services()
    if alive := sorted(name for name, state in said.items() if is_up(state, now_ms())):
        raise NilmError(f"{', '.join(alive)} must be stopped first: nothing may be written while it is restored.")


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        holder = lock(data_dir / "lock")
    except OSError as error:
        raise NilmError(f"cannot write in {data_dir}: {error.strerror}") from error
    if holder is None:
        raise NilmError(f"nilm-edge runs in {data_dir}; stop it first.")
    with holder:
        yield


def _clear(data_dir: Path, target: Target, aside: list[str]) -> str:
    """Make the folder ours: what was there is moved aside, what an earlier attempt left is removed."""
    place = data_dir / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    try:
        for name in aside:
            place.mkdir(exist_ok=True)
            (data_dir / name).rename(place / name)
        (data_dir / RESTORING).mkdir(exist_ok=True)
        for name in (*_PLACED, *(_SERVERS if target.private else ())):
            shutil.rmtree(data_dir / name, ignore_errors=True)
        for name in ("files", "newest"):
            shutil.rmtree(data_dir / RESTORING / name, ignore_errors=True)
    except OSError as error:
        raise Unavailable(f"cannot write in {data_dir}: {error.strerror}") from error
    return str(place) if aside else ""


def _stage(stream: IO[bytes], staged: Path) -> None:
    """Unpack below `staged`: `files` is what becomes the data folder, `newest` goes to InfluxDB alone."""
    (staged / "files").mkdir()
    for one in archive.verify(stream):
        if isinstance(one, Manifest) or one[0] == CONFIG or one[0].startswith("redis/"):
            continue
        name, content = one
        place = staged if name.startswith("newest/") else staged / "files"
        to = ACCOUNTS if name == f"secrets/{ACCOUNTS}" else name.removeprefix("state/")
        write_whole(place / to, content, private=name.startswith("secrets/"))


@contextmanager
def own_servers(config: Config) -> Iterator[Config]:
    """Redis and InfluxDB as `nilm-edge run` has them in this folder, until the block ends."""
    data_dir = Path(config.data_dir)
    (data_dir / "log").mkdir(exist_ok=True)
    config = private_config(config, data_dir, free_port())
    _, redis, influxd = servers = private_servers(config, find_servers(), data_dir)
    try:
        redis.start()
        influxd.start()
        wait_for(redis, Streams.connect(config.redis.url).ping)
        wait_for(influxd, Influx.connect(config.influx).ping)
        yield config
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait_or_kill(30)


def _place(data_dir: Path, config: str) -> None:
    """Move what is staged to where it belongs; `restoring/` goes last."""
    staged = data_dir / RESTORING / "files"
    try:
        for entry in sorted(staged.iterdir()):
            entry.rename(data_dir / entry.name)
        folder = SnapshotFolder(data_dir)
        duck.build_catalogue(folder.catalogue, folder)
        write_whole(data_dir / RESTORED_CONFIG, config.encode(), private=True)
        if os.geteuid() == 0:
            _hand_over(data_dir)
        shutil.rmtree(data_dir / RESTORING)
    except OSError as error:
        raise Unavailable(f"cannot write in {data_dir}: {error.strerror}") from error


def _hand_over(data_dir: Path) -> None:
    """As root: whoever owns the data folder owns what is in it."""
    owner = data_dir.stat()
    for entry in data_dir.iterdir():
        if not entry.name.startswith("before-restore-"):
            for place in (entry, *(entry.rglob("*") if entry.is_dir() else ())):
                os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)
