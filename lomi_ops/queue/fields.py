"""The fields of a hash as Redis gives them."""

from __future__ import annotations

from collections.abc import Mapping

from lomi_ops.queue.scripts import text

Fields = Mapping[bytes, bytes]


def word(fields: Fields, name: bytes) -> str:
    """Empty where the field is absent."""
    return text(fields.get(name, b""))


def number(fields: Fields, name: bytes) -> int:
    """0 where the field is absent or empty."""
    return int(fields.get(name) or 0)
