"""The disk that loses its cache, spoken to as qemu does."""

import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.powercut.disk import BLOCK, Disk

READ, WRITE, FLUSH, FUA = 0, 1, 3, 1
OLD, NEW = b"o" * BLOCK, b"n" * BLOCK


class Guest:
    """The machine's side of the connection."""

    def __init__(self, disk: Disk) -> None:
        self.wire = socket.socket(socket.AF_UNIX)
        self.wire.settimeout(10)
        self.wire.connect(str(disk.address))
        assert self.take(18)[:16] == b"NBDMAGICIHAVEOPT"
        self.wire.sendall(struct.pack(">I", 3))
        self.wire.sendall(b"IHAVEOPT" + struct.pack(">II", 8, 0))  # structured replies: not known
        assert struct.unpack(">QIII", self.take(20))[2] == 2**31 + 1
        self.wire.sendall(b"IHAVEOPT" + struct.pack(">II", 7, 6) + bytes(6))  # go
        self.size = struct.unpack(">QIIIHQH", self.take(32))[5]
        assert struct.unpack(">QIII", self.take(20))[2] == 1

    def take(self, length: int) -> bytes:
        taken = b""
        while len(taken) < length:
            taken += self.wire.recv(length - len(taken))
        return taken

    def ask(self, kind: int, at: int = 0, length: int = 0, content: bytes = b"", flags: int = 0) -> bytes:
        length = length or len(content)
        self.wire.sendall(struct.pack(">IHHQQI", 0x25609513, flags, kind, 7, at, length) + content)
        assert struct.unpack(">IIQ", self.take(16)) == (0x67446698, 0, 7)
        return self.take(length) if kind == READ else b""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "image"
    file.write_bytes(OLD * 64)
    return file


@pytest.fixture
def disk(image: Path) -> Iterator[Disk]:
    disk = Disk(image, image.with_suffix(".sock"))
    yield disk
    disk.close()


def test_what_was_written_is_read_and_lost_with_the_power_unless_flushed(disk: Disk, image: Path) -> None:
    guest = Guest(disk)
    assert guest.size == 64 * BLOCK
    guest.ask(WRITE, 0, content=NEW)
    guest.ask(FLUSH)
    guest.ask(WRITE, BLOCK, content=NEW)
    assert guest.ask(READ, 0, 3 * BLOCK) == NEW + NEW + OLD
    assert image.read_bytes() == NEW + OLD * 63
    guest.wire.close()
    assert disk.cut(0.0, random.Random(1)) == (1, 0)
    again = Guest(disk)
    assert again.ask(READ, 0, 2 * BLOCK) == NEW + OLD
    again.wire.close()


def test_a_write_with_fua_is_on_the_disk(disk: Disk, image: Path) -> None:
    guest = Guest(disk)
    guest.ask(WRITE, BLOCK, content=NEW, flags=FUA)
    assert image.read_bytes()[BLOCK : 2 * BLOCK] == NEW
    guest.wire.close()


def test_parts_of_blocks_keep_what_is_around_them(disk: Disk) -> None:
    guest = Guest(disk)
    guest.ask(WRITE, BLOCK - 512, content=b"x" * 1024)
    assert guest.ask(READ, 0, 2 * BLOCK) == OLD[512:] + b"x" * 1024 + OLD[512:]
    assert guest.ask(READ, BLOCK, 512) == b"x" * 512
    guest.wire.close()


def test_some_of_the_cache_may_reach_the_disk(disk: Disk, image: Path) -> None:
    guest = Guest(disk)
    guest.ask(WRITE, 0, content=NEW * 64)
    guest.wire.close()
    held, reached = disk.cut(0.5, random.Random(1))
    assert held == 64
    assert 0 < reached < 64
    assert image.read_bytes().count(NEW) == reached
