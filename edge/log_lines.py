"""Lines of a log, read back: ours as text or JSON, and those of mosquitto, Redis and InfluxDB."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

_OURS = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) (DEBUG|INFO|WARNING|ERROR|CRITICAL) ([\w.-]+): (.*)")
_REQUEST = re.compile(r"(.*) \(request ([A-Za-z0-9._-]{1,64})\)")
_MOSQUITTO = re.compile(r"(\d{10}): (?:(Warning|Error|Notice): )?(.*)")
_REDIS = re.compile(r"\d+:\w (\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) ([.\-*#]) (.*)")
_INFLUX = re.compile(r"ts=(\S+) lvl=(\w+) (.*)")
_REDIS_LEVELS = {".": "debug", "-": "info", "*": "info", "#": "warning"}
_LEVELS = {"warn": "warning", "notice": "info", "critical": "error"}
_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or a line and the traceback below it. `at_ms` is None, and texts are empty, where it does not say."""

    at_ms: int | None
    level: str
    logger: str
    message: str
    request_id: str = ""


def read_lines(lines: Iterable[str], where: tzinfo) -> list[Line]:
    """Lines as they were written, oldest first; times without a zone are those of `where`."""
    found: list[Line] = []
    for text in lines:
        if not (text := text.rstrip("\r\n")).strip():
            continue
        one = read_line(text, where)
        if one.at_ms is None and not one.level and found:  # a traceback, or a line that says no time
            before = found[-1]
            found[-1] = replace(before, message=f"{before.message}\n{text}"[:_LONGEST])
        else:
            found.append(one)
    return found


def read_line(text: str, where: tzinfo) -> Line:
    """One line; what it cannot make out is its message."""
    try:
        found = _json(text) if text.startswith("{") else _text(text, where)
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None:
        found = Line(None, "", "", *_request(text))
    level = found.level.lower()
    return replace(found, level=_LEVELS.get(level, level), message=found.message[:_LONGEST])


def _json(text: str) -> Line | None:
    said = json.loads(text)
    names = ("time", "level", "logger", "message")
    if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in names):
        return None
    message = said["message"] + (f"\n{said['error'].rstrip()}" if isinstance(said.get("error"), str) else "")
    at_ms = _ms(datetime.fromisoformat(said["time"]))
    return Line(at_ms, said["level"], said["logger"], message, str(said.get("request_id", "")))


def _text(text: str, where: tzinfo) -> Line | None:
    if ours := _OURS.fullmatch(text):
        at = datetime.strptime(ours[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=where)
        return Line(_ms(at) + int(ours[2]), ours[3], ours[4], *_request(ours[5]))
    if broker := _MOSQUITTO.fullmatch(text):
        return Line(int(broker[1]) * 1000, broker[2] or "info", "", broker[3])
    if redis := _REDIS.fullmatch(text):
        at = datetime.strptime(redis[1], "%d %b %Y %H:%M:%S.%f").replace(tzinfo=where)
        return Line(_ms(at), _REDIS_LEVELS[redis[2]], "", redis[3])
    if influx := _INFLUX.fullmatch(text):
        return Line(_ms(datetime.fromisoformat(influx[1])), influx[2], "", influx[3])
    return None


def _request(message: str) -> tuple[str, str]:
    """A message without the request that edge/log.py put behind it, and that request."""
    return (asked[1], asked[2]) if (asked := _REQUEST.fullmatch(message)) else (message, "")


def _ms(at: datetime) -> int:
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)
