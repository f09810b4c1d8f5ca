"""`--fail-if`: conditions over the figures of a report."""

from __future__ import annotations

import pytest

from lomi_ops.domain.bound import broken, parse, require_known, unjudged
from lomi_ops.errors import UsageError

FIGURES = {"rejection_rate": 0.31, "uploads": 90.0, "rejected.blurry": 4, "processing_ms": None}


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("rejection_rate>0.3", 1),
        ("rejection_rate > 30%", 1),
        ("rejection_rate>=0.31", 1),
        ("rejection_rate<0.31", 0),
        ("rejection_rate > 50% or uploads < 100", 1),
        ("rejection_rate > 30% || uploads < 100", 2),
        ("uploads=90", 1),
        ("uploads!=90", 0),
        ("rejected.blurry > 3", 1),
        ("uploads > -1", 1),
        ("processing_ms > 0", 0),
    ],
)
def test_a_bound_that_is_broken_is_said(text: str, sentences: int) -> None:
    assert len(broken(parse(text), FIGURES)) == sentences


def test_the_sentence_has_the_figure_and_the_limit() -> None:
    assert broken(parse("rejection_rate>30%"), FIGURES) == ("rejection_rate is 0.31: rejection_rate > 0.3",)


@pytest.mark.parametrize("text", ["", "rejection_rate", "rejection_rate > much", "> 3", "a > 1 and b > 2"])
def test_what_is_no_condition_is_misuse_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as said:
        parse(text)
    assert "--fail-if" in str(said.value.hint)


def test_a_figure_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(UsageError) as said:
        require_known(parse("beauty>1"), FIGURES)
    assert "processing_ms, rejected.blurry, rejection_rate, uploads" in str(said.value.hint)


def test_a_figure_that_is_not_known_breaks_nothing_and_is_said() -> None:
    bounds = parse("processing_ms > 5 or uploads > 1")
    require_known(bounds, FIGURES)

    assert unjudged(bounds, FIGURES) == ("processing_ms is not known: processing_ms > 5 says nothing",)
