"""Pictures with the statistics of photos, each from its own seed."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw


def scene(seed: int, width: int = 480, height: int = 600) -> Image.Image:
    """Detail of all sizes whose power falls with frequency squared, in two colours, with a bright oval in front."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width)
    planes = []
    for _ in range(3):
        spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / np.maximum(frequency, 1.0)
        plane = np.fft.irfft2(spectrum, s=(height, width))
        planes.append(128 + 45 * (plane - plane.mean()) / plane.std())
    image = Image.fromarray(np.clip(np.dstack(planes), 0, 255).astype(np.uint8))
    left, top = rng.integers(width // 8, width // 3), rng.integers(height // 8, height // 3)
    face = (int(left), int(top), int(left + width // 3), int(top + height // 2))
    ImageDraw.Draw(image).ellipse(face, fill=tuple(int(value) for value in rng.integers(150, 230, 3)))
    return image


def resized(image: Image.Image, share: float) -> Image.Image:
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, Image.Resampling.LANCZOS)


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")
