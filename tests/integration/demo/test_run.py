"""The demo against real Postgres, real Redis and a directory, with a worker that decides by the bytes it is given."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db.ledger import settle
from lomi_ops.db.pool import Database
from lomi_ops.db.uploads import forget_user
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import PhotoDecision, contract_scores, fail
from lomi_ops.domain.finding import Label
from lomi_ops.domain.job import Job
from lomi_ops.domain.verdict import NEEDS_REVIEW, FailureCode, Ground, MediaStatus, Outcome, Reason, Verdict
from lomi_ops.errors import RedisUnavailable, StackError, UsageError
from lomi_ops.ops.demo.outcome import DemoResult
from lomi_ops.ops.demo.plan import read_photos
from lomi_ops.ops.demo.results import photos_in
from lomi_ops.ops.demo.run import DemoIncomplete, Progress, Step, Targets, run_demo
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed
from lomi_ops.queue.wire import parse_job

BUCKET = "lomi-photos"
Judge = Callable[[UUID, bytes], PhotoDecision]


@pytest.fixture
def targets(redis_url: str, prepared_url: str, tmp_path: Path) -> Iterator[Targets]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    store = DirectoryStore(tmp_path / "objects", Buckets(frozenset({BUCKET})))
    store.ensure_bucket(BUCKET)
    with Database(prepared_url, size=2) as db:
        yield Targets(store, db, client, BUCKET)
    client.close()


@pytest.fixture
def plain(prepared_url: str, targets: Targets) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(prepared_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def by_the_word(media_id: UUID, data: bytes) -> PhotoDecision:
    """The photo says what it wants to be."""
    scores = contract_scores(None, None, 12.0) | {"blur_variance": 3.0, "face_count": 2}
    match data.split()[0]:
        case b"approve":
            return PhotoDecision(media_id, MediaStatus.APPROVED, None, scores, Verdict(Outcome.APPROVE, "p@1"))
        case b"review":
            return PhotoDecision(media_id, MediaStatus.PENDING, NEEDS_REVIEW, scores)
        case b"broken":
            return fail(media_id, FailureCode.UNREADABLE, "not an image", ms=1.0)
        case _:
            ground = Ground(Reason.BLURRY, Outcome.REJECT, Label.SHARPNESS, 3.0, 25.0, "sharpness 3 is below 25")
            verdict = Verdict(Outcome.REJECT, "p@1", (ground,))
            return PhotoDecision(media_id, MediaStatus.REJECTED, "blurry", scores, verdict, processing_ms=12.0)


@contextmanager
def worker(targets: Targets, judge: Judge = by_the_word, *, publish: bool = True) -> Iterator[list[bytes]]:
    """Claims, reads the objects, settles and finishes by the real protocol; yields the raw jobs that it saw."""
    seen: list[bytes] = []
    stop, queue = threading.Event(), JobQueue(targets.redis)

    def work() -> None:
        seq = 0
        while not stop.is_set():
            seq += 1
            held = queue.claim("boot/0", seq, str(uuid.uuid4()))
            if not isinstance(held, Claimed):
                stop.wait(0.02)
                continue
            seen.append(held.raw)
            try:
                payload = decide(parse_job(held.raw), held)
            except ValueError as error:
                queue.fail(held, Failure(ErrorClass.POISON, "bad_value", str(error)))
                continue
            queue.finish(held.job_id, held.token, payload if publish else b"")

    def decide(job: Job, held: Claimed) -> bytes:
        decisions = [judge(p.media_id, targets.store.get(p.bucket, p.key, 1 << 20)) for p in job.photos]
        settled = settle(
            targets.db, job, decisions, attempt=held.attempt, token=held.token, worker="w", at=datetime.now(UTC)
        )
        return (settled.payload or "").encode()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def sample(number: int, word: str, status: MediaStatus | None = None, reason: str | None = None) -> Sample:
    return Sample(f"photo {number}", f"{number}.jpg", f"{word} {number}".encode(), status, reason)


APPROVE = ("approve", MediaStatus.APPROVED, None)
REJECT = ("reject", MediaStatus.REJECTED, "blurry")


def many(count: int) -> list[Sample]:
    return [sample(number, *(APPROVE if number % 2 else REJECT)) for number in range(count)]


def remains(targets: Targets, plain: psycopg.Connection[dict[str, Any]]) -> tuple[int, int, int]:
    """Objects, media rows and users that are still there."""
    rows = plain.execute(
        "SELECT (SELECT count(*) FROM media) AS media, (SELECT count(*) FROM users) AS users"
    ).fetchone()
    assert rows is not None
    return len(list(targets.store.list(BUCKET))), rows["media"], rows["users"]


def test_every_photo_comes_back_with_its_decision_and_nothing_is_left(
    targets: Targets, plain: psycopg.Connection[dict[str, Any]]
) -> None:
    samples = [
        sample(0, *APPROVE),
        sample(1, *REJECT),
        sample(2, "broken", MediaStatus.FAILED, "unreadable"),
        sample(3, "review", MediaStatus.PENDING, NEEDS_REVIEW),
    ]
    with worker(targets):
        result = run_demo(targets, samples)
    assert result.ok
    assert [row.decision for row in result.rows] == ["approved", "rejected", "failed", "review"]
    assert [row.expected for row in result.rows] == [
        "approved",
        "rejected: blurry",
        "failed: unreadable",
        "pending: needs_review",
    ]
    assert [row.why for row in result.rows] == ["", "sharpness 3 is below 25", "not an image", ""]
    assert result.rows[1].numbers == "sharp 3, 2 faces, nsfw 0.00"
    assert result.rows[2].numbers == ""
    assert result.rows[1].processing_ms == 12.0
    assert 0 < result.rows[0].elapsed_s <= result.elapsed_s
    assert not result.kept
    assert remains(targets, plain) == (0, 0, 0)
    assert targets.redis.llen("photo_moderation_queue") == 0


def test_twenty_photos_travel_in_batches_of_nine_in_the_producers_shape(targets: Targets) -> None:
    with worker(targets) as seen:
        result = run_demo(targets, many(20))
    jobs = [parse_job(raw) for raw in seen]
    assert [len(job.photos) for job in jobs] == [9, 9, 2]
    assert len({job.user_id for job in jobs}) == 1
    assert len({job.batch_id for job in jobs}) == len({job.job_id for job in jobs}) == 3
    assert seen[0].startswith(b'{"job_id":"')
    photo = jobs[0].photos[0]
    assert photo.bucket == BUCKET
    assert photo.key == f"users/{jobs[0].user_id}/photo/{photo.media_id}.jpg"
    assert photo.url.endswith(f"/{BUCKET}/{photo.key}")
    assert [row.sample.name for row in result.rows] == [f"photo {number}" for number in range(20)]


def test_a_wrong_decision_makes_the_demo_fail_and_no_expectation_never_does(targets: Targets) -> None:
    with worker(targets):
        result = run_demo(targets, [sample(0, "reject", MediaStatus.APPROVED), sample(1, "reject")])
    assert [row.ok for row in result.rows] == [False, None]
    assert result.rows[1].expected is None
    assert not result.ok


def test_keep_leaves_objects_rows_and_user(targets: Targets, plain: psycopg.Connection[dict[str, Any]]) -> None:
    with worker(targets):
        result = run_demo(targets, many(3), keep=True)
    assert result.kept
    assert remains(targets, plain) == (3, 3, 1)
    assert forget_user(targets.db, result.user_id)
    assert not forget_user(targets.db, result.user_id)


def test_progress_counts_every_step(targets: Targets) -> None:
    told: list[Progress] = []
    with worker(targets):
        run_demo(targets, many(11), on_progress=told.append)
    steps = {step: [progress.done for progress in told if progress.step is step] for step in Step}
    assert steps == {
        Step.UPLOADED: list(range(1, 12)),
        Step.QUEUED: [11],
        Step.DECIDED: list(range(1, 12)),
        Step.CLEANED: [11],
    }
    assert all(progress.row for progress in told if progress.step is Step.DECIDED)


def ticking(step: float) -> Callable[[], float]:
    """A clock that jumps with every look, so that no test waits for a timeout."""
    now = [0.0]

    def clock() -> float:
        now[0] += step
        return now[0]

    return clock


def test_without_a_worker_the_timeout_says_what_waits_and_leaves_nothing(
    targets: Targets, plain: psycopg.Connection[dict[str, Any]]
) -> None:
    with pytest.raises(DemoIncomplete) as caught:
        run_demo(targets, many(11), timeout_s=60, clock=ticking(10))
    said = caught.value.message
    assert "after 60 s 11 of 11 photos are not done (photo 0, photo 1, photo 2, photo 3, photo 4, …)" in said
    assert "2 of their jobs nobody has claimed; 0 workers are registered" in said
    assert "lomi status" in caught.value.hint
    assert caught.value.rows == ()
    assert remains(targets, plain) == (0, 0, 0)
    assert targets.redis.llen("photo_moderation_queue") == 2
    with worker(targets) as seen:
        run_demo(targets, many(1))
    assert len(seen) == 1, "the cancelled jobs are never handed out"


def test_a_decision_that_nobody_announces_is_not_done(targets: Targets) -> None:
    with worker(targets, publish=False), pytest.raises(DemoIncomplete) as caught:
        run_demo(targets, [sample(0, *APPROVE), sample(1, "review")], timeout_s=1.0)
    assert "1 of 2 photos are not done (photo 0)" in caught.value.message
    assert "1 decided but not published on moderation_results" in caught.value.message
    assert [row.decision for row in caught.value.rows] == ["review"]


def test_a_dead_letter_ends_the_wait_at_once(targets: Targets, plain: psycopg.Connection[dict[str, Any]]) -> None:
    def burst(media_id: UUID, data: bytes) -> PhotoDecision:
        raise ValueError("the model burst")

    with (
        worker(targets, burst),
        pytest.raises(DemoIncomplete, match="is dead after 1 attempts: the model burst") as caught,
    ):
        run_demo(targets, many(1), timeout_s=100)
    assert caught.value.hint.startswith("lomi queue show ")
    assert remains(targets, plain) == (0, 0, 0)


def test_ctrl_c_cleans_up(targets: Targets, plain: psycopg.Connection[dict[str, Any]]) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step is Step.QUEUED:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(targets, many(2), on_progress=interrupt)
    assert remains(targets, plain) == (0, 0, 0)


def test_a_dead_redis_is_named_and_what_was_uploaded_stays_only_on_request(
    targets: Targets, plain: psycopg.Connection[dict[str, Any]]
) -> None:
    dead = queue_client(RedisSection(host="127.0.0.1", port=1))
    with pytest.raises(RedisUnavailable):
        run_demo(Targets(targets.store, targets.db, dead, BUCKET), many(2))
    assert remains(targets, plain) == (0, 0, 0)
    dead.close()


def test_an_old_worker_without_a_decision_log_is_enough(
    targets: Targets, plain: psycopg.Connection[dict[str, Any]]
) -> None:
    """It pops the job, writes `media` and publishes, and knows nothing of our schema."""
    plain.execute("DROP SCHEMA lomi CASCADE")
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            popped: Any = targets.redis.brpop(["photo_moderation_queue"], timeout=1)
            for photo in parse_job(popped[1]).photos if popped else ():
                plain.execute(
                    "UPDATE media SET moderation_status = 'rejected', moderation_reason = 'no_face',"
                    ' moderation_scores = \'{"blur_variance": 150.5, "processing_time_ms": 180}\' WHERE id = %s',
                    [photo.media_id],
                )
                targets.redis.publish("moderation_results", f'{{"results":[{{"media_id":"{photo.media_id}"}}]}}')

    thread = threading.Thread(target=work)
    thread.start()
    try:
        result: DemoResult = run_demo(targets, [sample(0, "x", MediaStatus.REJECTED, "no_face")])
    finally:
        stop.set()
        thread.join()
    assert result.ok
    assert (result.rows[0].numbers, result.rows[0].processing_ms, result.rows[0].verdict) == (
        "sharp 150",
        180,
        None,
    )


@pytest.mark.parametrize(
    "payload", [b"", b"hello", b"[]", b"{}", b'{"results":[{"media_id":"x"}]}', b'{"results":7}', b"\xff"]
)
def test_a_message_in_another_shape_is_about_no_photo_of_ours(payload: bytes) -> None:
    assert photos_in(payload) == ()


def test_photos_that_somebody_brings_along_have_unique_names_and_no_expectation(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "me.HEIC?").write_bytes(folder.encode())
    found = read_photos([tmp_path / "a" / "me.HEIC?", tmp_path / "b" / "me.HEIC?"])
    assert [(photo.filename, photo.data, photo.status) for photo in found] == [
        ("me.HEIC?", b"a", None),
        ("me.HEIC?", b"b", None),
    ]
    assert len({photo.name for photo in found}) == 2
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_photos([tmp_path / "missing.jpg"])


def test_a_demo_of_nothing_is_refused(targets: Targets) -> None:
    with pytest.raises(UsageError):
        run_demo(targets, [])
    assert issubclass(DemoIncomplete, StackError)


def test_an_odd_file_name_does_not_reach_the_key(targets: Targets) -> None:
    odd = Sample("odd", "../../x.sh; rm", b"approve it")
    with worker(targets) as seen:
        run_demo(targets, [odd])
    assert parse_job(seen[0]).photos[0].key.endswith(".jpg")
