from pathlib import Path

import pytest

from edge.adapters.files import write_whole
from edge.errors import Unavailable


def test_a_file_appears_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "new" / "batch.lp"
    write_whole(file, b"one")
    write_whole(file, b"two")
    assert file.read_bytes() == b"two"
    assert list(file.parent.iterdir()) == [file]


def test_a_disk_that_refuses_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot write"):
        write_whole(tmp_path / "file" / "batch.lp", b"one")
