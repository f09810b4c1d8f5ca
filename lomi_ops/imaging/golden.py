"""The portrait that is looked at to see whether something can see: NASA's photograph of an astronaut, in the public
domain. Its source stands beside the sample images of the demo."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SIZE = (512, 512)
"""Width and height in pixels."""


@cache
def portrait() -> bytes:
    """The bytes of a JPEG."""
    return files("lomi_ops").joinpath("ops", "demo", "images", "astronaut.jpg").read_bytes()
