"""One photo in the two forms that engines want: bytes for numpy, and Pillow's own image for its resampling."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from lomi_ops.imaging.colour import Pixels


@dataclass(frozen=True, slots=True)
class View:
    """An upright photo."""

    pixels: Pixels
    """uint8, (height, width, 3), RGB"""
    kept: Image.Image | None = None
    """The same pixels as Pillow has decoded them, where they still lie there. Nobody may change them."""

    @classmethod
    def of(cls, photo: Pixels | View) -> View:
        return photo if isinstance(photo, View) else cls(photo)

    def picture(self) -> Image.Image:
        """For Pillow's functions; a copy of the whole photo where nothing was kept."""
        return Image.fromarray(self.pixels) if self.kept is None else self.kept


Photo = Pixels | View
"""Either form of an upright photo."""
