"""The commands about a second machine: backup, restore."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from edge.config import SYSTEM_FILE, load_config, parse_config
from edge.errors import ConfigError, NilmError, Unavailable
from edge.log import start_logging
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]
_SAY_EVERY_S = 1.0


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parsers; `command` makes one, `load` reads the configuration that its options name."""
    backup = command(
        commands,
        "backup",
        "write all that a new machine needs into one file; exit code 1 where something had to be left out",
        "nilm-edge backup /mnt/usb/home.tar",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="the file to write, a tar; - for standard output")
    backup.add_argument("--with-secrets", action="store_true", help="passwords and tokens too: keep such a file safe")
    backup.add_argument("--no-snapshot", action="store_true", help="do not store closed hours as Parquet first")
    backup.add_argument("--json", action="store_true", help="say what is in it as JSON")
    backup.set_defaults(do=lambda options: _backup(options, load(options)))
    restore = commands.add_parser(
        "restore",
        help="make a data folder and its InfluxDB from a backup; nothing is changed unless all of it is good",
        description="Make a data folder and its InfluxDB from a backup. Nothing is changed unless all of it is good.",
        epilog="Example:\n  nilm-edge restore home.tar --check\n  nilm-edge restore home.tar --data-dir var\n"
        "  nilm-edge restore home.tar --config /etc/nilm-edge/config.toml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="what nilm-edge backup wrote; - for standard input")
    where = restore.add_mutually_exclusive_group()
    where.add_argument("--check", action="store_true", help="look through the backup and say what it holds")
    where.add_argument("--data-dir", type=Path, metavar="DIR", help="for nilm-edge run, with servers of its own")
    where.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"for services: their configuration (default: {SYSTEM_FILE}); made from the backup's where there is none",
    )
    restore.add_argument("--force", action="store_true", help="move aside what the data folder holds")
    restore.add_argument("--json", action="store_true", help="say what was done as JSON")
    restore.set_defaults(do=_restore)


def _backup(options: argparse.Namespace, config: Config) -> int:
    from edge.adapters.files import written_whole  # noqa: PLC0415 - each command loads only what it needs
    from edge.backup import run  # noqa: PLC0415
    from edge.unit import be_nice  # noqa: PLC0415

    start_logging("warning")
    be_nice()
    progress = _Progress()
    how = {"with_secrets": options.with_secrets, "snapshot": not options.no_snapshot}
    if str(options.file) == "-":
        if sys.stdout.isatty():
            raise NilmError("a backup is no text for a terminal: name a file, or send it to a program.")
        done = run(config, sys.stdout.buffer, progress.say, **how)
        sys.stdout.buffer.flush()
    else:
        if not options.file.parent.is_dir():
            raise NilmError(f"there is no folder {options.file.parent}")
        with written_whole(options.file, private=True) as out:
            done = run(config, out, progress.say, **how)
    progress.end()
    text = json.dumps(done, indent=2) if options.json else _backup_text(str(options.file), done)
    print(text, file=sys.stderr if str(options.file) == "-" else sys.stdout)
    return int(bool(done["left_out"]))


def _backup_text(file: str, done: dict[str, Any]) -> str:
    days, hours, mb = done["days"], done["newest_hours"], done["bytes"] / 1e6
    lines = [f"{file}: {', '.join(done['buildings'])}, {days} days and {hours} newer hours, {mb:.1f} MB"]
    if done["with_secrets"]:
        lines.append("It holds passwords and tokens: keep it where nobody else can read it.")
    return "\n".join(lines + _not_in_it(done))


def _not_in_it(done: dict[str, Any]) -> list[str]:
    lines = [f"NOT in it: {what}" for what in done["left_out"]]
    if done["secrets_left_out"]:
        lines.append(f"Secrets are not in it: {', '.join(done['secrets_left_out'])}")
    return lines


def _restore(options: argparse.Namespace) -> None:
    from edge.backup_contents import look  # noqa: PLC0415
    from edge.restore import RESTORED_CONFIG, run  # noqa: PLC0415

    start_logging("warning")
    progress = _Progress()
    with _opened(options.file) as stream:
        progress.say("looking through the backup")
        found = look(stream)
        if options.check:
            progress.end()
            _say_contents(options, found)
            return
        config, missing = _target_config(options, found.config)
        done = run(stream, found, _target(options, config), progress.say, force=options.force)
    progress.end()
    restored = Path(config.data_dir) / RESTORED_CONFIG
    if missing:
        _install(restored, missing, private=found.manifest.with_secrets)
    if options.json:
        print(json.dumps(done, indent=2))
        return
    print(
        f"{config.data_dir}: {', '.join(done['buildings'])}, {done['days']} days, {done['days_in_influx']} of them "
        f"in InfluxDB as well, and {done['newest_hours']} newer hours"
    )
    if done["moved_aside"]:
        print(f"What was there is in {done['moved_aside']}")
    print("\n".join(_not_in_it(done)), end="\n" if _not_in_it(done) else "")
    print(f"The backup's configuration is {restored}")
    start = f"nilm-edge run --data-dir {options.data_dir} --config {restored}" if options.data_dir else "the services"
    print(f"Start now: {start}")


def _target(options: argparse.Namespace, config: Config) -> Any:
    from edge.restore import Target  # noqa: PLC0415

    inside = [file for file in (options.file, options.config or SYSTEM_FILE) if _is_in(file, Path(config.data_dir))]
    return Target(config, options.data_dir is not None, frozenset(file.name for file in inside))


def _target_config(options: argparse.Namespace, archived: str) -> tuple[Config, Path | None]:
    """The configuration of the new machine, and where it is to be made because it is not there yet."""
    if options.data_dir:
        return replace(
            parse_config(archived, "the backup's configuration"), data_dir=str(options.data_dir.resolve())
        ), None
    file = options.config or SYSTEM_FILE
    if file.exists():
        return load_config(file), None
    if not options.config:
        raise ConfigError(
            f"say where: --data-dir DIR for nilm-edge run, or --config FILE for services; there is no {SYSTEM_FILE}"
        )
    return parse_config(archived, "the backup's configuration"), options.config


def _install(restored: Path, place: Path, *, private: bool) -> None:
    from edge.adapters.files import write_whole  # noqa: PLC0415

    write_whole(place, restored.read_bytes(), private=private)


def _say_contents(options: argparse.Namespace, found: Any) -> None:
    manifest = found.manifest
    said = {
        "version": manifest.version,
        "created": manifest.created,
        "buildings": manifest.buildings,
        "days": len(found.days),
        "newest_hours": len({name.rpartition("-")[2] for name in found.newest}),
        "files": len(manifest.members),
        "bytes": found.size_bytes,
        "with_secrets": manifest.with_secrets,
        "left_out": manifest.left_out,
        "secrets_left_out": manifest.secrets_left_out,
    }
    if options.json:
        print(json.dumps(said, indent=2))
        return
    print(f"{options.file} is good: of nilm-edge {manifest.version}, {manifest.created}")
    print(_backup_text("It holds", said))


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    """The backup, which is read twice: what cannot be is kept in a nameless file meanwhile."""
    with ExitStack() as stack:
        try:
            stream: IO[bytes] = sys.stdin.buffer if str(file) == "-" else stack.enter_context(file.open("rb"))
            if str(file) == "-" or not stream.seekable():
                kept = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(stream, kept, 1 << 20)
                kept.seek(0)
                stream = kept
        except OSError as error:
            raise Unavailable(f"cannot read {file}: {error.strerror}") from error
        yield stream


def _is_in(file: Path, folder: Path) -> bool:
    return file.resolve().parent == folder.resolve()


class _Progress:
    """Where a long piece of work is, on standard error: in place on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + _SAY_EVERY_S
        self._shown = False

    def say(self, text: str) -> None:
        """Show `text` unless something else was shown just now."""
        terminal = sys.stderr.isatty()
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + (_SAY_EVERY_S if terminal else 10 * _SAY_EVERY_S)
        width = shutil.get_terminal_size().columns - 1
        print(
            f"\r{text[:width]}\x1b[K" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True
        )
        self._shown = terminal

    def end(self) -> None:
        """Leave the terminal's line empty."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr)
