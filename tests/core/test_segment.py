import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.segment import Frame, pack_segment, read_segment

FRAMES = [Frame(2, ("mains,building=home power_w=1.0,flags=0i 1", "b 2")), Frame(1, ("c 3",)), Frame(600, ("d", "e"))]
WHOLE = pack_segment(FRAMES)


def test_what_was_packed_is_read() -> None:
    assert read_segment(WHOLE) == (FRAMES, "")


def test_a_segment_torn_anywhere_gives_its_whole_frames_and_says_so() -> None:
    found = set()
    for length in range(len(WHOLE)):
        frames, fault = read_segment(WHOLE[:length])
        assert frames == FRAMES[: len(frames)]
        assert fault
        found.add(len(frames))
    assert found == {0, 1, 2, 3}


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(at: int, change: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] ^= change
    frames, fault = read_segment(bytes(changed))
    assert fault
    assert frames == FRAMES[: len(frames)]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_a_crash(content: bytes) -> None:
    frames, fault = read_segment(WHOLE[:8] + content)
    assert fault or not frames


@pytest.mark.parametrize("payload", [b"", b"no bzip2"])
def test_a_sound_checksum_over_nonsense_is_a_fault(payload: bytes) -> None:
    head = b"".join(n.to_bytes(4, "big") for n in (len(payload), 1, zlib.crc32(payload, 1)))
    assert read_segment(WHOLE[:8] + head + payload + bytes(12))[1]
