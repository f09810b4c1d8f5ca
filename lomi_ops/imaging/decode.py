"""The hygiene gate: bytes from strangers become upright sRGB pixels, or a PhotoError says why not.

    bytes      size cap, kind by the first bytes                      too_large, unreadable, unsupported_format
    header     Pillow opens lazily, only as that kind                 truncated, unreadable
    geometry   pixels, sides, ratio, before any pixel is decoded      too_large, unreadable
    pixels     full load, never a draft, truncated files fail         truncated, unreadable
    upright    EXIF orientation applied, then all metadata dropped
    colours    one 8-bit sRGB array; see `colour.py`

Geometry has no code of its own in the contract: too many pixels or too long a side is `too_large`; too small to be
judged (`min_side`) and strips (`max_ratio`) are `unreadable`, since no smaller upload would help.

What a decoder throws at broken bytes is the photo's fault, whatever its type: nothing but PhotoError leaves here. A
decoder that crashes or hangs is the business of the process around it.
"""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import PhotoError
from lomi_ops.imaging.colour import Flat, flatten
from lomi_ops.imaging.pixels import Pixels
from lomi_ops.imaging.sniff import looks_cut_off, photo_format
from lomi_ops.imaging.view import View

if TYPE_CHECKING:
    from lomi_ops.config.sections.judging import ImagesSection

_ANIMATED = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
"""Formats whose further frames people see. An MPO's further images are depth maps and previews."""
_ANIMATION_BUDGET = 8
"""An animation may have this many times `max_pixels` in all its frames: reaching the last means decoding them all."""
_FORMATS = {"JPEG": ("JPEG", "MPO")}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes an EXIF orientation."""


@dataclass(frozen=True, slots=True)
class Upright:
    """One decoded photo as people see it."""

    view: View = field(compare=False, repr=False)
    """RGB, sRGB, upright, read-only: all engines share it"""
    width: int
    height: int
    format: str
    """JPEG, MPO, PNG, WEBP, GIF, BMP, AVIF or HEIF"""
    sha256: str
    """Of the bytes as they came."""
    original: tuple[int, int]
    """Width and height in the file, before it was turned upright."""
    notes: tuple[str, ...] = ()
    """What was odd about it, for people and logs."""
    hidden: Pixels | None = None
    """The colours below a substantial transparent part, as if nothing were transparent; same shape as `pixels`."""
    frames: tuple[Pixels, ...] = ()
    """The middle and the last frame of an animation, whose first is the photo."""

    @property
    def pixels(self) -> Pixels:
        """uint8, (height, width, 3), C-contiguous; a copy of the whole photo when it is first asked for."""
        return self.view.pixels


def decode(data: bytes, limits: ImagesSection) -> Upright:
    """Decodes a photo. Raises PhotoError with `unreadable`, `truncated`, `too_large` or `unsupported_format`.

    One decode at a time per process: Pillow's guards are settings of the process.
    """
    if len(data) > limits.max_bytes:
        raise PhotoError(f"is larger than {limits.max_bytes:,} bytes", code=FailureCode.TOO_LARGE)
    kind = photo_format(data)
    try:
        with _guarded_pillow(limits), _open(data, kind) as image:
            return _decode(image, data, limits)
    except PhotoError:
        raise
    except Exception as failure:
        raise _photo_error(failure, data, kind) from failure


_one_at_a_time = threading.Lock()


@contextmanager
def _guarded_pillow(limits: ImagesSection) -> Iterator[None]:
    """Pillow's bomb error starts at twice MAX_IMAGE_PIXELS, its warning at once: halved, the error is our limit."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = (limits.max_pixels + 1) // 2, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _open(data: bytes, kind: str) -> Image.Image:
    """The header only; no pixel is decoded yet."""
    if kind == "HEIF":
        import pi_heif

        pi_heif.register_heif_opener(thumbnails=False, decode_threads=1)
    return Image.open(io.BytesIO(data), formats=_FORMATS.get(kind, (kind,)))


def _decode(image: Image.Image, data: bytes, limits: ImagesSection) -> Upright:
    original = image.size
    _check_geometry(*original, limits)
    count = _frame_count(image, limits)
    image.load()
    if image.size != original:
        _check_geometry(*image.size, limits)
    turn, notes = _orientation(image)
    shown = flatten(_turned(image, turn))
    # Going on to the next frame may draw over the first one in place.
    view = _view(shown, copied=count > 1)
    hidden = None if shown.hidden is None else _sealed(shown.hidden)
    frames = tuple(_sealed(frame.pixels) for frame in _later_frames(image, count, turn))
    if count > 1:
        notes = (*notes, f"animated: first of {count} frames, {len(frames)} more looked at")
    if image.format == "MPO":
        notes = (*notes, "several images in one file: the first")
    return Upright(
        view=view,
        width=view.size[0],
        height=view.size[1],
        format=str(image.format),
        sha256=hashlib.sha256(data).hexdigest(),
        original=original,
        notes=(*notes, *shown.notes),
        hidden=hidden,
        frames=frames,
    )


def _check_geometry(width: int, height: int, limits: ImagesSection) -> None:
    size, short, long = f"{width} x {height} pixels", min(width, height), max(width, height)
    if width * height > limits.max_pixels or long > limits.max_side:
        raise PhotoError(f"{size} are too many", code=FailureCode.TOO_LARGE)
    if short < limits.min_side:
        raise PhotoError(f"{size} are too few to judge", code=FailureCode.UNREADABLE)
    if long > short * limits.max_ratio:
        raise PhotoError(f"{size} are a strip, not a photo", code=FailureCode.UNREADABLE)


def _frame_count(image: Image.Image, limits: ImagesSection) -> int:
    if image.format not in _ANIMATED:
        return 1
    count = int(getattr(image, "n_frames", 1))
    if count * image.width * image.height > _ANIMATION_BUDGET * limits.max_pixels:
        raise PhotoError(f"an animation of {count} frames is too long", code=FailureCode.TOO_LARGE)
    return count


def _later_frames(image: Image.Image, count: int, turn: int) -> Iterator[Flat]:
    for index in sorted({count // 2, count - 1} - {0}):
        image.seek(index)
        image.load()
        yield flatten(_turned(image, turn))


def _orientation(image: Image.Image) -> tuple[int, tuple[str, ...]]:
    """EXIF orientation 1..8. Broken EXIF never makes a photo unreadable: it is dropped anyway."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as broken:  # noqa: BLE001 - Pillow's EXIF reader raises whatever its parsers do
        return 1, (f"EXIF ignored: {type(broken).__name__}",)
    if not isinstance(found, int) or not 2 <= found <= 8:
        return 1, ()
    return found, (f"exif orientation {found}",)


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """By Pillow, which turns a photo in a fifth of the time that numpy takes for copying three bytes at a time."""
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def _sealed(pixels: Pixels) -> Pixels:
    """In one piece, and read-only."""
    whole = np.ascontiguousarray(pixels)
    whole.setflags(write=False)
    return whole


def _view(shown: Flat, *, copied: bool) -> View:
    """Over Pillow's memory where that can be had, by a bare image without the file's metadata."""
    if isinstance(shown.photo, Image.Image) and not copied:
        with suppress(ValueError):  # it lies in several pieces
            return View(Image.fromarrow(shown.photo, "RGB", shown.photo.size))
    return View(_sealed(shown.pixels))


def _photo_error(failure: Exception, data: bytes, kind: str) -> PhotoError:
    """What a decoder's exception means for the user who sent the photo."""
    text = str(failure).lower()
    if isinstance(failure, Image.DecompressionBombError | MemoryError):
        return PhotoError(f"{kind}: more pixels than allowed", code=FailureCode.TOO_LARGE)
    if isinstance(failure, ValueError) and ("too large" in text or "text chunks" in text):
        return PhotoError(f"{kind}: text or a profile in the file unpacks to too much", code=FailureCode.TOO_LARGE)
    if "truncated" in text or looks_cut_off(data, kind):
        return PhotoError(f"{kind}: the file ends too early", code=FailureCode.TRUNCATED)
    what = "its header" if isinstance(failure, UnidentifiedImageError) else type(failure).__name__
    return PhotoError(f"{kind}: cannot be decoded ({what})", code=FailureCode.UNREADABLE)
