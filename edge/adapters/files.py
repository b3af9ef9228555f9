"""Files that appear whole or not at all."""

import fcntl
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edge.errors import Unavailable

_GET_FLAGS, _SET_FLAGS, _DIRSYNC = 0x80086601, 0x40086602, 0x00010000
"""FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_DIRSYNC_FL of linux/fs.h, 64 bits: what `chattr +D` sets."""


def write_whole(file: Path, content: bytes, *, private: bool = False) -> None:
    """Put `content` at `file`, safe against a power cut at any moment; Unavailable where the disk refuses."""
    with written_whole(file, private=private) as stream:
        stream.write(content)


def renames_last(folder: Path) -> bool:
    """Have each rename in `folder` on the disk before it returns, for programs that sync the file alone.

    False where the file system cannot promise it.
    """
    inside = os.open(folder, os.O_RDONLY)
    try:
        (flags,) = struct.unpack("I", fcntl.ioctl(inside, _GET_FLAGS, bytes(4)))
        fcntl.ioctl(inside, _SET_FLAGS, struct.pack("I", flags | _DIRSYNC))
    except OSError:
        return False
    finally:
        os.close(inside)
    return True


@contextmanager
def written_whole(file: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A stream whose content appears at `file` once the block has ended well, and never where it fails.

    `private`: nobody but the owner can read it, from its first byte on.
    """
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            if private:
                part.unlink(missing_ok=True)
                part.touch(0o600, exist_ok=False)
            with part.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.rename(file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_folder(file.parent)
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """On return the names in `folder` are on the disk."""
    inside = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(inside)
    finally:
        os.close(inside)


def hand_over(folder: Path) -> None:
    """Give what root made below `folder` to the folder's owner: the services, which could not change it otherwise.

    By way of open folders, so that nobody can lead it elsewhere meanwhile.
    """
    try:
        owner = folder.stat()
        if owner.st_uid == 0:
            return
        for _, folders, files, inside in os.fwalk(folder):
            for name in [*folders, *files]:
                found = os.stat(name, dir_fd=inside, follow_symlinks=False)
                if found.st_uid == 0 and (found.st_nlink == 1 or name in folders):
                    os.chown(name, owner.st_uid, owner.st_gid, dir_fd=inside, follow_symlinks=False)
    except OSError:
        pass  # not there, or it went meanwhile: the next command of root's does it


def free_bytes(folder: Path) -> int:
    """What the disk of `folder` still takes; Unavailable where it cannot be asked."""
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise Unavailable(f"cannot look at {folder}: {error.strerror}") from error
