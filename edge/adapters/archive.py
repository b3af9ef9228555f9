"""The file that a backup is: a plain tar (POSIX ustar) of plain files; last the manifest, and the manifest's SHA-256.

It is read header by header with nothing of tar's extensions: no links, no devices, no long-name or sparse records. A
member that is too large or badly named ends the reading before its content is touched.
"""

import tarfile
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, BinaryIO

from edge.core.backup_manifest import MANIFEST, MAX_MEMBER_BYTES, SEAL, Manifest, Member, clash, from_json, is_name
from edge.errors import NilmError, Rejected

_BLOCK = 512


class Writer:
    """Adds members to an open stream. `members` are those so far, for the manifest that ends it."""

    def __init__(self, stream: BinaryIO, at_s: int) -> None:
        self._stream = stream
        self._at_s = at_s
        self.members: list[Member] = []
        self.size_bytes = 0

    def add(self, name: str, content: bytes) -> None:
        """Add one file; NilmError where it cannot be written, which ends the backup."""
        if not is_name(name) or len(content) > MAX_MEMBER_BYTES:
            raise Rejected(f"{name} cannot be in a backup: {len(content)} bytes")
        self._add(name, content)
        self.members.append(Member(name, len(content), sha256(content).hexdigest()))

    def finish(self, manifest: bytes) -> None:
        """Add the manifest, and end the file."""
        self._add(MANIFEST, manifest)
        self._add(SEAL, _seal(manifest))
        self._write(bytes(2 * _BLOCK))

    def _add(self, name: str, content: bytes) -> None:
        about = tarfile.TarInfo(name)
        about.size, about.mtime, about.mode = len(content), self._at_s, 0o600
        self._write(about.tobuf(tarfile.USTAR_FORMAT))
        self._write(content)
        self._write(bytes(-len(content) % _BLOCK))

    def _write(self, content: bytes) -> None:
        try:
            self._stream.write(content)
        except BrokenPipeError:  # whoever read it has had enough
            raise
        except OSError as error:
            raise NilmError(f"cannot write the backup: {error.strerror}") from error
        self.size_bytes += len(content)


def read(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each member's name and content up to the seal, which is the last; Rejected where it is no backup of ours."""
    while True:
        header = _exactly(stream, _BLOCK)
        if not header.strip(b"\0"):
            raise Rejected("the backup has no end: get the whole file")
        try:
            about = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        except (tarfile.TarError, UnicodeError, ValueError) as error:
            raise Rejected(
                f"no backup of nilm-edge, or a damaged one ({error}); unpack it first if compressed"
            ) from error
        if about.name not in {MANIFEST, SEAL} and not is_name(about.name):
            raise Rejected(f"the backup holds {about.name[:80]!r}, which is none of its files")
        if about.type != tarfile.REGTYPE:
            raise Rejected(f"the backup holds {about.name}, which is no plain file")
        if not 0 <= about.size <= MAX_MEMBER_BYTES:
            raise Rejected(f"the backup holds {about.name} with {about.size} bytes: that is none of ours")
        content = _exactly(stream, about.size)
        _exactly(stream, -about.size % _BLOCK)
        yield about.name, content
        if about.name == SEAL:
            return


def verify(stream: IO[bytes]) -> Iterator[tuple[str, bytes] | Manifest]:
    """What `read` gives, and last the manifest, once every member was found to be what it says; else Rejected."""
    found: list[Member] = []
    content = seal = b""
    for name, given in read(stream):
        if name == SEAL:
            seal = given
        elif name == MANIFEST:
            content = given
        else:
            found.append(Member(name, len(given), sha256(given).hexdigest()))
            yield name, given
    if seal != _seal(content):
        raise Rejected("the backup is damaged: its manifest is not what was written")
    try:
        manifest = from_json(content)
    except ValueError as error:
        raise Rejected(f"the backup cannot be used: {error}") from error
    if name := clash(one.name for one in found):
        raise Rejected(f"the backup holds {name} twice")
    for one, said in zip(found, manifest.members, strict=False):
        if one != said:
            raise Rejected(f"the backup is damaged: {one.name} is not what the manifest says")
    if len(found) != len(manifest.members):
        raise Rejected(f"the backup is damaged: it has {len(found)} files, and {len(manifest.members)} in its manifest")
    yield manifest


def _seal(manifest: bytes) -> bytes:
    """As `sha256sum` writes and checks it."""
    return f"{sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def _exactly(stream: IO[bytes], size_bytes: int) -> bytes:
    content = stream.read(size_bytes)
    if len(content) < size_bytes:
        raise Rejected("the backup is cut off: get the whole file")
    return content
