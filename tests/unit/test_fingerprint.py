"""Bands and probes: what is at most 31 bits away is found, wherever the bits are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.fingerprint import SAME, Fingerprint

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
