import fcntl
import os
import struct
from pathlib import Path

import pytest

from edge.adapters.files import renames_last, write_whole
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


def test_a_folder_whose_renames_last_says_so_to_the_file_system(tmp_path: Path) -> None:
    inside = os.open(tmp_path, os.O_RDONLY)
    try:
        promised = renames_last(tmp_path)
        try:
            (flags,) = struct.unpack("I", fcntl.ioctl(inside, 0x80086601, bytes(4)))
        except OSError:
            flags = 0  # not of this file system
    finally:
        os.close(inside)
    assert promised == bool(flags & 0x10000)
    assert renames_last(tmp_path) == promised


def test_a_file_system_that_has_no_such_promise() -> None:
    assert not renames_last(Path("/proc/self"))
