"""What the tests of `nilm-edge doctor` ask of findings."""

from typing import Any

from edge.doctor.examine import as_json
from edge.doctor.finding import Finding, Level, Look
from edge.settings import Config
from edge.unit import now_ms


def look(config: Config, services: Any = None) -> Look:
    return Look(config, None, now_ms(), services=services or {})


def worst(found: list[Finding]) -> Level:
    return Level(as_json(found)["level"])


def only(found: list[Finding], level: Level) -> Finding:
    (one,) = [one for one in found if one.level is level]
    assert one.means
    assert one.do
    return one


def only_ok(found: list[Finding]) -> str:
    (one,) = found
    assert one.level is Level.OK
    return one.said
