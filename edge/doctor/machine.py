"""Checks of the machine: disk, clock, memory, time zone, SD card."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import edge
from edge.adapters.clock import is_synchronised
from edge.doctor.finding import Finding, Look, fault, ok, warning
from edge.errors import NilmError
from edge.local_time import zone

_FLOOR_MS = 1_767_225_600_000
"""2026-01-01: this program was written later."""
_AHEAD_MS = 20 * 365 * 86_400_000
_DAY_MS = 86_400_000
_RESERVES = 4
_FULL = 0.02
_LOW_MB = 64
_LOW_SHARE = 0.08
_Found = Iterator[Finding]


def disk(look: Look) -> _Found:
    """Room and rights on the disk of each thing that writes."""
    for what, place in _places(look):
        try:
            about = os.statvfs(place)
        except FileNotFoundError:
            continue  # said by the check of files
        except OSError as error:
            means = "Whether there is room is not known."
            yield warning("disk", f"{place} cannot be looked at: {error.strerror}", means, "sudo nilm-edge doctor")
            continue
        free_mb = about.f_bavail * about.f_frsize // 1_000_000
        reserve_mb = look.config.disk_reserve_mb
        said = f"{what} ({place}): {free_mb} MB free"
        room = "Make room, or use a larger disk. What takes it: sudo du -xh -d 3 / | sort -h | tail"
        if about.f_flag & os.ST_RDONLY:
            means = "The kernel lets nobody write there, as it does after an SD card failed. Nothing is stored."
            yield fault("disk", f"{what} ({place}) is read-only", means, "Back up what can be read; use another disk.")
        elif free_mb < reserve_mb:
            means = f"Below disk_reserve_mb ({reserve_mb}) InfluxDB is given nothing; seconds wait in Redis and files."
            yield fault("disk", said, means, room)
        elif about.f_files and about.f_favail < about.f_files * _FULL:
            yield fault("disk", f"{what} ({place}): no room for more files", "Writing fails soon, or does now.", room)
        elif free_mb < reserve_mb * _RESERVES:
            yield warning("disk", said, f"At {reserve_mb} MB InfluxDB is given nothing more.", room)
        else:
            yield ok("disk", said)


def _places(look: Look) -> list[tuple[str, Path]]:
    """What writes, one a disk: our data, InfluxDB's, Redis'."""
    wanted = [("data", Path(look.config.data_dir))]
    wanted += [(name, look.root / "var/lib" / name) for name in ("influxdb", "redis")]
    found: dict[int, tuple[str, Path]] = {}
    for what, place in wanted:
        try:
            found.setdefault(place.stat().st_dev, (what, place))
        except OSError:
            if what == "data":
                found[-1] = (what, place)
    return list(found.values())


def clock(look: Look) -> _Found:
    """Whether the time can be right, and is kept so."""
    installed_ms = int(Path(edge.__file__).stat().st_mtime * 1000) - _DAY_MS
    at = datetime.fromtimestamp(look.now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    set_it = "sudo timedatectl set-ntp true; without a network set it by hand: sudo timedatectl set-time '...'"
    if not max(installed_ms, _FLOOR_MS) <= look.now_ms <= _FLOOR_MS + _AHEAD_MS:
        means = "Seconds would be stored under a wrong date."
        yield fault("clock", f"it is {at} here, which cannot be", means, set_it)
    elif not is_synchronised():
        means = "Nothing corrects it; a machine without a battery for its clock is wrong after a power cut."
        yield warning("clock", f"it is {at} here, and nothing keeps it right", means, set_it)
    else:
        yield ok("clock", f"{at}, kept right by NTP")


def memory(look: Look) -> _Found:
    """Whether there is memory left, and whether the kernel ever ran out of it."""
    said = _numbers(look.root / "proc/meminfo")
    total_mb, left_mb = (said.get(name, 0) // 1000 for name in ("MemTotal:", "MemAvailable:"))
    less = "Stop what is not needed on this machine, or use one with more memory."
    if total_mb and left_mb < max(_LOW_MB, total_mb * _LOW_SHARE):
        means = "The kernel ends programs when it has none left."
        yield warning("memory", f"{left_mb} of {total_mb} MB left", means, less)
    elif total_mb:
        yield ok("memory", f"{left_mb} of {total_mb} MB left")
    if killed := _numbers(look.root / "proc/vmstat").get("oom_kill", 0):
        means = "Memory ran out since the last start, and the kernel ended programs. They were started again."
        yield warning("memory", f"the kernel ended {killed} programs", means, less)


def _numbers(file: Path) -> dict[str, int]:
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}


def time_zone(look: Look) -> _Found:
    """Whose days the history has."""
    name = look.config.history.timezone
    choose = 'Set timezone = "Europe/Brussels", or yours, in [history]; or sudo timedatectl set-timezone ...'
    try:
        where = zone(name)
    except NilmError as error:
        yield fault("time zone", str(error), "Commands about days fail.", choose)
        return
    offset_s = datetime.fromtimestamp(look.now_ms / 1000, where).utcoffset()
    midsummer_s = datetime(2026, 7, 1, tzinfo=where).utcoffset()
    if not name and not offset_s and not midsummer_s:
        means = "Days, and what they cost, begin at midnight UTC."
        yield warning("time zone", "this machine has UTC, and none is configured", means, choose)
    else:
        local = datetime.fromtimestamp(look.now_ms / 1000, where).strftime("%H:%M")
        yield ok("time zone", f"{name or 'of this machine'}: it is {local} there")


def sd_card(look: Look) -> _Found:
    """Where the data is on an SD card, what wears it out for nothing; under-voltage of a Raspberry Pi."""
    try:
        mounts = (look.root / "proc/mounts").read_text()
    except OSError:
        mounts = ""
    device, options = _mount_of(Path(look.config.data_dir), mounts)
    if not device.startswith("/dev/mmcblk"):
        yield ok("SD card", "the data is on none")
    else:
        hints = []
        if "noatime" not in options:
            hints.append("each read writes (add noatime to its line in /etc/fstab)")
        if not _journal_is_limited(look.root):
            hints.append("the journal may grow to 4 GB (SystemMaxUse=100M in /etc/systemd/journald.conf.d/)")
        if any(line.startswith(("/var/swap", "/dev/mmcblk")) for line in _lines(look.root / "proc/swaps")):
            hints.append("memory is swapped to it (sudo dphys-swapfile swapoff; sudo systemctl disable dphys-swapfile)")
        if look.config.durability == "sample":
            hints.append('durability = "sample" writes twice what "second" does')
        if hints:
            yield warning("SD card", "; ".join(hints), "The card wears out sooner.", "What stands in brackets.")
        else:
            yield ok("SD card", f"{device} is spared")
    throttled = "".join(_lines(look.root / "sys/devices/platform/soc/soc:firmware/get_throttled"))
    if throttled and int(throttled, 16) & 0x10001:
        means = "The power supply is too weak: SD cards break from that."
        yield warning("power", "the Raspberry Pi had under-voltage since its start", means, "Use its own power supply.")


def _mount_of(place: Path, mounts: str) -> tuple[str, list[str]]:
    """Device and options of the mount that holds `place`."""
    best, found = -1, ("", [""])
    real = place.resolve()
    for words in map(str.split, mounts.splitlines()):
        if len(words) > 3 and real.is_relative_to(words[1].replace("\\040", " ")) and len(words[1]) > best:
            best, found = len(words[1]), (words[0], words[3].split(","))
    return found


def _journal_is_limited(root: Path) -> bool:
    folders = [root / "etc/systemd", *(root / f"{top}/systemd/journald.conf.d" for top in ("etc", "usr/lib", "run"))]
    files = [file for folder in folders for file in sorted(folder.glob("*.conf"))]
    lines = [line.strip() for file in files if "journald" in str(file) for line in _lines(file)]
    return any(line.startswith(("SystemMaxUse=", "Storage=volatile", "Storage=none")) for line in lines)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []
