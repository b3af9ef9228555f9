"""`nilm-edge diagnostics`: what a person elsewhere needs to find out what is wrong, in one file, without secrets."""

import gzip
import io
import json
import platform
import sys
import tarfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, BinaryIO

from edge import __version__
from edge.adapters.influx import Influx
from edge.adapters.processes import output_of
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.config_text import to_toml, without_secrets
from edge.doctor.examine import as_json, examine
from edge.doctor.finding import Finding, Look, ok
from edge.errors import NilmError
from edge.gaps import Gaps
from edge.local_time import zone
from edge.log_tail import NAMES, tail
from edge.scrub import Scrubber, secrets_of
from edge.settings import Config
from edge.status import status
from edge.unit import now_ms

_LINES = 2000
_DAYS = 7
_TAIL_BYTES = 200_000
_LAST_S = 600
_TIMEOUT_S = 5.0
Say = Callable[[str], None]


def run(config: Config, config_file: Path | None, out: BinaryIO, say: Say) -> dict[str, Any]:
    """Write the archive to `out`; what is in it, what could not be had, and the doctor's findings."""
    secrets, unread = secrets_of(config)
    archive = Archive(out, Scrubber(secrets))
    streams = Streams.connect(config.redis.url, timeout_s=_TIMEOUT_S)
    bare, _ = without_secrets(config)
    say("looking at everything")
    found = [ok("configuration", str(config_file or "defaults")), *examine(Look(config, config_file, now_ms()))]
    archive.add("doctor.json", lambda: _json(as_json(found)))
    archive.add("config.toml", lambda: to_toml(bare, comments=True))
    archive.add("versions.json", lambda: _json(versions()))
    archive.add("machine.txt", lambda: machine(Path("/")))
    archive.add("status.json", lambda: _json(_status(config, streams)))
    archive.add("metrics.txt", lambda: _metrics(streams))
    say("looking for gaps")
    archive.add("gaps.json", lambda: _json(_gaps(config, streams)))
    say("collecting logs")
    for name in NAMES:
        archive.add(f"logs/{name}.log", partial(_log, config, name))
    archive.add("logs/run.log", lambda: _end_of(Path(config.data_dir) / "log" / "run.log"))
    return archive.finish(unread, found)


class Archive:
    """A tar.gz that is being written: every text goes through the scrubber; what cannot be had is told in it."""

    def __init__(self, out: BinaryIO, scrubber: Scrubber) -> None:
        self._zipped = gzip.GzipFile(fileobj=out, mode="wb", mtime=0)
        self._tar = tarfile.open(fileobj=self._zipped, mode="w")  # noqa: SIM115 - closed by finish
        self._scrubber = scrubber
        self.names: list[str] = []
        self.left_out: dict[str, str] = {}

    def add(self, name: str, text: Callable[[], str]) -> None:
        """Add what `text` gives; an empty one is left out without a word."""
        try:
            content = self._scrubber.scrub(text()).encode()
        except NilmError as error:
            self.left_out[name] = self._scrubber.scrub(str(error))
            return
        except Exception as error:  # what is broken is what this is for
            self.left_out[name] = self._scrubber.scrub(f"a mistake of ours: {error!r}")
            return
        if content:
            about = tarfile.TarInfo(f"nilm-edge-diagnostics/{name}")
            about.size, about.mtime, about.mode = len(content), int(time.time()), 0o600
            self._tar.addfile(about, io.BytesIO(content))
            self.names.append(name)

    def finish(self, unread: list[str], found: list[Finding]) -> dict[str, Any]:
        """End the file."""
        told = {
            "version": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": list(self.names),
            "left_out": self.left_out,
            "secrets_not_looked_into": unread,
        }
        self.add("about.json", lambda: _json(told))
        self._tar.close()
        self._zipped.close()
        return {**told, "level": as_json(found)["level"]}


def versions() -> dict[str, Any]:
    """Ours, Python's, each package's and the system's."""
    packages = {str(one.metadata["Name"]).lower(): one.version for one in distributions()}
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        system = ""
    return {
        "nilm-edge": __version__,
        "python": sys.version,
        "system": system,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "packages": dict(sorted(packages.items())),
    }


def machine(root: Path) -> str:
    """Memory, load, disks and units, as the kernel and systemd have them."""
    parts = [f"== {name}\n{_end_of(root / name)}" for name in ("proc/meminfo", "proc/loadavg", "proc/mounts")]
    asked = (["df", "-h"], ["systemctl", "--no-pager", "list-units", "--all", "nilm-*"], ["timedatectl"])
    parts += [f"== {' '.join(command)}\n{said}" for command in asked if (said := output_of(command, _TIMEOUT_S))]
    return "\n".join(parts)


def _status(config: Config, streams: Streams) -> dict[str, Any]:
    return status(streams, Influx.connect(config.influx, influx_token(config)), config, now_ms(), _LAST_S)


def _metrics(streams: Streams) -> str:
    from gateway.metrics import as_text  # noqa: PLC0415 - the gateway's, which nothing else here needs

    return as_text(streams, now_ms())


def _gaps(config: Config, streams: Streams) -> dict[str, Any]:
    influx = Influx.connect(config.influx, influx_token(config))
    buildings = sorted({meter.building for meter in config.meters})
    return Gaps(config, streams, influx).summary(buildings, now_ms(), _DAYS, zone(config.history.timezone))


def _log(config: Config, name: str) -> str:
    lines = [line for _, line in tail(Path(config.data_dir), name, _LINES).lines]
    return "".join(
        f"{datetime.fromtimestamp((line.at_ms or 0) / 1000, UTC).isoformat(timespec='milliseconds')} "
        f"{line.level} {line.logger}: {line.message}\n"
        for line in lines
    )


def _end_of(file: Path) -> str:
    try:
        return file.read_text(errors="replace")[-_TAIL_BYTES:]
    except OSError:
        return ""


def _json(said: object) -> str:
    return json.dumps(said, indent=1, default=str)
