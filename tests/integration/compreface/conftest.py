"""A fresh double per test, and images to send."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.doubles.compreface import CompreFaceDouble


@pytest.fixture
def double() -> Iterator[CompreFaceDouble]:
    with CompreFaceDouble() as running:
        yield running


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """400 x 500, plain."""
    return encode("JPEG")


def encode(kind: str, mode: str = "RGB", size: tuple[int, int] = (400, 500), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 90).save(out, kind, **options)
    return out.getvalue()
