"""Reads the configuration: defaults, then one TOML file, then the environment."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from edge.config_versions import as_now
from edge.errors import ConfigError
from edge.settings import Config, Meter, settings_of, tables_of

SYSTEM_FILE = Path("/etc/nilm-edge/config.toml")
SECRETS_DIR = Path("/etc/nilm-edge/secrets")
"""Where an installed appliance keeps secrets, a folder each for whom they are; only root may read them."""
PREFIX = "NILM_EDGE__"
KNOWN_NAMES = {
    "REDIS_URL": ("redis", "url"),
    "INFLUX_URL": ("influx", "url"),
    "INFLUX_TOKEN": ("influx", "token"),
    "INFLUX_ORG": ("influx", "org"),
    "INFLUX_BUCKET_RAW": ("influx", "bucket_raw"),
    "INFLUX_BUCKET_PRED": ("influx", "bucket_pred"),
    "CORS_ORIGINS": ("gateway", "cors_origins"),
    "PORT": ("gateway", "port"),
    "E2E_PROBES_ENABLED": ("gateway", "e2e_probes"),
}
"""Variables that users know from the system this one succeeds."""


def load_config(file: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read `file` (or the system's, where there is one), then the environment. ConfigError names the key."""
    config = Config()
    if file is None and SYSTEM_FILE.exists():
        file = SYSTEM_FILE
    if file is not None:
        config = _from_toml(config, _read_toml(file), str(file))
    return _from_environment(config, environ)


def parse_config(text: str, where: str) -> Config:
    """The configuration in a TOML text, the rest at its defaults; ConfigError names `where` and the key."""
    try:
        return _from_toml(Config(), tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}") from error


def config_with(config: Config, data: Mapping[str, Any], where: str) -> Config:
    """`config` with what `data`, the content of a file, says; ConfigError names `where` and the key."""
    return _from_toml(config, data, where)


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without the variables that set something, for a process whose settings stand in its file."""
    return {key: value for key, value in environ.items() if not key.startswith(PREFIX) and key not in KNOWN_NAMES}


def only_building(config: Config) -> str:
    """The building where there is one alone; empty for several."""
    buildings = {meter.building for meter in config.meters}
    return buildings.pop() if len(buildings) == 1 else ""


def secret_file(file: str) -> str:
    """Where a secret's file is: a bare name such as mqtt_password is a systemd credential of this service.

    For who starts a command by hand it is the file that systemd takes it from, /etc/nilm-edge/secrets/mqtt/password.
    """
    if not file or "/" in file:
        return file
    if credentials := os.environ.get("CREDENTIALS_DIRECTORY"):
        return str(Path(credentials, file))
    of_whom, _, name = file.partition("_")
    kept = SECRETS_DIR / of_whom / name
    return str(kept) if name and kept.exists() else file


def read_secret(file: str) -> str:
    """The first line of a secret's file, which `secret_file` finds; empty where no file is named.

    ConfigError where it cannot be read.
    """
    if not file:
        return ""
    try:
        return Path(secret_file(file)).read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise ConfigError(f"cannot read the secret in {file}: {error}") from error


def central_secrets(config: Config) -> tuple[str, str]:
    """The central server's token and password, from their files or from systemd's credentials."""
    files = (config.central.token_file, config.central.password_file)
    named = zip(files, ("central_token", "central_password"), strict=True)
    token, password = (read_secret(file or _credential(name)) for file, name in named)
    return token, password


def _credential(name: str) -> str:
    """The file of a credential that was put there without being named; empty for none."""
    file = Path(secret_file(name))
    return str(file) if file.is_absolute() and file.exists() else ""


def influx_token(config: Config) -> str:
    """The InfluxDB token from the configuration or its file."""
    return config.influx.token or read_secret(config.influx.token_file)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error


def _from_toml(config: Config, data: Mapping[str, Any], where: str) -> Config:
    for name, value in as_now(data, where).items():
        known = {about.name for about in fields(Config)}
        if name not in known:
            raise ConfigError(f"{where}: unknown key {name!r}{did_you_mean(name, known)}")
        present = getattr(config, name)
        if name == "meters":
            if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
                raise ConfigError(f"{where}: meters must be written as [[meters]] tables")
            meters = tuple(_fill(Meter(), entry, f"{where}: meters[{i}]") for i, entry in enumerate(value))
            _check_appliances(meters, where)
            config = replace(config, meters=meters)
        elif is_dataclass(present):
            if not isinstance(value, dict):
                raise ConfigError(f"{where}: {name} must be a [{name}] table")
            config = replace(config, **{name: _fill(present, value, f"{where}: {name}")})
        else:
            config = _fill(config, {name: value}, where)
    return config


def _check_appliances(meters: Sequence[Meter], where: str) -> None:
    """ConfigError unless each measured appliance is of a building with mains, and measured once."""
    mains = {meter.building for meter in meters if not meter.appliance}
    seen: dict[tuple[str, str], int] = {}
    for i, meter in enumerate(meters):
        if not meter.appliance:
            continue
        if meter.building not in mains:
            raise ConfigError(
                f"{where}: meters[{i}].building: {meter.building!r} has no meter of its mains: "
                "add a [[meters]] table without appliance"
            )
        first = seen.setdefault((meter.building, meter.appliance), i)
        if first != i:
            raise ConfigError(f"{where}: meters[{i}].appliance: meters[{first}] measures {meter.appliance!r} already")


def _fill(table: Any, data: Mapping[str, Any], where: str) -> Any:
    known = {name: about for name, _, about in settings_of(table)}
    tables = dict(tables_of(table))
    changes = {}
    for key, value in data.items():
        if key in tables:
            if not isinstance(value, dict):
                raise ConfigError(f"{where}.{key} must be a table")
            changes[key] = _fill(tables[key], value, f"{where}.{key}")
            continue
        if key not in known:
            raise ConfigError(f"{where}.{key}: unknown key{did_you_mean(key, {*known, *tables})}")
        changes[key] = _checked(value, getattr(table, key), known[key], f"{where}.{key}")
    return replace(table, **changes)


def _checked(value: Any, default: Any, about: Field[Any], where: str) -> Any:
    kind = type(default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"{where}: must be {_KINDS[kind]}, not {value!r}")
    meta = about.metadata
    if meta["choices"] and value not in meta["choices"]:
        raise ConfigError(f"{where}: must be one of {', '.join(meta['choices'])}, not {value!r}")
    if meta["low"] is not None and not meta["low"] <= value <= meta["high"]:
        raise ConfigError(f"{where}: must be from {meta['low']} to {meta['high']}, not {value!r}")
    return value


def checked(table: Any, data: Mapping[str, Any], where: str) -> Any:
    """`table` with the values of `data`, each of its kind and within its bounds; ConfigError names the key."""
    return _fill(table, data, where)


_KINDS = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


def did_you_mean(name: str, known: set[str]) -> str:
    """The end of a sentence that names the nearest known name; empty where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _from_environment(config: Config, environ: Mapping[str, str]) -> Config:
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX):
            path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        elif name in KNOWN_NAMES:
            path = KNOWN_NAMES[name]
        else:
            continue
        config = _set_from_text(config, path, text, name)
    return config


def _set_from_text(config: Config, path: tuple[str, ...], text: str, name: str) -> Config:
    present: Any = config
    for key in path:
        present = getattr(present, key, None)
    value: Any = text
    if isinstance(present, (int, float)):
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            raise ConfigError(f"{name}: must be {_KINDS[type(present)]}, not {text!r}") from None
    for key in reversed(path):
        value = {key: value}
    return _from_toml(config, value, name)
