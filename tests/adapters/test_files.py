import fcntl
import os
import struct
from pathlib import Path

import pytest

from edge.adapters.files import hand_over, renames_last, write_whole
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_made_is_handed_over_to_the_folder_s_owner(tmp_path: Path) -> None:
    (tmp_path / "made" / "deep").mkdir(parents=True)
    (tmp_path / "made" / "file").write_text("")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "theirs").write_text("")
    os.chown(tmp_path / "theirs", 4321, 4321)
    os.chown(tmp_path, 1234, 1234)
    hand_over(tmp_path)
    owners = {path.name: path.lstat().st_uid for path in tmp_path.rglob("*")}
    assert owners == {"made": 1234, "deep": 1234, "file": 1234, "link": 1234, "theirs": 4321}
    assert Path("/etc/passwd").stat().st_uid == 0


def test_a_folder_of_root_s_own_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = (tmp_path / "file").stat().st_uid
    hand_over(tmp_path)
    hand_over(tmp_path / "nowhere")
    assert (tmp_path / "file").stat().st_uid == before
