"""The licence-clean photographs that the samples are made from; `images/README.md` names their sources."""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files

from PIL import Image


def load(name: str) -> Image.Image:
    """One of `astronaut` (512 x 512), `chelsea` (451 x 300), `coffee` (600 x 400), as RGB. The caller owns it."""
    with Image.open(io.BytesIO(read(name))) as image:
        return image.convert("RGB")


@cache
def read(name: str) -> bytes:
    """The JPEG file as it lies in the package."""
    return files("lomi_ops.ops.demo").joinpath("images", f"{name}.jpg").read_bytes()
