"""glibc's memory: what is freed is used again, also where many threads make long answers."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of mallopt's parameters, by malloc.h."""


def settle(large_bytes: int) -> None:
    """Two arenas, and pieces of `large_bytes` and more mapped by themselves; no effect where there is no glibc.

    By itself glibc has eight arenas a core, and each keeps room for the longest answers that its threads ever made.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in (
            (_ARENA_MAX, 2),
            (_MMAP_THRESHOLD, large_bytes),
            (_TRIM_THRESHOLD, large_bytes),
        ):
            mallopt(parameter, value)
