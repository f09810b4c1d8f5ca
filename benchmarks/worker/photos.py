"""The photos that are judged: a fixed set, made from the three in the package, or a folder of one's own."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lomi_ops.ops.demo import sources

KINDS = ("jpeg", "jpeg-12mp", "png", "webp", "mixed")
SIDES = {"jpeg": 1600, "jpeg-12mp": 4000, "png": 1600, "webp": 1600}
"""Pixels of the longer side."""
VARIANTS = 12
"""Of each set: more than a batch, and few enough to lie in the page cache."""
MIXED = 100
"""Photos of the mixed set: one of 12 megapixels, five of 1600 pixels, the others between these."""
SMALL = (320, 800)
_FORMATS = ("jpeg", "png", "webp")
_GRAIN = 4.0
"""Standard deviation in levels of the noise that is added: what is enlarged has none, and would decode too easily."""


def photos(kind: str, folder: Path | None = None) -> list[bytes]:
    """Files of one kind, from `folder` where it is given. Two calls on one machine give the same bytes."""
    if kind == "mixed":
        return _mixed(_originals(folder))
    side, originals = SIDES[kind], _originals(folder)
    return [encoded(_sized(original, side, seed), kind) for seed, original in enumerate(originals)]


def encoded(image: Image.Image, kind: str) -> bytes:
    """A file of that kind, as phones and messengers write them."""
    file = io.BytesIO()
    match kind:
        case "png":
            image.save(file, "PNG", compress_level=3)
        case "webp":
            image.save(file, "WEBP", quality=85, method=2)
        case _:
            image.save(file, "JPEG", quality=85)
    return file.getvalue()


def _mixed(originals: Sequence[Image.Image]) -> list[bytes]:
    """Of all sizes and formats, as they come in: what a process keeps of one size is no use for the next."""
    sides = [round(float(side)) for side in np.linspace(*SMALL, MIXED - 6)] + [SIDES["jpeg"]] * 5 + [SIDES["jpeg-12mp"]]
    np.random.default_rng(1).shuffle(sides)
    made = []
    for place, side in enumerate(sides):
        kind = "jpeg" if side > SMALL[1] else _FORMATS[place % len(_FORMATS)]
        made.append(encoded(_sized(originals[place % len(originals)], side, place), kind))
    return made


def _originals(folder: Path | None) -> Sequence[Image.Image]:
    if folder is not None:
        files = sorted(each for each in folder.iterdir() if each.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
        return [Image.open(each).convert("RGB") for each in files[:VARIANTS]]
    portrait, cat, cup = (sources.load(name) for name in ("astronaut", "chelsea", "coffee"))
    cuts = (portrait, cat, cup, portrait.crop((0, 0, 384, 512)))
    return [cuts[place % len(cuts)] for place in range(VARIANTS)]


def _sized(image: Image.Image, side: int, seed: int) -> Image.Image:
    """At `side` pixels of the longer side, with the grain of a camera, another one for each seed."""
    scale = side / max(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = np.random.default_rng(zlib.crc32(b"grain") + seed).normal(0.0, _GRAIN, (size[1], size[0], 1))
    return Image.fromarray(np.clip(pixels + grain.round().astype(np.int16), 0, 255).astype(np.uint8))
