"""What a picture looks like in 256 bits: the same picture in another size or quality is a few bits away.

Pictures are the same up to `SAME` bits; two that have nothing to do with each other are some 128 apart. Near ones are
found by their bands: where at most 31 bits differ, at least one of the sixteen bands differs by at most one.

Among millions that finds too much beside them. Then they are found by eleven wide bands: ten of three bytes, and the
last two bytes with one bit that says whether the hash has an odd number of ones. Where each of the ten differs by three
bits or more, that is 30 already, so the last two bytes differ by one at most; and by none where both hashes have an
even number of ones, or both an odd one, for then an even number of bits differs. That is the rule: a median makes 128.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

BYTES = 32
SAME = 31
"""Bits that may differ. Bands find what is at most so far away; raise it, and they do not any more."""
_BANDS = 16
_WIDTH = 16
"""Bits of a band."""
WIDE_BANDS = 11
FLIPS = (0, *(1 << one for one in range(24)), *(1 << one | 1 << other for one, other in combinations(range(24), 2)))
"""Bits that differ between one of the ten wide bands and those to look for."""
LAST_FLIPS = (0, 1 << _WIDTH, *(1 << _WIDTH | 1 << one for one in range(_WIDTH)))
"""The same of the last one: where the one number of ones is odd and the other is even, one bit more."""


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

    @property
    def wide_bands(self) -> tuple[int, ...]:
        """As the indexes of `lomi.photo_hashes` have them."""
        odd = int.from_bytes(self.bits).bit_count() % 2
        wide = (int.from_bytes(self.bits[at : at + 3]) for at in range(0, 30, 3))
        return (*wide, odd << _WIDTH | int.from_bytes(self.bits[30:]))

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
