"""What journalctl can be asked for, as the journal would get it."""

import logging
from typing import Any

import pytest

from edge.adapters.systemd import Journal, has_journal
from edge.errors import Unavailable
from edge.log import Fields, TextLines


class Caught(Journal):
    """A journal that keeps what it would send."""

    def __init__(self, building: str) -> None:
        super().__init__(Fields(building))
        self.setFormatter(TextLines("%(message)s"))
        self.sent: list[dict[str, Any]] = []
        self._send = lambda message, **fields: self.sent.append({"MESSAGE": message, **fields})


def said(building: str, message: str, **more: Any) -> dict[str, Any]:
    journal = Caught(building)
    log = logging.Logger("nilm.persist")
    log.addHandler(journal)
    log.warning(message, **more)
    (sent,) = journal.sent
    return sent


def test_a_line_says_of_what_service_and_building_it_is() -> None:
    sent = said("home", "all is well")
    assert {name: value for name, value in sent.items() if not name.startswith("CODE_")} == {
        "MESSAGE": "all is well",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "nilm-edge",
        "NILM_SERVICE": "persist",
        "NILM_BUILDING": "home",
    }
    assert said("home", "gone", extra={"building": "barn", "code": "away"}).items() >= {
        ("NILM_BUILDING", "barn"),
        ("NILM_CODE", "away"),
    }
    assert "NILM_BUILDING" not in said("", "of several")


def test_an_error_is_its_own_code() -> None:
    sent = said("home", "it failed", exc_info=Unavailable("away"))
    assert sent["NILM_CODE"] == "Unavailable"
    assert "edge.errors.Unavailable: away" in sent["MESSAGE"]


def test_without_systemd_there_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    assert not has_journal()
