"""Files that appear whole or not at all."""

import os
from pathlib import Path

from edge.errors import Unavailable


def write_whole(file: Path, content: bytes) -> None:
    """Put `content` at `file`, safe against a power cut at any moment; Unavailable where the disk refuses."""
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from error
