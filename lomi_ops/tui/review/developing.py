"""Photos are decoded once by the one safe decode, veiled or not, cut, and put in the terminal's terms.

Nothing here knows of widgets, services or the network: it runs in a process of its own (`darkroom.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import count, pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lomi_ops.domain.finding import Box
from lomi_ops.errors import PhotoError
from lomi_ops.imaging.decode import decode
from lomi_ops.imaging.framing import framed
from lomi_ops.imaging.pixels import Pixels
from lomi_ops.imaging.veil import veiled
from lomi_ops.tui.review.plate import Plate, Unseen, Wish
from lomi_ops.tui.review.terminal import Images

if TYPE_CHECKING:
    from lomi_ops.config.sections.judging import ImagesSection
    from lomi_ops.domain.fingerprint import Fingerprint

_KEPT = 24
"""Photos: two batches and what is fetched ahead."""
_SIDE = 2048
"""Pixels of the longer side that are kept, enough to look closely."""
_LARGEST_SIXEL = 800
"""Pixels of a side: more takes more than a quarter of a second to write."""
_numbers = count(1 + (id(object()) >> 4) % 60000)
"""Of pictures in a Kitty terminal, which other programs number as well."""


@dataclass(frozen=True, slots=True)
class Photo:
    """Pixels to look at."""

    pixels: Pixels
    veil: Pixels
    """All that is shown until somebody asks for more."""
    size: tuple[int, int]
    """Width and height of the upright photo, before it was made smaller."""


class Developer:
    """Used by one thread at a time. Answers None about a photo whose bytes it has not got."""

    def __init__(self, limits: ImagesSection) -> None:
        self._limits = limits
        self._kept: OrderedDict[str, Photo | Unseen] = OrderedDict()

    def close(self) -> None:
        """Nothing is open here."""

    def take(self, key: str, data: bytes) -> None:
        """The bytes of a photo."""
        try:
            upright = decode(data, self._limits)
            size = (upright.width, upright.height)
            self._kept[key] = Photo(_smaller(upright.pixels), veiled(upright.pixels), size)
        except PhotoError as broken:
            self._kept[key] = Unseen(f"this cannot be shown: {broken.code}", f"the file {broken.message}")
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def plate(self, wish: Wish) -> Plate | Unseen | None:
        photo = self._photo(wish.key)
        return plate(photo, wish) if isinstance(photo, Photo) else photo

    def known(self, key: str) -> bool | None:
        """True where the photo has been taken."""
        return True if self._photo(key) else None

    def looks(self, key: str) -> Fingerprint | Unseen | None:
        """What a photo looks like; Unseen where it cannot be told."""
        from lomi_ops.imaging.fingerprint import fingerprint

        photo = self._photo(key)
        if not isinstance(photo, Photo):
            return photo
        return fingerprint(photo.pixels) or Unseen("no hash", "it shows too little to be told from others")

    def _photo(self, key: str) -> Photo | Unseen | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)


def plate(photo: Photo, wish: Wish) -> Plate:
    """The picture as large as it fits into so many cells. Takes up to a quarter of a second."""
    pixels = photo.pixels if wish.revealed else photo.veil
    images, (cell_width, cell_height) = wish.screen.images, wish.screen.cell
    if images is Images.BLOCKS:
        return _blocks(_finished(framed(pixels, wish.frame, wish.columns, wish.rows * 2), photo, wish))
    from lomi_ops.imaging import kitty, sixel

    width, height = min(wish.columns, kitty.MOST) * cell_width, min(wish.rows, kitty.MOST) * cell_height
    if images is Images.SIXEL:
        width, height = min(width, _LARGEST_SIXEL), min(height, _LARGEST_SIXEL)
    part = _finished(framed(pixels, wish.frame, width, height), photo, wish)
    columns, rows = -(-part.shape[1] // cell_width), -(-part.shape[0] // cell_height)
    if images is Images.SIXEL:
        return Plate(images, columns, rows=rows, sequence=sixel.sixel(part))
    number = next(_numbers) & 0xFFFFFF
    return Plate(images, columns, rows=rows, sequence=kitty.sent(part, number, columns, rows), number=number)


def _blocks(pixels: Pixels) -> Plate:
    """Upper half blocks: the text's colour is the upper pixel, the ground's the lower one."""
    if pixels.shape[0] % 2:
        pixels = np.concatenate([pixels, pixels[-1:]])
    # Steps of 8 levels are hardly seen in pixels as large as these, and most styles are then made once.
    reduced = pixels & 0xF8
    runs = tuple(_runs(reduced[row], reduced[row + 1]) for row in range(0, len(reduced), 2))
    return Plate(Images.BLOCKS, pixels.shape[1], runs)


def _runs(upper: Pixels, lower: Pixels) -> tuple[tuple[int, bytes], ...]:
    pairs = np.concatenate([upper, lower], axis=1)
    starts = [0, *(np.flatnonzero((pairs[1:] != pairs[:-1]).any(axis=1)) + 1).tolist(), len(pairs)]
    return tuple((end - start, pairs[start].tobytes()) for start, end in pairwise(starts))


def _finished(part: Pixels, photo: Photo, wish: Wish) -> Pixels:
    """With what detectors found drawn in, at the size at which it is shown; over a veil as well: where something is
    seen, not what."""
    if not wish.boxes:
        return part
    from lomi_ops.imaging.draw import marked

    frame, captions = wish.frame, wish.screen.images is not Images.BLOCKS
    width, height = wish.measured or photo.size
    scale = part.shape[1] * frame.zoom / max(width, 1)
    left = (frame.x - 0.5 / frame.zoom) * width * scale
    top = (frame.y - 0.5 / frame.zoom) * height * scale
    found: list[tuple[Box, str, str]] = []
    for box, caption, severity in wish.boxes:
        place = box.scaled(scale)
        place = replace(place, x=round(place.x - left), y=round(place.y - top))
        found.append((place, caption if captions else "", severity))
    return marked(part, found)


def _smaller(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    long = max(width, height)
    if long <= _SIDE:
        return pixels
    size = (max(1, round(width * _SIDE / long)), max(1, round(height * _SIDE / long)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING, reducing_gap=2.0))
