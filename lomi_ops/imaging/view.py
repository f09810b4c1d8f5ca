"""One photo in the forms that engines want."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from PIL import Image

from lomi_ops.imaging.averages import Averages, averaged
from lomi_ops.imaging.pixels import Pixels, Samples, samples_of


class View:
    """An upright photo. Each form is made when it is first asked for, and kept; nobody may change any of them."""

    samples: Samples
    """What costs nothing: the array, or Pillow's memory, with a fourth byte for each pixel."""

    def __init__(self, photo: Pixels | Image.Image) -> None:
        """Of an array, or of an RGB image as Pillow has decoded it.

        Raises ValueError for another kind of array, and for an image that lies in several pieces of memory.
        """
        if isinstance(photo, Image.Image):
            self.picture, self.samples = photo, samples_of(photo)
        else:
            if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
                raise ValueError(f"pixels must be uint8 [height, width, 3], not {photo.dtype} {list(photo.shape)}")
            self.pixels = self.samples = photo

    @classmethod
    def of(cls, photo: Photo) -> View:
        return photo if isinstance(photo, View) else cls(photo)

    @cached_property
    def pixels(self) -> Pixels:
        """A copy of the whole photo where only Pillow had it."""
        return np.asarray(self.picture)

    @cached_property
    def picture(self) -> Image.Image:
        """For Pillow's functions; a copy of the whole photo where there was only an array."""
        return Image.fromarray(self.pixels)

    @cached_property
    def averages(self) -> Averages:
        return averaged(self.samples)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.samples.shape[:2]
        return int(width), int(height)

    def reduced(self, factor: tuple[int, int]) -> Image.Image | None:
        """What `picture.reduce(factor)` gives, where that can be had of the averages."""
        return self.averages.picture(self.picture) if factor == (self.averages.side, self.averages.side) else None


Photo = Pixels | View
"""Either form of an upright photo."""
