"""Log lines: to systemd's journal with fields to search by, else on standard error as text or JSON."""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

from edge.adapters import systemd

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that this thread answers; each of its log lines names it."""


def start_logging(level: str, form: str = "text", building: str = "", service: str = "") -> None:
    """Send every logger's lines of `level` (debug, info, warning, error) and above to where they are kept.

    `building`: the only one there is, whose every line is then. `service`: what runs, such as ingest.
    With `form` json the journal gets JSON, too.
    """
    logging.raiseExceptions = False  # a log that cannot be written must not stop or fill anything
    handler: logging.Handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    if form == "text" and systemd.has_journal():
        handler = systemd.Journal(Fields(building, service))
        handler.setFormatter(TextLines("%(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


class Fields:
    """What the journal can be searched by. A line is of the building it names, by `extra`, or of the only one."""

    def __init__(self, building: str = "", service: str = "") -> None:
        self._building = building
        self._service = service

    def __call__(self, record: logging.LogRecord) -> dict[str, str]:
        """The fields of one line; the code is what it names, or the class of the error it tells, or empty."""
        error = record.exc_info[0] if record.exc_info else None
        return {
            "NILM_SERVICE": self._service or record.name.removeprefix("nilm."),
            "NILM_BUILDING": getattr(record, "building", self._building),
            "NILM_CODE": getattr(record, "code", error.__name__ if error else ""),
        }


class TextLines(logging.Formatter):
    """One line for people; what a caller sent cannot begin a line of its own."""

    def __init__(self, form: str = "%(asctime)s %(levelname)s %(name)s: %(message)s") -> None:
        super().__init__(form)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """The line before a traceback."""
        line = super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")
        return f"{line} (request {request_id.get()})" if request_id.get() else line


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message; request_id and error where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            said["request_id"] = request_id.get()
        if record.exc_info and record.exc_info[0]:
            said["error"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(said)
