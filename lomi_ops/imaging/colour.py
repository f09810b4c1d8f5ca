"""From any mode and colour profile to 8-bit sRGB pixels, and what transparency hides."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile

from lomi_ops.imaging.pixels import Pixels

NEUTRAL = 128
"""The grey that shows through transparent parts: as far from black as from white."""

_MAX_PROFILE = 4 << 20
"""Bytes. Real profiles are at most 2 to 3 MB (CMYK tables)."""
_SEE_THROUGH = 128
"""Alpha below which a pixel is more background than photo."""
_HIDDEN_SHARE = 0.01
"""Share of see-through pixels from which it is worth looking at what is below."""
_HIDDEN_CONTRAST = 4.0
"""Standard deviation in grey levels below which there is nothing to see there: encoders leave plain black or white."""
_SAME_COLOUR = 3
"""Levels. A profile that moves no colour further than this is sRGB for our purpose, and not worth a pass."""
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""ICC's name of the colour space that a profile must have to fit a Pillow mode."""


@dataclass(frozen=True, slots=True)
class Flat:
    """Opaque pixels, and the raw colours where transparency hid a substantial part of them."""

    photo: Pixels | Image.Image
    """Pillow's RGB image where it needed nothing else: its bytes are copied when somebody asks."""
    hidden: Pixels | None = None
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> Pixels:
        return _array(self.photo) if isinstance(self.photo, Image.Image) else self.photo


def flatten(image: Image.Image) -> Flat:
    """sRGB pixels of a loaded image.

    CMYK goes through the embedded profile where there is a sane one (Pillow has undone Adobe's inversion), 16-bit
    grey is scaled, palettes are looked up, transparency lies on neutral grey.
    """
    if image.mode.startswith(("I", "F")):
        return Flat(_from_deep_grey(image), notes=(f"mode {image.mode} scaled to 8 bits",))
    alpha = _alpha(image)
    opaque, notes = _to_srgb(_without_alpha(image))
    if alpha is None:
        return Flat(_rgb(opaque), notes=notes)
    raw = _array(opaque)
    hidden = raw if _hides_something(raw, alpha) else None
    if hidden is not None:
        notes = (*notes, "transparent parts hide colours")
    return Flat(_over_grey(raw, alpha), hidden, notes)


def _from_deep_grey(image: Image.Image) -> Pixels:
    """16-bit files keep their high byte. Wider modes have no defined white, so they are clipped to 16 bits."""
    values = np.asarray(image)
    if image.mode == "F":
        values = np.nan_to_num(values)
    grey = (np.clip(values, 0, 65535).astype(np.uint16) >> 8).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _alpha(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """The alpha channel, None where all is opaque. Colour keys and palette transparency count too."""
    if not image.has_transparency_data:
        return None
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return alpha if int(alpha.min()) < 255 else None


def _without_alpha(image: Image.Image) -> Image.Image:
    """The raw colours in RGB, L or CMYK, whatever alpha says about them."""
    match image.mode:
        case "RGB" | "L" | "CMYK":
            return image
        case "1" | "LA":
            return image.convert("L")
        case "RGBA" | "RGBX":
            return image.convert("RGB")
        case "P" | "PA" | "La" | "RGBa":
            # Straight to RGB would blend nothing but loses palette alpha in some modes: RGBA keeps raw colours.
            return image.convert("RGBA").convert("RGB")
        case _:
            return image.convert("RGB")


def _to_srgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """As it is where there is nothing to convert by: `_array` makes RGB of it, and Pillow would copy what is RGB."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return image, ()
    if len(profile) > _MAX_PROFILE:
        return image, ("colour profile ignored: too large",)
    try:
        transform = _transform(profile, image.mode)
        if transform is None:
            return image, ("colour profile ignored: it does not fit the photo",)
        return _apply(transform, image)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as broken:
        return image, (f"colour profile ignored: {type(broken).__name__}",)


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space != _SPACES.get(mode):
        return None
    return ImageCms.ImageCmsTransform(source, _srgb(), mode, "RGB")


def _apply(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Tries the profile on a few colours first: one that changes nothing is skipped, one that blinds is ignored."""
    probe = _probe(image.mode)
    seen = _array(transform.apply(probe)).astype(np.int16)
    if float(seen.std()) < 1.0:
        return image, ("colour profile ignored: it makes all colours one",)
    plain = _array(probe.convert("RGB")).astype(np.int16)
    if int(np.abs(seen - plain).max()) <= _SAME_COLOUR:
        return image, ()
    return transform.apply(image), ("colours converted to sRGB",)


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@cache
def _probe(mode: str) -> Image.Image:
    """A few hundred colours that span the mode."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    levels = np.linspace(0, 255, {1: 256, 3: 6, 4: 4}[bands]).astype(np.uint8)
    grid = np.stack(np.meshgrid(*[levels] * bands, indexing="ij"), axis=-1).reshape(1, -1, bands)
    return Image.frombytes(mode, (grid.shape[1], 1), grid.tobytes())


def _rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _array(image: Image.Image) -> Pixels:
    """Read-only: the array shares Pillow's one copy of the bytes.

    Pillow hands bytes out in blocks and joins them, which is a second copy unless there is only one block. Its size is
    a setting of the process, and only decodes, one at a time, change it.
    """
    picture, before = _rgb(image), ImageFile.MAXBLOCK
    ImageFile.MAXBLOCK = max(before, 3 * picture.width * picture.height)
    try:
        return np.asarray(picture)
    finally:
        ImageFile.MAXBLOCK = before


def _hides_something(raw: Pixels, alpha: npt.NDArray[np.uint8]) -> bool:
    below = alpha < _SEE_THROUGH
    if float(below.mean()) < _HIDDEN_SHARE:
        return False
    return float(raw[below].std(axis=0).max()) >= _HIDDEN_CONTRAST


def _over_grey(raw: Pixels, alpha: npt.NDArray[np.uint8]) -> Pixels:
    """Exact to the level: round(raw * a + grey * (1 - a)) in integers, row band by row band to bound memory."""
    out = np.empty_like(raw)
    for top in range(0, raw.shape[0], 256):
        rows = slice(top, top + 256)
        share = alpha[rows, :, None].astype(np.uint32)
        out[rows] = (raw[rows] * share + NEUTRAL * (255 - share) + 127) // 255
    return out
