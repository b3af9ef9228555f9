"""systemd: ready, a status in words, the watchdog, a socket it holds, its journal; nothing where it is not there."""

import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from systemd.daemon import listen_fds, notify


def ready() -> None:
    """The service is up."""
    notify("READY=1")


def progress(status: str) -> None:
    """The loop has gone round: feed the watchdog and say in words how it is."""
    notify(f"WATCHDOG=1\nSTATUS={status}")


def stopping() -> None:
    """The service is on its way out."""
    notify("STOPPING=1")


def passed_socket() -> socket.socket | None:
    """The listening socket that systemd has opened for this process, given once; None for none."""
    passed = listen_fds(True)
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)  # Python's copy: cheroot looks there, and would serve there with each of its servers
    return socket.socket(fileno=passed[0]) if passed else None


def wish(name: str) -> None:
    """Touch a file in this service's runtime folder, at which a path unit looks; nothing where it has none."""
    if folder := os.environ.get("RUNTIME_DIRECTORY"):
        Path(folder, name).touch()


def has_journal() -> bool:
    """Whether what is written to standard error ends up in the journal."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Journal(logging.Handler):
    """Sends log lines to the journal, each with the fields that `fields` finds in it; empty ones are left out."""

    def __init__(self, fields: Callable[[logging.LogRecord], Mapping[str, str]]) -> None:
        from systemd.journal import JournalHandler, send  # noqa: PLC0415 - of no use elsewhere

        super().__init__()
        self._send, self._priority_of = send, JournalHandler.map_priority
        self._fields = fields

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line; the journal adds the time, the unit and the process."""
        try:
            self._send(
                self.format(record),
                PRIORITY=str(self._priority_of(record.levelno)),
                SYSLOG_IDENTIFIER="nilm-edge",
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName,
                **{name: value for name, value in self._fields(record).items() if value},
            )
        except Exception:  # a log that cannot be written must not stop anything
            self.handleError(record)
