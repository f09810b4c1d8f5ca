"""Bands and probes: what is at most 31 bits away is found, wherever the bits are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.fingerprint import FLIPS, LAST_FLIPS, SAME, Fingerprint

HASHES = st.binary(min_size=32, max_size=32).map(Fingerprint)


def flipped(one: Fingerprint, places: set[int]) -> Fingerprint:
    number = int.from_bytes(one.bits)
    for place in places:
        number ^= 1 << place
    return Fingerprint(number.to_bytes(32))


@given(one=HASHES, places=st.sets(st.integers(0, 255), max_size=SAME))
def test_a_near_hash_shares_a_probe(one: Fingerprint, places: set[int]) -> None:
    other = flipped(one, places)
    assert one.distance(other) == len(places)
    assert set(one.probes) & set(other.bands)


@given(one=HASHES)
def test_the_worst_spread_of_bits_is_found_as_well(one: Fingerprint) -> None:
    """Two bits in fifteen bands and one in the last: no band is equal, one is one bit away."""
    places = {16 * band + bit for band in range(16) for bit in ((0, 1) if band < 15 else (0,))}
    assert len(places) == SAME
    other = flipped(one, places)
    assert not set(one.bands) & set(other.bands)
    assert set(one.probes) & set(other.bands)


def meet(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether a search by wide bands comes by the other one."""
    flips = (*(FLIPS,) * 10, LAST_FLIPS)
    return any(a ^ b in each for a, b, each in zip(one.wide_bands, other.wide_bands, flips, strict=True))


@given(one=HASHES, places=st.sets(st.integers(0, 255), max_size=SAME))
def test_a_near_hash_meets_in_a_wide_band(one: Fingerprint, places: set[int]) -> None:
    assert meet(one, flipped(one, places))


@given(one=HASHES, last=st.none() | st.integers(240, 255))
def test_the_worst_spreads_of_bits_meet_in_the_last_wide_band_alone(one: Fingerprint, last: int | None) -> None:
    """Three bits in each of the others, and one or none in the last: the numbers of ones are then one odd, one even, or
    both the same."""
    places = {255 - place for place in (*(24 * band + bit for band in range(10) for bit in range(3)), *_given(last))}
    other = flipped(one, places)
    assert one.distance(other) == (30 if last is None else SAME)
    assert meet(one, other)
    assert not any(a ^ b in FLIPS for a, b in zip(one.wide_bands[:10], other.wide_bands[:10], strict=True))


def _given(place: int | None) -> tuple[int, ...]:
    return () if place is None else (place,)


@given(one=HASHES)
def test_wide_bands_are_the_whole_hash(one: Fingerprint) -> None:
    *wide, last = one.wide_bands
    assert b"".join(band.to_bytes(3) for band in wide) + (last & 0xFFFF).to_bytes(2) == one.bits
    assert last >> 16 == int.from_bytes(one.bits).bit_count() % 2
    assert (len(FLIPS), len(set(FLIPS)), len(set(LAST_FLIPS))) == (301, 301, 18)


@given(one=HASHES, other=HASHES)
def test_distance_is_symmetric_and_zero_only_for_the_same(one: Fingerprint, other: Fingerprint) -> None:
    assert one.distance(other) == other.distance(one)
    assert (one.distance(other) == 0) == (one == other)


@given(one=HASHES)
def test_bands_fit_the_column(one: Fingerprint) -> None:
    assert len(one.bands) == len(set(one.bands)) == 16
    assert [band >> 16 for band in one.bands] == list(range(16))
    assert b"".join((band & 0xFFFF).to_bytes(2) for band in one.bands) == one.bits
    assert len(set(one.probes)) == 16 * 17


def test_a_hash_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprint(b"short")
