"""Making CPU training as fast as the machine allows (a training process only, never Slicer)."""

from __future__ import annotations

import ctypes
import sys

# glibc <malloc.h>
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> bool:
    """Stop glibc from giving large blocks back to the system; True where that worked.

    Every activation of a training step is over 32 MB, which glibc maps anew and page-faults each
    time. Keeping the memory makes a step up to 2.2 times faster, and the process larger.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = (
        (_M_MMAP_THRESHOLD, 2**31 - 1),
        (_M_TRIM_THRESHOLD, 2**31 - 1),
        (_M_TOP_PAD, 2**28),
    )
    return all(mallopt(name, value) == 1 for name, value in settings)
