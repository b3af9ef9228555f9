"""Private mosquitto, redis-server and influxd on loopback, with their data in one folder."""

import os
import shutil
from pathlib import Path

from edge.adapters import influx_files, redis_files
from edge.adapters.files import renames_last
from edge.adapters.processes import Child
from edge.durability import mosquitto_settings, redis_settings
from edge.errors import NilmError
from edge.settings import Config

PACKAGES = {"mosquitto": "mosquitto", "redis-server": "redis-server", "influxd": "influxdb"}
"""Each server's program and the Debian package that has it."""

RESTORING = "restoring"
"""In a data folder as long as a restore into it is not complete."""

_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


class MissingServer(NilmError):
    """A server's program is not installed."""

    exit_code = 2


def find_servers() -> dict[str, str]:
    """Each server's program; MissingServer with the one command that installs what is missing."""
    found = {name: shutil.which(name, path=_SEARCH_PATH) for name in PACKAGES}
    missing = [PACKAGES[name] for name, program in found.items() if program is None]
    if missing:
        raise MissingServer(
            f"{' and '.join(missing)} not installed. Install with:\n\n    sudo apt-get install {' '.join(missing)}\n"
        )
    return {name: program for name, program in found.items() if program}


def private_servers(config: Config, programs: dict[str, str], data_dir: Path) -> list[Child]:
    """The three servers as `config` expects them, not started yet; their folders and configuration are made."""
    return [
        _mosquitto(config, programs["mosquitto"], data_dir),
        _redis(config, programs["redis-server"], data_dir),
        _influxd(int(config.influx.url.rsplit(":", 1)[1]), programs["influxd"], data_dir),
    ]


def _mosquitto(config: Config, program: str, data_dir: Path) -> Child:
    home = _folder(data_dir / "mosquitto")
    if config.durability != "relaxed":
        renames_last(home)  # mosquitto syncs what it saves, and not that it has put it in place
    settings = f"""\
listener {config.mqtt.port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {home}/
{mosquitto_settings(config.durability)}\
log_type error
log_type warning
log_type notice
"""
    if os.geteuid() == 0:
        settings += "user root\n"  # the folder is the caller's: mosquitto must not drop to its own user
    file = _written(home / "mosquitto.conf", settings)
    return Child("mosquitto", [program, "-c", str(file)], data_dir / "log" / "mosquitto.log")


def _redis(config: Config, program: str, data_dir: Path) -> Child:
    port = int(config.redis.url.rsplit(":", 1)[1].split("/")[0])
    home = _folder(data_dir / "redis")
    redis_files.mend(home)
    settings = f"""\
bind 127.0.0.1
port {port}
dir "{home}"
{redis_settings(config.durability)}\
loglevel warning
"""
    file = _written(home / "redis.conf", settings)
    return Child("redis-server", [program, str(file)], data_dir / "log" / "redis-server.log")


def _influxd(port: int, program: str, data_dir: Path) -> Child:
    home = _folder(data_dir / "influxdb")
    data = _folder(home / "data")
    influx_files.mend(data)
    influx_files.remove_indexes(
        data
    )  # earlier versions had `tsi1`; InfluxDB deletes nothing in a database that has both kinds
    settings = f"""\
reporting-disabled = true
bind-address = "127.0.0.1:0"

[meta]
  dir = "{home}/meta"

[data]
  dir = "{data}"
  wal-dir = "{home}/wal"
  index-version = "inmem"
  query-log-enabled = false
  cache-snapshot-memory-size = "8m"

[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false

[monitor]
  store-enabled = false

[logging]
  level = "warn"
  suppress-logo = true
"""
    file = _written(home / "influxdb.conf", settings)
    return Child("influxd", [program, "-config", str(file)], data_dir / "log" / "influxd.log")


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
