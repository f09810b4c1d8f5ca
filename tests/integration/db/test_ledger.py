"""Settling a job: once, all or nothing, and only where the photo is still undecided."""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.db import checkpoints, decisions, ledger, media
from lomi_ops.db.ledger import Course, Settled, Skip, Times
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision, fail
from lomi_ops.domain.job import Job
from lomi_ops.domain.policy import judge
from lomi_ops.domain.verdict import NEEDS_REVIEW, FailureCode, MediaStatus
from lomi_ops.errors import DatabaseUnavailable, LomiError
from tests.integration.db.conftest import AT, POLICY, ZERO, Backend, evidence, judged, plainly

Plain = psycopg.Connection[dict[str, Any]]


def settle(db: Database, job: Job, made: list[PhotoDecision], *, attempt: int = 1, token: str = "t") -> Settled:
    return ledger.settle(db, job, made, attempt=attempt, token=token, worker="w1", at=AT, policy=POLICY)


def ids(job: Job) -> list[UUID]:
    return [photo.media_id for photo in job.photos]


def count(plain: Plain, table: str) -> int:
    row = plain.execute(psycopg.sql.SQL("SELECT count(*) AS n FROM {}").format(psycopg.sql.Identifier("lomi", table)))
    found = row.fetchone()
    assert found is not None
    return int(found["n"])


def test_a_job_is_settled_as_the_contract_wants_it_written(db: Database, backend: Backend) -> None:
    job = backend.job(4)
    good, blurry, doubtful, broken = ids(job)
    before = backend.row(doubtful)
    settled = settle(
        db,
        job,
        [
            judged(good),
            judged(blurry, sharpness=3.0),
            judged(doubtful, porn=0.4),
            fail(broken, FailureCode.TRUNCATED, "the JPEG ends early", ms=3.0),
        ],
        attempt=2,
    )
    assert settled.applied == (good, blurry, doubtful, broken)
    assert settled.skipped == ()
    rows = {media_id: backend.row(media_id) for media_id in ids(job)}
    shown = ("moderation_status", "moderation_reason", "is_approved", "retry_count", "moderated_at", "updated_at")
    assert [tuple(rows[m][key] for key in shown) for m in (good, blurry, broken)] == [
        ("approved", None, True, 1, AT, AT),
        ("rejected", "blurry", False, 1, AT, AT),
        ("failed", "truncated", False, 1, AT, AT),
    ]
    waits = rows[doubtful]
    assert waits["moderation_reason"] == NEEDS_REVIEW
    assert waits["moderation_scores"]["nsfw_scores"]["porn"] == 0.4
    changed = {key for key in waits if waits[key] != before[key]}
    assert changed == {"moderation_reason", "moderation_scores"}


def test_the_message_holds_the_decided_photos_alone_in_the_batchs_order(db: Database, backend: Backend) -> None:
    job = backend.job(3)
    good, doubtful, blurry = ids(job)
    settled = settle(db, job, [judged(good), judged(doubtful, porn=0.4), judged(blurry, sharpness=3.0)])
    assert settled.message is not None
    assert settled.payload == settled.message.to_json()
    message = json.loads(settled.payload)
    assert [result["media_id"] for result in message["results"]] == [str(good), str(blurry)]
    assert message["summary"] == {"total": 2, "approved": 1, "rejected": 1, "reasons": {"blurry": 1}}
    assert (message["job_id"], message["batch_id"], message["telegram_id"]) == (job.job_id, str(job.batch_id), 77)
    assert message["processed_at"] == "2026-11-20T12:00:00Z"
    assert message["results"][0]["scores"] == backend.row(good)["moderation_scores"]


def test_a_batch_with_nothing_decided_publishes_nothing_and_is_settled(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    settled = settle(db, job, [judged(ids(job)[0], porn=0.4)])
    assert (settled.message, settled.payload, settled.duplicate) == (None, None, False)
    found = ledger.entry(db, job.job_id)
    assert found is not None
    assert found.settled
    assert found.payload is None
    again = settle(db, job, [judged(ids(job)[0])])
    assert again == Settled(None, None, duplicate=True)
    assert media.photos_of(db, ids(job))[ids(job)[0]].in_review


def test_a_redelivered_job_gets_the_stored_message_and_writes_nothing(
    db: Database, backend: Backend, plain: Plain
) -> None:
    job = backend.job(2)
    first = settle(db, job, [judged(media_id) for media_id in ids(job)], token="first")
    rows = [backend.row(media_id) for media_id in ids(job)]
    second = settle(db, job, [judged(media_id, faces=0) for media_id in ids(job)], attempt=2, token="second")
    assert second == Settled(None, first.payload, duplicate=True)
    assert [backend.row(media_id) for media_id in ids(job)] == rows
    assert count(plain, "decisions") == 2
    found = ledger.entry(db, job.job_id)
    assert found is not None
    assert (found.payload, found.attempt, found.settled_at) == (first.payload, 1, AT)


def test_a_job_that_nobody_settled_is_unknown_to_the_ledger(db: Database) -> None:
    assert ledger.entry(db, "nobody") is None


def test_the_ledger_counts_what_it_wrote(db: Database, backend: Backend, plain: Plain) -> None:
    job = backend.job(5)
    good, blurry, doubtful, broken, gone = ids(job)
    plain.execute("DELETE FROM media WHERE id = %s", [gone])
    settle(
        db,
        job,
        [
            judged(good), judged(blurry, sharpness=3.0), judged(doubtful, porn=0.4),
            fail(broken, FailureCode.UNREADABLE, "not an image"), judged(gone),
        ],
    )  # fmt: skip
    row = plain.execute("SELECT * FROM lomi.jobs").fetchone()
    assert row is not None
    assert [row[key] for key in ("approved", "rejected", "failed", "in_review")] == [1, 1, 1, 1]
    assert row["skipped"] == [{"media_id": str(gone), "why": "no_row"}]
    assert row["media_ids"] == ids(job)


def test_photos_that_are_not_ours_to_change_are_skipped_with_the_reason_and_left_alone(
    db: Database, backend: Backend, plain: Plain
) -> None:
    job = backend.job(5)
    good, decided, foreign, gone, undone = ids(job)
    plain.execute(
        "UPDATE media SET moderation_status = 'rejected', moderation_reason = 'nsfw' WHERE id = %s", [decided]
    )
    plain.execute("UPDATE media SET batch_id = gen_random_uuid() WHERE id = %s", [foreign])
    plain.execute("DELETE FROM media WHERE id = %s", [gone])
    plain.execute("UPDATE media SET moderation_status = NULL WHERE id = %s", [undone])
    rows = [backend.row(media_id) for media_id in (decided, foreign, undone)]
    settled = settle(db, job, [judged(media_id) for media_id in (*ids(job), good)])
    assert settled.applied == (good,)
    assert dict(settled.skipped[:-1]) == {
        decided: Skip.DECIDED, foreign: Skip.OTHER_BATCH, gone: Skip.NO_ROW, undone: Skip.DECIDED,
    }  # fmt: skip
    assert settled.skipped[-1] == (good, Skip.TWICE)
    assert [backend.row(media_id) for media_id in (decided, foreign, undone)] == rows
    assert settled.message is not None
    assert [decision.media_id for decision in settled.message.decisions] == [good]


def test_a_job_whose_photos_are_all_decided_by_others_publishes_nothing(
    db: Database, backend: Backend, plain: Plain
) -> None:
    job = backend.job(2)
    plain.execute("UPDATE media SET moderation_status = 'approved'")
    settled = settle(db, job, [judged(media_id) for media_id in ids(job)])
    assert (settled.message, settled.payload, settled.applied) == (None, None, ())
    assert count(plain, "decisions") == 0


@pytest.mark.parametrize("row_batch", [None, ZERO])
def test_a_row_of_the_old_endpoint_joins_the_batch_that_decides_it(
    db: Database, backend: Backend, row_batch: UUID | None
) -> None:
    job = backend.job(2, row_batch=row_batch)
    good, doubtful = ids(job)
    settled = settle(db, job, [judged(good), judged(doubtful, porn=0.4)])
    assert settled.applied == (good, doubtful)
    assert [backend.row(media_id)["batch_id"] for media_id in ids(job)] == [job.batch_id, job.batch_id]


def test_a_row_without_a_batch_is_not_decided_by_another_users_job(db: Database, backend: Backend) -> None:
    job, stranger = backend.job(1, row_batch=ZERO), backend.user(telegram_id=5)
    settled = settle(db, replace(job, user_id=stranger), [judged(ids(job)[0])])
    assert settled.skipped == ((ids(job)[0], Skip.OTHER_BATCH),)
    assert backend.row(ids(job)[0])["moderation_status"] == "pending"


def test_every_applied_photo_has_a_row_in_the_log_from_which_the_verdict_can_be_computed_again(
    db: Database, backend: Backend
) -> None:
    job = backend.job(1)
    decision = judged(ids(job)[0], sharpness=40.0, porn=0.35)
    settle(db, job, [decision], attempt=3)
    (logged,) = decisions.history(db, ids(job)[0])
    assert logged.evidence == decision.evidence
    assert logged.verdict == decision.verdict
    assert logged.evidence is not None
    assert judge(logged.evidence, POLICY) == decision.verdict
    assert logged.thresholds is not None
    assert logged.thresholds["nsfw"] == {"porn": {"review_at": 0.3, "reject_at": 0.6}}
    assert logged.thresholds["requires"] == ["blur", "faces", "nsfw"]
    assert (logged.actor, logged.worker, logged.attempt, logged.at) == ("worker", "w1", 3, AT)
    assert (logged.status_before, logged.status, logged.reason) == ("pending", "pending", NEEDS_REVIEW)
    assert (logged.photo_sha256, logged.processing_ms) == ("ab" * 32, 61.75)


def test_a_policy_that_did_not_compute_the_verdict_is_not_logged_as_if_it_had(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    other = replace(POLICY, version=2)
    bare = replace(judged(ids(job)[0]), rule=None)
    ledger.settle(db, job, [bare], attempt=1, token="t", worker="w", at=AT, policy=other)
    (logged,) = decisions.history(db, ids(job)[0])
    assert logged.thresholds is None


def test_a_failed_photo_is_logged_with_its_code(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    settle(db, job, [fail(ids(job)[0], FailureCode.TOO_LARGE, "60 megapixels")])
    (logged,) = decisions.history(db, ids(job)[0])
    assert (logged.status, logged.reason, logged.failure, logged.detail) == (
        "failed", "too_large", "too_large", "60 megapixels",
    )  # fmt: skip
    assert logged.verdict is None
    assert logged.evidence is None


@pytest.mark.parametrize("odd", ["a\x00b", "half \ud83d pair", "ቆንጆ\x00"])
def test_a_text_that_postgres_cannot_keep_does_not_stop_a_batch(db: Database, backend: Backend, odd: str) -> None:
    job = backend.job(2)
    bad, good = ids(job)
    failed = fail(bad, FailureCode.OBJECT_MISSING, f"no object {odd}")
    measured = replace(judged(good), scores={"blur_variance": float("nan"), odd: [float("inf"), odd]})
    settled = settle(db, job, [failed, measured])
    assert settled.applied == (bad, good)
    assert settled.payload is not None
    published = json.loads(settled.payload)["results"]
    assert published[0]["scores"] == backend.row(bad)["moderation_scores"]
    assert published[1]["scores"] == backend.row(good)["moderation_scores"]
    assert published[1]["scores"]["blur_variance"] is None


def test_settling_clears_the_jobs_checkpoints_and_no_others(db: Database, backend: Backend, plain: Plain) -> None:
    job = backend.job(1)
    checkpoints.save(db, job.job_id, judged(ids(job)[0]), at=AT)
    checkpoints.note_crash(db, "another job", ids(job)[0], at=AT)
    settle(db, job, [judged(ids(job)[0])])
    assert checkpoints.load(db, job.job_id) == {}
    assert count(plain, "checkpoints") == 1


def test_an_error_in_the_middle_leaves_nothing_behind(db: Database, backend: Backend, plain: Plain) -> None:
    job = backend.job(2)
    plain.execute("ALTER TABLE lomi.decisions ADD CONSTRAINT nobody CHECK (worker <> 'w1')")
    with pytest.raises(LomiError, match="SQLSTATE 23514"):
        settle(db, job, [judged(media_id) for media_id in ids(job)])
    assert ledger.entry(db, job.job_id) is None
    assert {backend.row(media_id)["moderation_status"] for media_id in ids(job)} == {"pending"}
    plain.execute("ALTER TABLE lomi.decisions DROP CONSTRAINT nobody")
    assert len(settle(db, job, [judged(media_id) for media_id in ids(job)]).applied) == 2


def test_a_database_without_the_schema_says_which_command_makes_it(
    db: Database, backend: Backend, plain: Plain
) -> None:
    job = backend.job(1)
    plain.execute("DROP SCHEMA lomi CASCADE")
    with pytest.raises(LomiError) as caught:
        settle(db, job, [judged(ids(job)[0])])
    assert caught.value.hint == "lomi migrate apply"


def test_two_workers_that_settle_one_job_at_once_agree_on_one_message(
    db: Database, backend: Backend, plain: Plain
) -> None:
    for _ in range(5):
        job = backend.job(9)
        barrier = threading.Barrier(4, timeout=30)
        outcomes: list[Settled] = []

        def run(
            faces: int, job: Job = job, barrier: threading.Barrier = barrier, outcomes: list[Settled] = outcomes
        ) -> None:
            made = [judged(media_id, faces=faces) for media_id in ids(job)]
            barrier.wait()
            outcomes.append(settle(db, job, made, attempt=faces + 1, token=f"t{faces}"))

        threads = [threading.Thread(target=run, args=(faces,)) for faces in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(outcome.duplicate for outcome in outcomes) == [False, True, True, True]
        assert len({outcome.payload for outcome in outcomes}) == 1
        winner = next(outcome for outcome in outcomes if not outcome.duplicate)
        assert winner.message is not None
        assert {backend.row(m)["moderation_status"] for m in ids(job)} == {
            str(decision.status) for decision in winner.message.decisions
        }
    assert count(plain, "decisions") == 5 * 9


def test_a_zombie_that_comes_back_while_its_successor_settles_waits_and_is_told_the_message(
    db: Database, backend: Backend, prepared_url: str
) -> None:
    job = backend.job(2)
    good = [judged(media_id) for media_id in ids(job)]
    outcomes: list[Settled] = []
    with psycopg.connect(prepared_url) as holder:
        # The successor is stopped between the ledger and the photos by a lock on one of them.
        holder.execute("SELECT FROM media WHERE id = %s FOR UPDATE", [ids(job)[0]])
        threads = [
            threading.Thread(target=lambda n=n: outcomes.append(settle(db, job, good, attempt=n, token=f"t{n}")))
            for n in (2, 1)
        ]
        for thread in threads:
            thread.start()
        waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted"
        while (row := backend.connection.execute(waiting).fetchone()) is None or row["n"] < 2:
            pass
        assert outcomes == []
        holder.rollback()
        for thread in threads:
            thread.join(60)
    assert sorted(outcome.duplicate for outcome in outcomes) == [False, True]
    assert outcomes[0].payload == outcomes[1].payload


def await_a_waiter(backend: Backend, thread: threading.Thread) -> None:
    """Until what a thread does waits for a lock."""
    waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted"
    while thread.is_alive() and backend.connection.execute(waiting).fetchone() == {"n": 0}:
        pass
    assert thread.is_alive(), "it has waited"


def settled_behind(other: psycopg.Connection[Any], db: Database, backend: Backend, job: Job) -> Settled:
    """Settles a job that has to wait for what another connection has open, and commits that once it waits."""
    made, outcomes = [judged(media_id) for media_id in ids(job)], list[Settled]()
    thread = threading.Thread(target=lambda: outcomes.append(settle(db, job, made)))
    thread.start()
    await_a_waiter(backend, thread)
    other.commit()
    thread.join(60)
    (settled,) = outcomes
    return settled


def test_a_photo_that_somebody_decides_while_its_row_is_waited_for_is_theirs_and_the_rest_is_ours(
    db: Database, backend: Backend, plain: Plain, prepared_url: str
) -> None:
    job = backend.job(3)
    first, theirs, last = ids(job)
    with psycopg.connect(prepared_url) as person:
        person.execute(
            "UPDATE media SET moderation_status = 'rejected', moderation_reason = 'nsfw' WHERE id = %s", [theirs]
        )
        settled = settled_behind(person, db, backend, job)
    assert settled.applied == (first, last)
    assert settled.skipped == ((theirs, Skip.DECIDED),)
    assert settled.message is not None
    assert [decision.media_id for decision in settled.message.decisions] == [first, last]
    states = [backend.row(media_id)["moderation_status"] for media_id in ids(job)]
    assert states == ["approved", "rejected", "approved"]
    assert count(plain, "decisions") == 2
    found = ledger.entry(db, job.job_id)
    assert found is not None
    assert found.payload == settled.payload


@pytest.mark.parametrize("change", ["display_order = 5", "updated_at = now()", "retry_count = 3, batch_id = batch_id"])
def test_a_row_that_is_changed_while_it_is_waited_for_and_stays_ours_is_written_as_it_is_by_then(
    db: Database, backend: Backend, plain: Plain, prepared_url: str, change: str
) -> None:
    """The statement began to look before the change was there: what it writes is not what it saw first."""
    job = backend.job(2)
    with psycopg.connect(prepared_url) as app:
        app.execute(f"UPDATE media SET {change} WHERE id = ANY(%s)".encode(), [ids(job)])
        settled = settled_behind(app, db, backend, job)
    assert settled.applied == tuple(ids(job))
    assert [backend.row(media_id)["moderation_status"] for media_id in ids(job)] == ["approved"] * 2
    if "display_order" in change:
        assert [backend.row(media_id)["display_order"] for media_id in ids(job)] == [5, 5], "what the app wrote stays"
    assert count(plain, "decisions") == 2


def test_beside_a_worker_of_before_that_enters_the_job_first_one_of_the_two_settles_it(
    db: Database, backend: Backend, plain: Plain, prepared_url: str
) -> None:
    """It enters the job and then locks photos, we the other way round: Postgres ends whoever waits last."""
    job = backend.job(1)
    (photo,) = ids(job)
    with psycopg.connect(prepared_url) as old:
        old.execute(
            "INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, attempt, settled_at)"
            " VALUES (%s, %s, %s, 0, %s, now(), 1, now())",
            [job.job_id, job.batch_id, job.user_id, [photo]],
        )
        ended: list[Settled | DatabaseUnavailable] = []

        def ours() -> None:
            try:
                ended.append(settle(db, job, [judged(photo)]))
            except DatabaseUnavailable as failure:
                ended.append(failure)

        thread = threading.Thread(target=ours)
        thread.start()
        await_a_waiter(backend, thread)
        try:
            old.execute("UPDATE media SET moderation_status = 'rejected' WHERE id = %s", [photo])
            old.commit()
        except psycopg.errors.DeadlockDetected:
            old.rollback()
        thread.join(60)
    (end,) = ended
    again = settle(db, job, [judged(photo)])
    assert again.duplicate, "whoever it was, the job is settled once"
    theirs = backend.row(photo)["moderation_status"] == "rejected"
    assert isinstance(end, DatabaseUnavailable) == theirs
    assert count(plain, "decisions") == (0 if theirs else 1)


def test_two_jobs_over_the_same_photos_decide_each_photo_once(db: Database, backend: Backend, plain: Plain) -> None:
    """As after a re-queue: another job id, the same batch, the photos named in another order."""
    first = backend.job(9)
    second = replace(first, job_id=str(uuid.uuid4()), photos=tuple(reversed(first.photos)))
    barrier = threading.Barrier(2, timeout=30)
    outcomes: list[Settled] = []

    def run(job: Job) -> None:
        made = [judged(media_id) for media_id in ids(job)]
        barrier.wait()
        outcomes.append(settle(db, job, made))

    threads = [threading.Thread(target=run, args=(job,)) for job in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(len(outcome.applied) for outcome in outcomes) == [0, 9]
    assert {why for outcome in outcomes for _, why in outcome.skipped} == {Skip.DECIDED}
    assert [outcome.payload is None for outcome in outcomes].count(True) == 1
    assert count(plain, "decisions") == 9


def test_a_lost_answer_shows_as_a_duplicate(db: Database, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    job = backend.job(1)
    made = [judged(ids(job)[0])]

    real = psycopg.Cursor.execute

    def lost(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
        answer = real(cursor, query, *args, **options)
        if "INSERT INTO lomi.jobs" in str(query):
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", lost)
        with pytest.raises(DatabaseUnavailable):
            settle(db, job, made)
    again = settle(db, job, made)
    assert again.duplicate
    assert again.payload is not None
    assert json.loads(again.payload)["results"][0]["status"] == "approved"


def test_what_a_job_waited_for_is_kept_with_it_and_nothing_where_nobody_knows(
    db: Database, backend: Backend, plain: Plain
) -> None:
    known, unknown = backend.job(1), backend.job(1)
    ledger.note_outage(db, known, at=AT)
    course = Course(0, 0, "host-1", 1.5, Times(0.001, (0.02, 0.0305), 0.0075))
    for job, told in ((known, course), (unknown, None)):
        made = [judged(ids(job)[0])]
        ledger.settle(db, job, made, attempt=1, token="t", worker="w1", at=AT, policy=POLICY, course=told)
    rows = {
        row["job_id"]: (row["opening_ms"], row["downloads_ms"], row["settled_before_ms"])
        for row in plain.execute("SELECT * FROM lomi.jobs").fetchall()
    }

    assert rows[known.job_id] == (1.0, pytest.approx([20, 30.5]), 7.5)
    assert rows[unknown.job_id] == (None, None, None)


def test_whatever_a_worker_knows_of_its_times_the_server_plans_one_statement(
    prepared_url: str, backend: Backend
) -> None:
    with Database(prepared_url, size=1, prepares=True) as db:
        for number in range(12):
            job = backend.job(1)
            times = (Times(), Times(0.001, (), None), Times(0.001, (0.02, 3.0), 0.0075))[number % 3]
            made = [judged(ids(job)[0])]
            course = Course(0, 0, "host-1", 1.5, times)
            ledger.settle(db, job, made, attempt=1, token="t", worker="w1", at=AT, policy=POLICY, course=course)
        with db.session() as session:
            kept = session._connection.execute(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%INSERT INTO lomi.jobs%'"
            ).fetchone()

    assert kept == (1,)


def test_a_job_in_an_outage_is_open_since_its_first_one_and_can_be_settled(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    assert ledger.note_outage(db, job, at=AT) == AT
    assert ledger.note_outage(db, job, at=AT + timedelta(minutes=5)) == AT
    found = ledger.entry(db, job.job_id)
    assert found is not None
    assert not found.settled
    assert found.first_outage_at == AT
    settled = settle(db, job, [judged(ids(job)[0])])
    assert not settled.duplicate
    found = ledger.entry(db, job.job_id)
    assert found is not None
    assert found.settled


def test_an_outage_that_is_over_is_forgotten(db: Database, backend: Backend) -> None:
    job, later = backend.job(1), AT + timedelta(hours=3)
    ledger.note_outage(db, job, at=AT)
    ledger.outage_over(db, job.job_id)
    assert ledger.note_outage(db, job, at=later) == later


def test_an_outage_noted_by_a_zombie_does_not_open_a_settled_job(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    first = settle(db, job, [judged(ids(job)[0])])
    before = ledger.entry(db, job.job_id)
    assert ledger.note_outage(db, job, at=AT) == AT
    assert ledger.entry(db, job.job_id) == before
    assert settle(db, job, [judged(ids(job)[0])]).payload == first.payload


def test_a_job_that_is_given_up_is_no_longer_open_and_a_settled_one_stays(db: Database, backend: Backend) -> None:
    job, other = backend.job(1), backend.job(1)
    ledger.note_outage(db, job, at=AT)
    assert ledger.abandon(db, job.job_id)
    assert ledger.entry(db, job.job_id) is None
    settle(db, other, [judged(ids(other)[0])])
    assert not ledger.abandon(db, other.job_id)
    assert ledger.entry(db, other.job_id) is not None


def test_a_checkpoint_keeps_a_decision_whole_and_a_crash_is_counted_beside_it(db: Database) -> None:
    media_id, other = uuid.uuid4(), uuid.uuid4()
    decision = judged(media_id, faces=2)
    assert checkpoints.load(db, "j") == {}
    assert checkpoints.note_crash(db, "j", media_id, at=AT) == 1
    assert checkpoints.note_crash(db, "j", media_id, at=AT) == 2
    checkpoints.save(db, "j", decision, at=AT)
    checkpoints.save(db, "j", fail(other, FailureCode.UNREADABLE, "no image"), at=AT)
    known = checkpoints.load(db, "j")
    assert (known[media_id].crashes, known[media_id].decision) == (2, decision)
    assert known[other].crashes == 0
    assert known[other].decision == fail(other, FailureCode.UNREADABLE, "no image")
    checkpoints.note_crash(db, "j", other, at=AT)
    assert checkpoints.load(db, "j")[other].decision is not None
    assert checkpoints.clear(db, "j") == 2


def test_a_photo_that_only_crashed_has_no_decision(db: Database) -> None:
    media_id = uuid.uuid4()
    checkpoints.note_crash(db, "j", media_id, at=AT)
    assert checkpoints.load(db, "j")[media_id].decision is None


def test_checkpoints_that_no_job_came_back_for_are_swept(db: Database) -> None:
    checkpoints.note_crash(db, "old", uuid.uuid4(), at=AT - timedelta(days=8))
    checkpoints.note_crash(db, "new", uuid.uuid4(), at=AT)
    assert checkpoints.sweep(db, before=AT - timedelta(days=7)) == 1
    assert checkpoints.load(db, "old") == {}
    assert len(checkpoints.load(db, "new")) == 1


@pytest.mark.parametrize("table", ["decisions", "audit"])
@pytest.mark.parametrize("verb", ["UPDATE lomi.{} SET at = now()", "DELETE FROM lomi.{}", "TRUNCATE lomi.{}"])
def test_what_was_decided_and_done_cannot_be_changed(db: Database, plain: Plain, table: str, verb: str) -> None:
    text = verb.format(table).encode()
    with pytest.raises(psycopg.errors.RestrictViolation, match=f"lomi.{table} is append-only"):
        plain.execute(text)


def test_the_sql_that_operators_type_today_gives_sensible_answers(db: Database, backend: Backend, plain: Plain) -> None:
    job = backend.job(4)
    good, blurry, doubtful, broken = ids(job)
    settle(
        db,
        job,
        [
            judged(good), judged(blurry, sharpness=3.0), judged(doubtful, porn=0.4),
            fail(broken, FailureCode.UNREADABLE, "not an image", ms=2.0),
        ],
    )  # fmt: skip
    backend.photo(job.user_id, ZERO)
    by_status = plain.execute(
        "SELECT moderation_status AS s, COUNT(*) AS n FROM media GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert {row["s"]: row["n"] for row in by_status} == {"approved": 1, "failed": 1, "pending": 2, "rejected": 1}
    reasons = plain.execute(
        "SELECT moderation_reason AS r, COUNT(*) AS n FROM media WHERE moderation_status = 'rejected' GROUP BY 1"
    ).fetchall()
    assert reasons == [{"r": "blurry", "n": 1}]
    scores = plain.execute(
        "SELECT (moderation_scores->>'blur_variance')::float AS blur, (moderation_scores->>'face_count')::int AS faces,"
        " (moderation_scores->'nsfw_scores'->>'porn')::float AS porn,"
        " (moderation_scores->>'processing_time_ms')::float AS ms"
        " FROM media WHERE moderation_status != 'pending' ORDER BY moderation_status"
    ).fetchall()
    assert scores[0] == {"blur": 300.0, "faces": 1, "porn": 0.0, "ms": 62.0}
    assert [row["blur"] for row in scores] == [300.0, None, 3.0]
    decided = plain.execute("SELECT COUNT(*) AS n FROM media WHERE moderation_status != 'pending'").fetchone()
    assert decided == {"n": 3}


def test_nine_photos_are_settled_by_one_statement(
    db: Database, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = backend.job(9)
    made = [plainly(media_id, MediaStatus.APPROVED) for media_id in ids(job)]
    with db.session() as session:
        session.admit()  # once a minute
    sent: list[str] = []
    real = psycopg.Cursor.execute

    def counted(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
        sent.append(str(query))
        return real(cursor, query, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    settled = settle(db, job, made)
    assert len(settled.applied) == 9
    assert len(sent) == 1


def test_the_evidence_of_the_tests_is_what_the_policy_judges() -> None:
    """Guards the helpers above: without it a change of the policy could make every test approve."""
    assert judge(evidence(), POLICY).status is MediaStatus.APPROVED
    assert judge(evidence(sharpness=3.0), POLICY).status is MediaStatus.REJECTED
    assert judge(evidence(porn=0.4), POLICY).status is MediaStatus.PENDING
