"""How far apart the perceptual hash puts the same picture and different ones, and what it costs.

    python -m benchmarks.fingerprint [FOLDER]

FOLDER has photos; without it, or without any in it, only synthetic pictures are measured.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageOps

from lomi_ops.domain.fingerprint import SAME, Fingerprint
from lomi_ops.imaging.fingerprint import fingerprint

SYNTHETIC = 5000
REPEATS = 30
Variant = Callable[[Image.Image], Image.Image]


def main(arguments: list[str]) -> int:
    photos = [opened(path) for path in sorted(Path(arguments[0]).glob("*.jpg"))] if arguments else []
    if photos:
        print(f"{len(photos)} photos")
        for name, variant in VARIANTS.items():
            row(name, photos, variant)
        apart("pairs of photos", [of(photo) for photo in photos])
    apart("pairs of synthetic pictures", [of(picture) for picture in synthetic(SYNTHETIC)])
    cost()
    return 0


def opened(path: Path) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def of(image: Image.Image) -> Fingerprint:
    found = fingerprint(np.asarray(image))
    assert found is not None, "this picture shows too little"
    return found


def row(name: str, photos: list[Image.Image], variant: Variant) -> None:
    away = [of(photo).distance(of(variant(photo))) for photo in photos]
    same = sum(bits <= SAME for bits in away)
    print(f"  {name:24} found {same:3} of {len(away)}   median {np.median(away):3.0f}   most {max(away):3}")


def apart(name: str, prints: list[Fingerprint]) -> None:
    bits = np.unpackbits(np.frombuffer(b"".join(each.bits for each in prints), np.uint8).reshape(-1, 32), axis=1)
    signs = bits.astype(np.float32) * 2 - 1
    pairs, near, least = 0, 0, 256
    for start in range(0, len(signs), 500):
        away = (256 - signs[start : start + 500] @ signs.T) / 2
        for at, distances in enumerate(away, start=start):
            if at:
                pairs, near = pairs + at, near + int(np.sum(distances[:at] <= SAME))
                least = min(least, int(distances[:at].min()))
    print(f"{name}: {pairs:,}, of them {near} within {SAME} bits; the nearest are {least} apart")


def synthetic(number: int) -> Iterator[Image.Image]:
    """Detail of all sizes, whose power falls with frequency squared as in photos."""
    height, width = 150, 120
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width)
    for seed in range(number):
        noise = np.random.default_rng(seed).normal(size=(height, width))
        grey = np.fft.irfft2(np.fft.rfft2(noise) / np.maximum(frequency, 1.0), s=(height, width))
        levels: npt.NDArray[np.uint8] = np.clip(128 + 45 * (grey - grey.mean()) / grey.std(), 0, 255).astype(np.uint8)
        yield Image.fromarray(levels).convert("RGB")


def cost() -> None:
    pixels = np.asarray(next(synthetic(1)).resize((1200, 1600)))
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        fingerprint(pixels)
        spent.append((time.process_time() - began) * 1000)
    print(f"one of 1200 x 1600 pixels: {np.median(spent):.2f} ms of processor, at best {min(spent):.2f}")


def _scaled(long: int) -> Variant:
    def scale(image: Image.Image) -> Image.Image:
        share = long / max(image.size)
        return image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)

    return scale


def _jpeg(quality: int) -> Variant:
    def store(image: Image.Image) -> Image.Image:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality)
        return Image.open(data).convert("RGB")

    return store


def _framed(colour: tuple[int, int, int], wide: float = 0.1, high: float = 0.1) -> Variant:
    def frame(image: Image.Image) -> Image.Image:
        around = (round(image.width * wide), round(image.height * high))
        return _jpeg(85)(ImageOps.expand(image, border=around, fill=colour))

    return frame


def _cut(share: float) -> Variant:
    def cut(image: Image.Image) -> Image.Image:
        wide, high = round(image.width * share), round(image.height * share)
        return image.crop((wide, high, image.width - wide, image.height - high))

    return cut


VARIANTS: dict[str, Variant] = {
    "320 px": _scaled(320),
    "1600 px": _scaled(1600),
    "320 px, quality 60": lambda image: _jpeg(60)(_scaled(320)(image)),
    "a square of 400 px": lambda image: image.resize((400, 400)),
    "quality 90": _jpeg(90),
    "quality 50": _jpeg(50),
    "quality 30": _jpeg(30),
    "20 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "20 % darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "20 % more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.2),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "black frame": _framed((0, 0, 0)),
    "white frame": _framed((255, 255, 255)),
    "grey frame": _framed((128, 128, 128)),
    "red frame": _framed((200, 20, 20)),
    "black bars": _framed((0, 0, 0), wide=0.0, high=0.125),
    "1 % cut off": _cut(0.01),
    "5 % cut off": _cut(0.05),
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
