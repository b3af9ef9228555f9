"""What the kernel says of this machine's clock."""

import ctypes

_LIBC = ctypes.CDLL(None, use_errno=True)
_TIMEX_BYTES = 512
"""More than struct timex takes on any machine; all zero, it asks and changes nothing."""
_TIME_ERROR = 5


def is_synchronised() -> bool:
    """Whether NTP keeps the clock right; True as well where the kernel may not be asked."""
    return int(_LIBC.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))) != _TIME_ERROR
