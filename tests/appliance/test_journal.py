"""What journalctl can be asked for, as the journal would get it."""

import logging
from typing import Any

import pytest

from edge.adapters.systemd import Journal, has_journal
from edge.errors import Unavailable
from edge.log import Fields, TextLines


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What reaches the journal's own library."""
    lines: list[dict[str, str]] = []
    monkeypatch.setattr("systemd.journal.sendv", lambda *fields: lines.append(dict(map(_split, fields))))
    return lines


def _split(field: str | bytes) -> tuple[str, str]:
    text = field.decode() if isinstance(field, bytes) else field
    name, _, value = text.partition("=") if "=" in text.split("\n", 1)[0] else text.partition("\n")
    return name, value


def say(building: str, message: str, **more: Any) -> None:
    journal = Journal(Fields(building))
    journal.setFormatter(TextLines("%(message)s"))
    log = logging.Logger("nilm.persist")
    log.addHandler(journal)
    log.warning(message, **more)


def test_a_line_says_of_what_service_and_building_it_is(sent: list[dict[str, str]]) -> None:
    say("home", "all is well")
    assert {name: value for name, value in sent[0].items() if not name.startswith("CODE_")} == {
        "MESSAGE": "all is well",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "nilm-edge",
        "NILM_SERVICE": "persist",
        "NILM_BUILDING": "home",
    }
    assert sent[0]["CODE_FILE"] == __file__
    say("home", "gone", extra={"building": "barn", "code": "away"})
    assert (sent[1]["NILM_BUILDING"], sent[1]["NILM_CODE"]) == ("barn", "away")
    say("", "of several")
    assert "NILM_BUILDING" not in sent[2]


def test_an_error_is_its_own_code(sent: list[dict[str, str]]) -> None:
    say("home", "it failed", exc_info=Unavailable("away"))
    assert sent[0]["NILM_CODE"] == "Unavailable"
    assert "edge.errors.Unavailable: away" in sent[0]["MESSAGE"]


def test_without_systemd_there_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    assert not has_journal()


def test_the_library_takes_every_line() -> None:
    """Sent for good: without a journal it goes nowhere, and what the library refuses raises all the same."""

    class Loud(Journal):
        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
            raise AssertionError(f"lost: {record.getMessage()}")

    log = logging.Logger("nilm.persist")
    log.addHandler(Loud(Fields("home")))
    log.info("started", extra={"code": "started"})
    try:
        raise Unavailable("away")
    except Unavailable:
        log.exception("it failed")
