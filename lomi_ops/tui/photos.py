"""Photos for the screen: fetched, decoded once by the one safe decode, and kept while they are looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lomi_ops.clients.objects import BadKey, ObjectMissing
from lomi_ops.domain.finding import Box
from lomi_ops.errors import LomiError, PhotoError, Transient
from lomi_ops.imaging.colour import Pixels
from lomi_ops.imaging.decode import decode
from lomi_ops.imaging.draw import marked
from lomi_ops.imaging.framing import Frame
from lomi_ops.imaging.veil import veiled

if TYPE_CHECKING:
    from lomi_ops.clients.objects import ObjectStore
    from lomi_ops.config.schema import ImagesSection
    from lomi_ops.tui.exhibit import Exhibit

_KEPT = 24
"""Photos: two batches and what is fetched ahead."""
_SIDE = 2048
"""Pixels of the longer side that are kept, enough to look closely."""


@dataclass(frozen=True, slots=True)
class Photo:
    """Pixels to look at."""

    pixels: Pixels
    veil: Pixels
    """All that is shown until somebody asks for more."""
    size: tuple[int, int]
    """Width and height of the upright photo, before it was made smaller."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why there is nothing to look at."""

    title: str
    why: str


class Photos:
    """Fetches and decodes. Safe to share between threads; two threads that want one photo may both fetch it."""

    def __init__(self, store: ObjectStore, bucket: str, limits: ImagesSection) -> None:
        self._store, self._bucket, self._limits = store, bucket, limits
        self._kept: OrderedDict[str, Photo | Unseen] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self, key: str) -> Photo | Unseen | None:
        """What is here already."""
        with self._lock:
            return self._kept.get(key)

    def load(self, key: str) -> Photo | Unseen:
        """Raises nothing: whatever is wrong with a photo is said in its place."""
        if (known := self.kept(key)) is not None:
            return known
        try:
            found: Photo | Unseen = self._fetched(key)
        except ObjectMissing:
            found = Unseen("the photo is gone", f"there is no object {key} in {self._bucket}")
        except BadKey as odd:
            found = Unseen("no photo has such a key", odd.message)
        except PhotoError as broken:
            found = Unseen(f"this cannot be shown: {broken.code}", f"the file {broken.message}")
        except Transient as weather:
            return Unseen("the object store does not answer", weather.message)
        except LomiError as other:
            return Unseen("this cannot be shown", other.message)
        self._keep(key, found)
        return found

    def pixels(self, key: str) -> Pixels | None:
        """All of a photo; None where there is nothing to see."""
        found = self.load(key)
        return found.pixels if isinstance(found, Photo) else None

    def _fetched(self, key: str) -> Photo:
        upright = decode(self._store.get(self._bucket, key, self._limits.max_bytes), self._limits)
        return Photo(_smaller(upright.pixels), veiled(upright.pixels), (upright.width, upright.height))

    def _keep(self, key: str, found: Photo | Unseen) -> None:
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


def with_boxes(part: Pixels, frame: Frame, photo: Photo, exhibit: Exhibit, *, captions: bool) -> Pixels:
    """A part of the photo, at the size at which it is shown, with what detectors found drawn in; over a veil as well:
    where something is seen, not what."""
    width, height = exhibit.size or photo.size
    scale = part.shape[1] * frame.zoom / max(width, 1)
    left = (frame.x - 0.5 / frame.zoom) * width * scale
    top = (frame.y - 0.5 / frame.zoom) * height * scale
    found: list[tuple[Box, str, str]] = []
    for box, caption, severity in exhibit.boxes:
        place = box.scaled(scale)
        place = replace(place, x=round(place.x - left), y=round(place.y - top))
        found.append((place, caption if captions else "", severity))
    return marked(part, found) if found else part


def _smaller(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    long = max(width, height)
    if long <= _SIDE:
        return pixels
    size = (max(1, round(width * _SIDE / long)), max(1, round(height * _SIDE / long)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING, reducing_gap=2.0))
