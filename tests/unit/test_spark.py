"""Numbers as a line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.spark import BLOCKS, GAP, PLAIN, spark, squeezed

NUMBERS = st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=200)


def test_it_rises_with_the_numbers_and_what_is_not_known_is_a_gap() -> None:
    assert spark([0, 1, 4, 8, None, 8], 10) == "▁▂▅█ █"


def test_one_among_many_is_not_nothing() -> None:
    assert spark([0, 1, 100_000], 3) == "▁▂█"


def test_nothing_but_zeros_lies_flat() -> None:
    assert (spark([0, 0], 5), spark([], 5)) == ("▁▁", "")


def test_a_peak_is_not_lost_where_columns_are_few() -> None:
    assert spark([0] * 50 + [9] + [0] * 49, 10) == "▁▁▁▁▁█▁▁▁▁"


def test_a_given_top_is_the_scale() -> None:
    assert spark([5, 20], 2, top=10) == "▅█"


def test_without_blocks_it_is_plain_ascii() -> None:
    assert spark([0, 4, 8], 3, plain=True) == ".+#"


@given(NUMBERS, st.integers(1, 80), st.booleans())
def test_it_always_fits_and_knows_only_its_own_marks(values: list[float | None], width: int, plain: bool) -> None:
    line = spark(values, width, plain=plain)

    assert len(line) == min(width, len(values))
    assert set(line) <= {*(PLAIN if plain else BLOCKS), GAP}


@given(NUMBERS.filter(any), st.integers(1, 80))
def test_the_highest_number_survives_the_squeezing(values: list[float | None], width: int) -> None:
    assert max(each for each in squeezed(values, width) if each is not None) == max(
        each for each in values if each is not None
    )
