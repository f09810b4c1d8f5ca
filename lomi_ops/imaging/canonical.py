"""The JPEG that stands for a photo wherever bytes are wanted: upright, sRGB, 4:4:4, without any metadata."""

from __future__ import annotations

import io

from PIL import Image

from lomi_ops.imaging.decode import Upright


def canonical_jpeg(upright: Upright, side: int, quality: int) -> tuple[bytes, float]:
    """The JPEG, at most `side` pixels long, and the factor that takes its coordinates to pixels of the upright photo.

    Never enlarges. The same pixels give the same bytes on one build of Pillow.
    """
    image = upright.view.picture
    long = max(image.size)
    if long > side:
        size = (max(1, round(image.width * side / long)), max(1, round(image.height * side / long)))
        # As good as bicubic when making smaller, at a quarter of the cost of Lanczos.
        image = image.resize(size, Image.Resampling.HAMMING)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    return buffer.getvalue(), long / max(image.size)
