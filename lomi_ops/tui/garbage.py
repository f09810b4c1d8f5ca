"""Python's garbage collector at the two moments when it matters to somebody who looks at a screen.

What is made during a start stays until the end: to look for garbage among it takes a tenth of the start, and later,
again and again, longer than a key may take.
"""

from __future__ import annotations

import gc


def put_off() -> None:
    """Until `settle`: a start is on its way."""
    gc.disable()


def settle() -> None:
    """What is there is never looked through again; what comes is."""
    gc.freeze()
    gc.enable()
