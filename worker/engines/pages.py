"""Memory that the C library holds after it was freed."""

from __future__ import annotations

import ctypes


def give_back_pages() -> None:
    """To the kernel; nothing happens where the C library knows no such call (musl, macOS).

    Loading a model frees about as much as it keeps: the file, and weights as they were before the runtime laid them out
    anew. `MALLOC_TRIM_THRESHOLD_` and holes in the heap would keep that for as long as the process lives.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
