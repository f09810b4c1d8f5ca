"""A person's decision, its message in the outbox, and its trace in log and audit."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.db import audit, decisions, ledger, outbox
from lomi_ops.db.overrides import Overridden, override
from lomi_ops.db.pool import Database
from lomi_ops.domain import review
from lomi_ops.domain.audit import AuditEntry, photo_subject
from lomi_ops.domain.review import Ruling, Seen
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import Conflict, LomiError, NotFound, Refused, UsageError
from tests.integration.db.conftest import AT, ZERO, Backend, approval, judged, seen

Plain = psycopg.Connection[dict[str, Any]]
LATER = AT + timedelta(hours=1)


def approve(db: Database, photo: UUID | Seen, *, job_id: str = "", actor: str = "sara", **options: Any) -> Overridden:
    found = photo if isinstance(photo, Seen) else seen(db, photo)
    return override(db, found, approval(actor, LATER, **options), job_id=job_id or str(uuid.uuid4()))


def rejected_photo(db: Database, backend: Backend) -> UUID:
    job = backend.job(1)
    media_id = job.photos[0].media_id
    ledger.settle(db, job, [judged(media_id, sharpness=3.0)], attempt=1, token="t", worker="w", at=AT)
    return media_id


def test_a_wrong_rejection_is_turned_around_with_log_audit_and_message(db: Database, backend: Backend) -> None:
    media_id = rejected_photo(db, backend)
    before = backend.row(media_id)
    done = approve(db, media_id, note="sharp enough, the background is the blur")
    after = backend.row(media_id)
    assert {key for key in after if after[key] != before[key]} == {
        "moderation_status", "moderation_reason", "is_approved", "moderated_at", "updated_at",
    }  # fmt: skip
    assert (after["moderation_status"], after["moderation_reason"], after["is_approved"]) == ("approved", None, True)
    assert after["moderated_at"] == after["updated_at"] == LATER

    first, last = decisions.history(db, media_id)
    assert (first.actor, first.status) == ("worker", "rejected")
    assert (last.actor, last.status_before, last.reason_before, last.status) == (
        "sara", "rejected", "blurry", "approved",
    )  # fmt: skip
    assert last.job_id == done.job_id

    (entry,) = audit.entries(db, subject=photo_subject(media_id))
    assert (entry.actor, entry.action, entry.at) == ("sara", "review.approve", LATER)
    assert entry.before == {"status": "rejected", "reason": "blurry"}
    assert entry.after == {"status": "approved", "reason": None}
    assert entry.reason == "sharp enough, the background is the blur"


def test_the_message_is_the_contracts_with_the_photos_own_batch_and_a_new_job(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    media_id = job.photos[0].media_id
    ledger.settle(db, job, [judged(media_id, sharpness=3.0)], attempt=1, token="t", worker="w", at=AT)
    done = approve(db, media_id, job_id="0b4c")
    (waiting,) = outbox.outbox_due(db, at=LATER)
    assert waiting.job_id == "0b4c"
    telegram = backend.connection.execute("SELECT telegram_id AS t FROM users WHERE id = %s", [job.user_id]).fetchone()
    assert telegram is not None
    assert json.loads(waiting.payload) == {
        "job_id": "0b4c",
        "batch_id": str(job.batch_id),
        "user_id": str(job.user_id),
        "telegram_id": telegram["t"],
        "results": [
            {
                "media_id": str(media_id),
                "status": "approved",
                "reason": "",
                "scores": backend.row(media_id)["moderation_scores"],
            }
        ],
        "summary": {"total": 1, "approved": 1, "rejected": 0, "reasons": {}},
        "processed_at": "2026-11-20T13:00:00Z",
    }
    assert done.message is not None
    assert waiting.payload == done.message.to_json()


def test_a_photo_in_review_can_be_rejected_with_a_reason(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    media_id = job.photos[0].media_id
    ledger.settle(db, job, [judged(media_id, porn=0.4)], attempt=1, token="t", worker="w", at=AT)
    done = override(db, seen(db, media_id), Ruling(MediaStatus.REJECTED, Reason.NSFW, "sara", LATER), job_id="j")
    row = backend.row(media_id)
    assert (row["moderation_status"], row["moderation_reason"], row["is_approved"]) == ("rejected", "nsfw", False)
    assert (done.status_before, done.reason_before) == ("pending", "needs_review")
    assert audit.entries(db)[0].action == "review.reject"


@pytest.mark.parametrize(("batch", "telegram_id"), [(None, None), (ZERO, 5)])
def test_a_photo_that_an_old_worker_decided_can_be_overturned(
    db: Database, backend: Backend, plain: Plain, batch: UUID | None, telegram_id: int | None
) -> None:
    media_id = backend.photo(backend.user(telegram_id), batch)
    plain.execute(
        "UPDATE media SET moderation_status = 'rejected', moderation_reason = 'no_face', moderation_scores = NULL"
    )
    done = approve(db, media_id)
    assert done.message is not None
    assert done.message.batch_id == ZERO
    assert done.message.telegram_id == (telegram_id or 0)
    scores = json.loads(done.message.to_json())["results"][0]["scores"]
    assert set(scores) == {
        "blur_variance", "has_face", "face_count", "estimated_age", "nsfw_scores", "processing_time_ms",
    }  # fmt: skip
    row = backend.row(media_id)
    assert (row["moderation_status"], row["batch_id"], row["moderation_scores"]) == ("approved", batch, None)


def test_a_photo_that_changed_in_between_is_a_conflict_and_nothing_is_written(
    db: Database, backend: Backend, plain: Plain
) -> None:
    media_id = rejected_photo(db, backend)
    before = backend.row(media_id)
    with pytest.raises(Conflict, match=r"was pending and is rejected \(blurry\) now by worker"):
        approve(db, Seen(media_id, "pending", None))
    assert backend.row(media_id) == before
    assert len(decisions.history(db, media_id)) == 1
    assert audit.entries(db) == ()
    assert outbox.outbox_due(db, at=LATER) == ()


def test_a_photo_that_stands_as_asked_is_refused_so_that_nobody_is_told_twice(db: Database, backend: Backend) -> None:
    media_id = rejected_photo(db, backend)
    approve(db, media_id)
    with pytest.raises(Refused, match="approved already"):
        approve(db, media_id)


def test_the_reason_of_a_rejection_can_be_corrected(db: Database, backend: Backend) -> None:
    media_id = rejected_photo(db, backend)
    override(db, seen(db, media_id), Ruling(MediaStatus.REJECTED, Reason.UNDERAGE, "sara", LATER), job_id="j")
    assert backend.row(media_id)["moderation_reason"] == "underage"


@pytest.mark.parametrize(
    ("status", "reason", "actor"),
    [
        (MediaStatus.REJECTED, None, "sara"),
        (MediaStatus.REJECTED, Reason.CRASH, "sara"),
        (MediaStatus.APPROVED, Reason.NSFW, "sara"),
        (MediaStatus.FAILED, Reason.NSFW, "sara"),
        (MediaStatus.PENDING, None, "sara"),
        (MediaStatus.APPROVED, None, "  "),
        (MediaStatus.APPROVED, None, "worker"),
        (None, Reason.NSFW, "sara"),
    ],
)
def test_only_what_a_person_can_decide_is_taken(
    db: Database, status: MediaStatus | None, reason: Reason | None, actor: str
) -> None:
    with pytest.raises(UsageError):
        override(db, Seen(uuid.uuid4(), "pending", None), Ruling(status, reason, actor, AT), job_id="j")


def test_an_unknown_photo_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound):
        approve(db, Seen(uuid.uuid4(), "rejected", "blurry"))


def test_two_people_at_once_make_one_decision(db: Database, backend: Backend, plain: Plain) -> None:
    photo = seen(db, rejected_photo(db, backend))
    barrier = threading.Barrier(3, timeout=30)
    outcomes: list[str] = []

    def run(actor: str) -> None:
        barrier.wait()
        try:
            outcomes.append(approve(db, photo, actor=actor).status.value)
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=run, args=(name,)) for name in ("sara", "abel", "liya")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["approved", "conflict", "conflict"]
    assert len(audit.entries(db)) == 1
    assert len(outbox.outbox_due(db, at=LATER)) == 1


def test_a_person_and_a_worker_at_once_never_both_decide(db: Database, backend: Backend) -> None:
    for _ in range(8):
        job = backend.job(1)
        media_id = job.photos[0].media_id
        barrier = threading.Barrier(2, timeout=30)
        outcomes: dict[str, bool] = {}

        def work(job: Any = job, barrier: Any = barrier, outcomes: dict[str, bool] = outcomes) -> None:
            made = [judged(job.photos[0].media_id, sharpness=3.0)]
            barrier.wait()
            outcomes["worker"] = bool(ledger.settle(db, job, made, attempt=1, token="t", worker="w", at=AT).applied)

        photo = seen(db, media_id)

        def decide(photo: Seen = photo, barrier: Any = barrier, outcomes: dict[str, bool] = outcomes) -> None:
            barrier.wait()
            try:
                approve(db, photo)
                outcomes["person"] = True
            except Conflict:
                outcomes["person"] = False

        threads = [threading.Thread(target=run) for run in (work, decide)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert outcomes["worker"] != outcomes["person"]
        expected = "rejected" if outcomes["worker"] else "approved"
        assert backend.row(media_id)["moderation_status"] == expected
        assert [entry.status for entry in decisions.history(db, media_id)] == [expected]


def test_a_message_waits_until_it_is_due(db: Database, backend: Backend) -> None:
    media_id = rejected_photo(db, backend)
    approve(db, media_id, due_at=LATER + timedelta(minutes=1))
    assert outbox.outbox_due(db, at=LATER) == ()
    assert len(outbox.outbox_due(db, at=LATER + timedelta(minutes=1))) == 1


def test_a_claimed_message_is_nobody_elses_and_a_marked_one_is_done(db: Database, backend: Backend) -> None:
    media_id = rejected_photo(db, backend)
    approve(db, media_id)
    (message,) = outbox.outbox_due(db, at=LATER)
    assert outbox.outbox_due(db, at=LATER) == ()
    after = LATER + timedelta(minutes=5)
    assert outbox.unconfirmed(db, claimed_before=after, at=after) == (message,)
    assert outbox.unconfirmed(db, claimed_before=after, at=after) == (), "one takes it over"
    outbox.mark_published(db, message.id, at=LATER)
    assert outbox.unconfirmed(db, claimed_before=after, at=after) == ()
    with pytest.raises(NotFound):
        outbox.mark_published(db, message.id, at=LATER)


def test_a_message_that_nobody_claimed_cannot_be_marked(db: Database, backend: Backend) -> None:
    approve(db, rejected_photo(db, backend))
    with pytest.raises(NotFound):
        outbox.mark_published(db, 1, at=LATER)
    assert len(outbox.outbox_due(db, at=LATER)) == 1


def test_publishers_at_once_share_the_messages_and_the_oldest_go_first(db: Database, backend: Backend) -> None:
    for minute in (3, 1, 2, 0, 4, 5):
        due = LATER + timedelta(minutes=minute)
        approve(db, rejected_photo(db, backend), due_at=due, job_id=f"m{minute}")
    now = LATER + timedelta(hours=1)
    assert [message.job_id for message in outbox.outbox_due(db, at=now, limit=2)] == ["m0", "m1"]
    barrier = threading.Barrier(4, timeout=30)
    taken: list[str] = []

    def run() -> None:
        barrier.wait()
        taken.extend(message.job_id for message in outbox.outbox_due(db, at=now))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == ["m2", "m3", "m4", "m5"]


def test_a_message_is_put_once_and_a_repeated_id_undoes_the_decision(db: Database, backend: Backend) -> None:
    first, second = rejected_photo(db, backend), rejected_photo(db, backend)
    approve(db, first, job_id="same")
    with pytest.raises(LomiError, match="SQLSTATE 23505"):
        approve(db, second, job_id="same")
    assert backend.row(second)["moderation_status"] == "rejected"


def test_the_audit_is_read_by_subject_and_actor_the_latest_first(db: Database) -> None:
    for minute, (actor, subject) in enumerate([("sara", "queue"), ("abel", "queue"), ("sara", "database")]):
        at = AT + timedelta(minutes=minute)
        audit.record(db, AuditEntry(actor, "queue.pause", subject, at, "odd \x00 text", {"n": minute}, {"n": None}))
    assert [entry.actor for entry in audit.entries(db)] == ["sara", "abel", "sara"]
    assert [entry.actor for entry in audit.entries(db, subject="queue")] == ["abel", "sara"]
    assert [entry.before["n"] for entry in audit.entries(db, actor="sara")] == [2, 0]
    assert len(audit.entries(db, limit=1)) == 1
    assert audit.entries(db)[0].reason == "odd \ufffd text"


def test_the_reasons_a_person_may_give_are_the_contracts() -> None:
    assert [reason.value for reason in review.REASONS] == ["blurry", "no_face", "group_photo", "underage", "nsfw"]
