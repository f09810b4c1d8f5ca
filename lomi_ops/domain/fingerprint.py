"""What a picture looks like in 256 bits: the same picture in another size or quality is a few bits away.

Pictures are the same up to `SAME` bits; two that have nothing to do with each other are some 128 apart. Near ones are
found by their bands: where at most 31 bits differ, at least one of the sixteen bands differs by at most one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

BYTES = 32
SAME = 31
"""Bits that may differ. `bands` and `probes` find what is at most so far away; raise it, and they do not any more."""
_BANDS = 16
_WIDTH = 16
"""Bits of a band."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash of one picture."""

    bits: bytes

    def __post_init__(self) -> None:
        if len(self.bits) != BYTES:
            raise ValueError(f"a fingerprint has {BYTES} bytes, not {len(self.bits)}")

    def __str__(self) -> str:
        return self.bits.hex()

    @property
    def bands(self) -> tuple[int, ...]:
        """Sixteen numbers as `lomi.photo_hashes.bands` keeps them: place * 65536 + two bytes."""
        return tuple(place << _WIDTH | value for place, value in self._values())

    @property
    def probes(self) -> tuple[int, ...]:
        """Every band that shares all bits but one, or all, with one of ours."""
        return tuple(place << _WIDTH | near for place, value in self._values() for near in _within_one(value))

    def distance(self, other: Fingerprint) -> int:
        """Bits that differ, 0..256."""
        return (int.from_bytes(self.bits) ^ int.from_bytes(other.bits)).bit_count()

    def _values(self) -> Iterator[tuple[int, int]]:
        for place in range(_BANDS):
            yield place, int.from_bytes(self.bits[2 * place : 2 * place + 2])


def _within_one(value: int) -> Iterator[int]:
    yield value
    for bit in range(_WIDTH):
        yield value ^ 1 << bit
