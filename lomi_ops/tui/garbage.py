"""Python's garbage collector at the moments when it matters to somebody who looks at a screen.

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


def settle_between_frames() -> None:
    """As `settle`, but only `sweep` looks: by itself the collector comes in the middle of what a key has begun."""
    gc.freeze()
    gc.disable()


def sweep(*, whole: bool = False) -> None:
    """When the screen shows what it should: what was made lately, or the whole of what came since the start."""
    gc.collect(2 if whole else 1)
