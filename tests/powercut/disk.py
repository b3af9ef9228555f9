"""A disk with a write cache that loses its content with the power: an NBD server over an image file.

A write stays in memory until the machine asks for a flush; only then does it reach the image. `cut` throws away what
was not flushed: all of it, or each block by chance, as real disks do, which write their cache in an order of their own.
The protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, no more than qemu asks for.
"""

import os
import random
import socket
import struct
import threading
from pathlib import Path

BLOCK = 4096
_FLAGS = 1 | 4 | 8  # has flags, takes flush, takes FUA
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_OPTION, _OPTION_REPLY = 0x49484156454F5054, 0x3E889045565A9
_OPT_EXPORT_NAME, _OPT_ABORT, _OPT_GO = 1, 2, 7
_REP_ACK, _REP_INFO, _REP_UNSUPPORTED = 1, 3, 2**31 + 1
_REQUEST, _REPLY = 0x25609513, 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_FUA = 1


class Disk:
    """Serves `image` at the Unix socket `address`, to one machine after the other."""

    def __init__(self, image: Path, address: Path) -> None:
        self.address = address
        self._size = image.stat().st_size
        self._file = os.open(image, os.O_RDWR)
        self._unflushed: dict[int, bytes] = {}
        self.flushes = 0
        address.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen(1)
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._idle = threading.Event()
        self._idle.set()
        self._serving.start()

    def cut(self, survive: float, chance: random.Random) -> tuple[int, int]:
        """After the machine's end: lose the cache but for this share; how many blocks it held, how many survived."""
        assert self._idle.wait(10), "the machine is still connected"
        reached = {at: block for at, block in self._unflushed.items() if chance.random() < survive}
        held = len(self._unflushed)
        for at, block in reached.items():
            os.pwrite(self._file, block, at)
        self._unflushed.clear()
        return held, len(reached)

    def close(self) -> None:
        """Serve no more."""
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not end a wait for it
        self._listener.close()
        self._serving.join(10)
        self.address.unlink(missing_ok=True)
        os.close(self._file)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            self._idle.clear()
            with connection:
                try:
                    if _negotiate(connection, self._size):
                        self._transmit(connection)
                except (ConnectionError, EOFError):
                    pass  # the machine was killed
            self._idle.set()

    def _transmit(self, connection: socket.socket) -> None:
        while True:
            magic, flags, kind, handle, at, length = struct.unpack(">IHHQQI", _received(connection, 28))
            assert magic == _REQUEST
            answer = b""
            if kind == _READ:
                answer = self._read(at, length)
            elif kind == _WRITE:
                self._write(at, _received(connection, length))
                if flags & _FUA:
                    self._flush()  # more than is asked for, and therefore right
            elif kind == _FLUSH:
                self._flush()
            elif kind == _DISCONNECT:
                return
            else:
                raise AssertionError(f"qemu asks for what was not offered: {kind}")
            connection.sendall(struct.pack(">IIQ", _REPLY, 0, handle) + answer)

    def _read(self, at: int, length: int) -> bytes:
        found = bytearray(os.pread(self._file, length, at))
        first = at - at % BLOCK
        for block_at in range(first, at + length, BLOCK) if self._unflushed else ():
            if block := self._unflushed.get(block_at):
                begin, end = max(at, block_at), min(at + length, block_at + BLOCK)
                found[begin - at : end - at] = block[begin - block_at : end - block_at]
        return bytes(found)

    def _write(self, at: int, content: bytes) -> None:
        end = at + len(content)
        for block_at in range(at - at % BLOCK, end, BLOCK):
            begin, stop = max(at, block_at), min(end, block_at + BLOCK)
            part = content[begin - at : stop - at]
            if len(part) < BLOCK:
                block = self._read(block_at, BLOCK)
                part = block[: begin - block_at] + part + block[stop - block_at :]
            self._unflushed[block_at] = part

    def _flush(self) -> None:
        for at, block in self._unflushed.items():
            os.pwrite(self._file, block, at)
        self._unflushed.clear()
        self.flushes += 1


def _negotiate(connection: socket.socket, size: int) -> bool:
    """Agree on how to talk; False where the other side only looked."""
    connection.sendall(b"NBDMAGIC" + struct.pack(">QH", _OPTION, _FIXED_NEWSTYLE | _NO_ZEROES))
    (client_flags,) = struct.unpack(">I", _received(connection, 4))
    while True:
        magic, option, length = struct.unpack(">QII", _received(connection, 16))
        assert magic == _OPTION
        _received(connection, length)

        def reply(kind: int, content: bytes = b"", option: int = option) -> None:
            connection.sendall(struct.pack(">QIII", _OPTION_REPLY, option, kind, len(content)) + content)

        if option == _OPT_EXPORT_NAME:
            zeroes = b"" if client_flags & _NO_ZEROES else bytes(124)
            connection.sendall(struct.pack(">QH", size, _FLAGS) + zeroes)
            return True
        if option == _OPT_GO:
            reply(_REP_INFO, struct.pack(">HQH", 0, size, _FLAGS))
            reply(_REP_ACK)
            return True
        if option == _OPT_ABORT:
            reply(_REP_ACK)
            return False
        reply(_REP_UNSUPPORTED)


def _received(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
