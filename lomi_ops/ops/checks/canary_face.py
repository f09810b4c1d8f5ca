"""A photo with one face, which is in the public domain: an astronaut's official portrait (demo/images/README.md)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SIZE = (512, 512)
"""Width and height."""


@cache
def jpeg() -> bytes:
    return files("lomi_ops.ops.demo").joinpath("images/astronaut.jpg").read_bytes()
