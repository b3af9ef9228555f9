"""Notes of changed hours survive everything, and each reader has its own."""

from pathlib import Path

import pytest

from edge.adapters.changed_hours import HOUR_MS, ChangedHours


def test_a_change_is_noted_once_an_hour_for_each_reader(tmp_path: Path) -> None:
    ChangedHours(tmp_path).note("home", [5 * HOUR_MS, 5 * HOUR_MS + 59_000, 7 * HOUR_MS - 1000])
    again = ChangedHours(tmp_path)  # another process
    assert again.waiting("snapshot") == {"home": [5 * HOUR_MS, 6 * HOUR_MS]}
    assert again.waiting("sync") == again.waiting("snapshot")


def test_clearing_takes_one_note_of_one_reader(tmp_path: Path) -> None:
    changed = ChangedHours(tmp_path)
    changed.note("home", [0, HOUR_MS])
    changed.clear("sync", "home", 0)
    changed.clear("sync", "home", 0)
    assert changed.waiting("sync") == {"home": [HOUR_MS]}
    assert changed.waiting("snapshot") == {"home": [0, HOUR_MS]}


def test_a_building_is_no_path(tmp_path: Path) -> None:
    for name in ("../x", "a/b", "..", ""):
        with pytest.raises(ValueError, match="is no building"):
            ChangedHours(tmp_path).note(name, [0])


def test_a_half_written_note_is_no_note(tmp_path: Path) -> None:
    changed = ChangedHours(tmp_path)
    changed.note("home", [0], ["sync"])
    (tmp_path / "changed" / "sync" / "home" / "3600000.part").write_bytes(b"")
    assert changed.waiting("sync") == {"home": [0]}


def test_a_note_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    changed = ChangedHours(tmp_path)
    changed.note("home", [5], ["predict"])
    file = tmp_path / "changed" / "predict" / "home" / "0"
    before = file.stat().st_mtime_ns
    changed.note("home", [7], ["predict"])
    assert file.stat().st_mtime_ns == before
    changed.clear("predict", "home", 0)
    changed.note("home", [7], ["predict"])
    assert changed.waiting("predict") == {"home": [0]}
