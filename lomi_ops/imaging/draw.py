"""Copies of photos with what the engines found drawn in, for `lomi moderate --annotate` and for review."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lomi_ops.domain.finding import Box
from lomi_ops.imaging.decode import Upright
from lomi_ops.imaging.pixels import Pixels

_COLOURS = {"bad": "#d7263d", "doubt": "#f4a300", "face": "#1b998b", "plain": "#8d99ae"}
"""By severity; each is legible below black or white text and told apart without red and green."""
_DARK_TEXT = frozenset({"doubt", "plain"})


def annotate(upright: Upright, boxes: Sequence[tuple[Box, str, str]]) -> bytes:
    """A JPEG of the photo with boxes, as `marked` draws them."""
    buffer = io.BytesIO()
    _marked(upright.pixels, boxes).save(buffer, "JPEG", quality=90, subsampling="4:4:4")
    return buffer.getvalue()


def marked(pixels: Pixels, boxes: Sequence[tuple[Box, str, str]]) -> Pixels:
    """A copy of the photo with boxes: where, caption, severity (`bad`, `doubt`, `face` or `plain`).

    Lines have a dark rim and captions a ground of their own, so that they stand out on any photo. Captions of boxes
    at the edge stay inside the photo.
    """
    return np.asarray(_marked(pixels, boxes))


def _marked(pixels: Pixels, boxes: Sequence[tuple[Box, str, str]]) -> Image.Image:
    image = Image.fromarray(pixels).copy()
    draw = ImageDraw.Draw(image)
    unit = max(1, round(max(image.size) / 400))
    font = ImageFont.load_default(size=max(11, 5 * unit))
    for box, _, severity in boxes:
        _outline(draw, box, _COLOURS.get(severity, _COLOURS["plain"]), unit)
    for box, caption, severity in boxes:
        _caption(draw, box, caption, severity, font, image.size)
    return image


def _outline(draw: ImageDraw.ImageDraw, box: Box, colour: str, unit: int) -> None:
    left, top, right, bottom = box.x, box.y, box.x + max(1, box.w), box.y + max(1, box.h)
    draw.rectangle((left - unit, top - unit, right + unit, bottom + unit), outline="#000000", width=3 * unit)
    draw.rectangle((left, top, right, bottom), outline=colour, width=unit)


def _caption(
    draw: ImageDraw.ImageDraw,
    box: Box,
    caption: str,
    severity: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    """Above the box where there is room, else inside its top; pushed left at the right edge."""
    if not caption:
        return
    x0, y0, x1, y1 = draw.textbbox((0, 0), caption, font=font)
    width, height, pad = int(x1 - x0), int(y1 - y0), max(2, int(y1 - y0) // 4)
    left = max(0, min(box.x, size[0] - width - 2 * pad))
    above = box.y - height - 2 * pad
    top = above if above >= 0 else max(0, min(box.y, size[1] - height - 2 * pad))
    ground = _COLOURS.get(severity, _COLOURS["plain"])
    draw.rectangle((left, top, left + width + 2 * pad, top + height + 2 * pad), fill=ground, outline="#000000")
    colour = "#000000" if severity in _DARK_TEXT or severity not in _COLOURS else "#ffffff"
    draw.text((left + pad - x0, top + pad - y0), caption, fill=colour, font=font)
