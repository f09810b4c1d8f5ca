"""Filters with names in the configuration: taken as they stand, or told with their place."""

from __future__ import annotations

import pytest

from lomi_ops.errors import ConfigError
from tests.unit.config.conftest import Machine


def test_a_filter_has_a_name_and_terms(machine: Machine) -> None:
    found = machine.load('review: {filters: {sharp: {terms: "reason:blurry blur>40"}}}').settings.review.filters
    assert {name: each.terms for name, each in found.items()} == {"sharp": "reason:blurry blur>40"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{sharp: {terms: 'reazon:blurry'}}", "review.filters.sharp.terms: cannot be used: a filter has no field 'rea"),
        ("{sharp: {terms: 'blur>much'}}", "'much' in 'blur>much' is no number"),
        ("{Sharp: {terms: 'blur>40'}}", "'Sharp' is no name for a filter"),
        ("{minors: {terms: 'blur>40'}}", "'minors' is a pile already"),
        ("{sharp: {terms: ' '}}", "says nothing"),
        ("{sharp: {term: 'blur>40'}}", "is no setting"),
    ],
)
def test_mistakes_are_told_with_their_place_and_their_word(machine: Machine, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as failure:
        machine.load(f"review: {{filters: {text}}}")
    assert said in "\n".join(failure.value.problems)
