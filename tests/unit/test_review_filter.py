"""The language that says which photos are meant, the piles, and the measures."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.db.queries import sql
from lomi_ops.domain.pile import Pile, pile_of
from lomi_ops.domain.review_filter import FIELDS, by_id, parse
from lomi_ops.domain.review_measure import measures
from lomi_ops.domain.terms import Kind
from lomi_ops.errors import UsageError

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ID, USER = UUID(int=7), UUID(int=8)
NOW_MS = int(NOW.timestamp() * 1000)
SCORES = {
    "blur_variance": 41.5, "face_count": 2, "estimated_age": 30.0, "policy": "local@3",
    "nsfw_scores": {"porn": 0.42, "sexy": 0.1, "hentai": 0.0},
    "grounds": [{"reason": "blurry", "text": "sharpness 41 is below 50"}, {"reason": "nsfw", "text": "porn"}],
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    media_id: UUID = ID
    user_id: UUID = USER
    batch_id: UUID | None = None
    url: str = "users/8/photo/7.jpg"
    status: str | None = "rejected"
    reason: str | None = "blurry"
    scores: dict[str, Any] | None = None
    retry_count: int = 1
    created_at: datetime | None = NOW - timedelta(hours=3)
    moderated_at: datetime | None = NOW - timedelta(minutes=5)


PHOTO = Row(scores=SCORES)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("reason:blurry", True), ("reason:nsfw", False), ("reason:nsfw,blurry", True), ("ground:nsfw", True),
        ("not ground:nsfw", False), ("blur>40", True), ("'blur>41.5'", False), ("porn>0.4 porn<0.5", True),
        ("years<18", False), ("faces=2", True), ("age<4h", True), ("age<2h", False), ("decided<10m", True),
        ("policy:local", True), ("policy:local@3", True), ("policy:default", False), ("pile:rejected", True),
        (f"user:{USER}", True), ("user:0000*", True), ("retries>=1", True), ("sharpness", True),
        ("'is below 50'", True), ("-reason:blurry", False),
    ],
)  # fmt: skip
def test_a_term_says_what_it_means(text: str, holds: bool) -> None:
    assert parse([text]).matches(PHOTO, NOW_MS) is holds


@pytest.mark.parametrize(
    "words",
    [
        ["reason:ugly"],
        ["blur>soft"],
        ["colour:red"],
        ["porn"],
        ["age>never"],
        ["not"],
        ["reason:blurr?"],
        ["reason:[b]lurry"],
        ['""'],
    ],
)
def test_what_makes_no_sense_is_misuse_with_a_hint(words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert caught.value.hint


@pytest.mark.parametrize(
    "scores", [None, {}, {"nsfw_scores": 3}, {"grounds": "none", "policy": 7}, {"blur_variance": True}]
)
def test_odd_scores_of_another_program_match_no_number(scores: dict[str, Any] | None) -> None:
    photo = replace(PHOTO, scores=scores)
    for name, field in FIELDS.items():
        if field.kind is Kind.MEASURE:
            assert not parse([f"{name}>=0"]).matches(photo, NOW_MS)
    assert parse(["reason:blurry"]).matches(photo, NOW_MS)
    assert pile_of("rejected", "blurry", scores) is Pile.REJECTED
    assert measures(scores, None, None)[0].observed is None


@given(
    st.lists(
        st.sampled_from(
            ["reason:blurry", "reason:nsfw", "age<4h", "age>1h", "age>=3h", "not age>9h", "-reason:nsfw",
             f"user:{USER}", f"photo:{ID}", "user:0*", "blur>3"]
        ),
        max_size=4,
    )
)  # fmt: skip
def test_the_bounds_for_the_database_never_leave_out_what_matches(words: list[str]) -> None:
    wanted = parse(words)
    bounds = wanted.bounds(NOW)
    if wanted.matches(PHOTO, NOW_MS):
        assert bounds.reasons is None or PHOTO.reason in bounds.reasons
        assert bounds.users is None or PHOTO.user_id in bounds.users
        assert bounds.photos is None or PHOTO.media_id in bounds.photos
        assert PHOTO.created_at is not None
        assert bounds.start is None or PHOTO.created_at >= bounds.start
        assert bounds.end is None or PHOTO.created_at < bounds.end


def test_ids_are_a_filter_too() -> None:
    assert by_id([PHOTO.media_id]).matches(PHOTO, NOW_MS)
    assert not by_id([uuid.uuid4()]).matches(PHOTO, NOW_MS)


@pytest.mark.parametrize(
    ("status", "reason", "scores", "pile"),
    [
        ("pending", "needs_review", None, Pile.WAITING), ("pending", None, None, None), ("approved", None, None, None),
        ("rejected", "underage", None, Pile.MINORS), ("failed", "truncated", {}, Pile.FAILED),
        ("rejected", "nsfw", {"estimated_age": 17.9}, Pile.MINORS),
        ("rejected", "nsfw", {"estimated_age": 18}, Pile.REJECTED),
        ("pending", "needs_review", {"grounds": [{"reason": "nsfw"}, {"reason": "underage"}]}, Pile.MINORS),
        ("verified", "nsfw", None, None), (None, None, None, None),
    ],
)  # fmt: skip
def test_each_photo_lies_on_one_pile(status: str | None, reason: str | None, scores: object, pile: Pile | None) -> None:
    assert pile_of(status, reason, scores) is pile


def test_measures_stand_against_the_thresholds_that_judged() -> None:
    thresholds = {
        "blur": {"reject_below": 40.0, "review_below": 50.0, "face_sharp_at": 60.0}, "age": {"limit": 18},
        "nsfw": {"porn": {"review_at": 0.3, "reject_at": None}},
    }  # fmt: skip
    found = {each.label: each.zone for each in measures(SCORES, None, thresholds)}
    assert found == {
        "sharpness": "review", "faces": "reject", "age": "approve", "porn": "review", "sexy": "", "hentai": "",
    }  # fmt: skip


def test_each_score_that_a_filter_may_ask_for_is_asked_of_the_database() -> None:
    asked = [parse([f"{name}>1"]).bounds(NOW).bands for name, field in FIELDS.items() if field.kind is not Kind.WORD]
    paths = {".".join(band.path) for bands in asked for band in bands}
    assert paths >= {"blur_variance", "nsfw_scores.porn"}
    text = sql("photos_browse")
    assert {path for path in paths if f"-> '{path}' IS NULL" not in text} == set()
