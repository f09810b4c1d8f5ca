"""What workers must see in the portrait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.config.schema import Settings
from lomi_ops.domain.golden import TOLERATED, Golden, apart, misjudged

POLICY = Settings().active_policy("local")
SOUND = Golden({"porn": 0.01}, faces=1)


def test_one_face_and_nothing_else_is_right() -> None:
    assert misjudged(SOUND, POLICY) == ""
    assert misjudged(Golden({}, faces=None), POLICY) == "", "a worker without a detector of faces"


@pytest.mark.parametrize(
    ("golden", "fault"),
    [
        (Golden({"porn": 0.25}, 1), "scores porn 0.25, and 0.25 goes to a person"),
        (Golden({"hentai": 0.9}, 1), "scores hentai 0.90, and 0.3 goes to a person"),
        (Golden({}, 0), "sees 0 faces instead of one"),
        (Golden({}, 4), "sees 4 faces instead of one"),
    ],
)
def test_what_the_policy_would_not_approve_is_wrong(golden: Golden, fault: str) -> None:
    assert misjudged(golden, POLICY) == fault


@given(st.dictionaries(st.sampled_from(["porn", "sexy"]), st.floats(0, 1)), st.floats(-1, 1))
def test_workers_differ_when_a_score_does_and_in_both_directions(scores: dict[str, float], shift: float) -> None:
    moved = {label: score + shift for label, score in scores.items()}
    one, other = Golden(scores, 1), Golden(moved, 1)

    assert apart(one, other) == apart(other, one)
    if abs(shift) < TOLERATED - 1e-6 or not scores:
        assert apart(one, other) == ""
    elif abs(shift) > TOLERATED + 1e-6:
        assert apart(one, other) in scores


def test_a_label_that_only_one_of_them_gives_counts_as_nothing_at_the_other() -> None:
    assert apart(Golden({"porn": 0.5}), Golden()) == "porn"
    assert apart(Golden({"porn": 0.01}), Golden()) == ""
