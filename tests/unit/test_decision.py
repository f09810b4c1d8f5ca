from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from lomi_ops.domain.decision import (
    PhotoDecision,
    ResultMessage,
    contract_scores,
    decide,
    fail,
    photos_in,
    result_of,
    still_true,
)
from lomi_ops.domain.finding import AgeRange, Label
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.policy import judge
from lomi_ops.domain.verdict import FailureCode, MediaStatus
from tests.unit.evidence import POLICY, evidence, face, nsfw

IDS = [UUID(int=n) for n in range(1, 6)]
JOB = Job(
    "job-1",
    UUID(int=100),
    UUID(int=200),
    2**53 + 1,
    tuple(PhotoRef(i, f"users/u/photo/{i}.jpg", "lomi-photos") for i in IDS),
)
AT = datetime(2025, 11, 24, 13, 0, 1, 999999, timezone(timedelta(hours=3)))


def decision(number: int, **kwargs: object):  # type: ignore[no-untyped-def]
    seen = evidence(**kwargs)  # type: ignore[arg-type]
    return decide(IDS[number], seen, judge(seen, POLICY), POLICY, ms=180.4)


def test_the_message_has_the_contracts_shape() -> None:
    approved, blurry = decision(0), decision(1, sharpness=3.0)
    waiting = decision(2, faces=(face(age=AgeRange(15, 20)),))
    broken = fail(IDS[3], FailureCode.TRUNCATED, "ends early")

    message = result_of(JOB, [approved, blurry, waiting, broken], AT)

    assert message is not None
    body = json.loads(message.to_json())
    assert list(body) == [
        "job_id", "batch_id", "user_id", "telegram_id", "results", "summary", "processed_at",
    ]  # fmt: skip
    assert body["telegram_id"] == 2**53 + 1
    assert body["processed_at"] == "2025-11-24T10:00:01Z"
    assert [(r["status"], r["reason"]) for r in body["results"]] == [
        ("approved", ""),
        ("rejected", "blurry"),
        ("failed", "truncated"),
    ]
    assert body["summary"] == {
        "total": 3, "approved": 1, "rejected": 2, "reasons": {"blurry": 1, "truncated": 1},
    }  # fmt: skip


def test_a_photo_in_review_is_left_out_until_it_is_decided() -> None:
    waiting = decision(0, nsfw=(nsfw(Label.PORN, 0.4),))

    assert waiting.status is MediaStatus.PENDING
    assert waiting.reason == "needs_review"
    assert result_of(JOB, [waiting], AT) is None


def test_scores_keep_the_contracts_six_keys() -> None:
    seen = evidence(sharpness=150.0, faces=(face(age=AgeRange(20, 30)),), nsfw=(nsfw(Label.SEXY, 0.01),))

    assert contract_scores(seen, POLICY.faces, 180.4) == {
        "blur_variance": 150.0,
        "has_face": True,
        "face_count": 1,
        "estimated_age": 25.0,
        "nsfw_scores": {"porn": 0.0, "sexy": 0.01, "hentai": 0.0},
        "processing_time_ms": 180,
    }


def test_what_nobody_measured_is_null() -> None:
    scores = fail(IDS[0], FailureCode.UNREADABLE, "no image").scores

    assert scores["blur_variance"] is None
    assert scores["estimated_age"] is None
    assert scores["failure"] == {"code": "unreadable", "detail": "no image"}


def test_a_decision_can_be_explained_from_its_scores_alone() -> None:
    scores = decision(0, sharpness=3.0).scores

    assert scores["policy"] == "test@3"
    assert scores["outcome"] == "reject"
    assert scores["grounds"][0]["observed"] == 3.0
    assert scores["grounds"][0]["threshold"] == 20
    assert set(scores["engines"]) == {"blur", "faces", "nsfw"}
    json.dumps(scores)


def test_the_stamp_is_utc() -> None:
    message = result_of(JOB, [decision(0)], datetime(2026, 1, 1, tzinfo=UTC))

    assert message is not None
    assert '"processed_at":"2026-01-01T00:00:00Z"' in message.to_json()


def test_an_old_message_is_told_as_it_was_where_its_photos_stand_so_and_not_at_all_where_none_does() -> None:
    one, other = UUID(int=1), UUID(int=2)
    told = tuple(PhotoDecision(each, MediaStatus.REJECTED, "blurry", {"a": "ሰላም"}) for each in (one, other))
    payload = ResultMessage("j", UUID(int=3), UUID(int=4), 2**62 + 1, told).to_json()
    as_told = ("rejected", "blurry")

    assert photos_in(payload) == (one, other)
    assert still_true(payload, {one: as_told, other: as_told}) == payload
    assert still_true(payload, {one: as_told}) == payload, "of a photo without a row nobody knows better"
    assert still_true(payload, {one: ("rejected", "nsfw"), other: ("pending", "needs_review")}) is None
    part = json.loads(still_true(payload, {one: ("approved", None), other: as_told}) or "")
    assert [each["media_id"] for each in part["results"]] == [str(other)]
    assert part["summary"] == {"total": 1, "approved": 0, "rejected": 1, "reasons": {"blurry": 1}}
    assert part["telegram_id"] == 2**62 + 1
