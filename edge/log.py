"""Log lines on standard error, as text or JSON: systemd or `nilm-edge run` keeps them."""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that this thread answers; each of its log lines names it."""


def start_logging(level: str, form: str = "text") -> None:
    """Send every logger's lines of `level` (debug, info, warning, error) and above to standard error."""
    logging.raiseExceptions = False  # a log that cannot be written must not stop or fill anything
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler])


class TextLines(logging.Formatter):
    """One line for people; what a caller sent cannot begin a line of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

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
