"""Nouns as dictionaries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from lomi_ops.config.sections.judging import DEFAULT_POLICY
from lomi_ops.domain.finding import AgeRange, Box, Finding, Label
from lomi_ops.domain.plain import plain
from lomi_ops.domain.verdict import Ground, Outcome, Reason

NOUNS: tuple[Any, ...] = (
    Finding(Label.FACE, 0.5, Box(1, 2, 3, 4), "FACE_FEMALE", age=AgeRange(20, 30)),
    Ground(Reason.BLURRY, Outcome.REJECT, "sharpness", 12.5, 50.0, "blurred"),
    DEFAULT_POLICY.to_policy("default"),
)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_plain_noun_is_what_the_standard_library_makes_of_it(noun: Any) -> None:
    assert plain(noun) == asdict(noun)
    assert list(plain(noun)) == list(asdict(noun))


def test_a_plain_noun_can_be_changed_without_the_noun() -> None:
    policy = DEFAULT_POLICY.to_policy("default")
    plain(policy)["nsfw"].clear()

    assert policy.nsfw
