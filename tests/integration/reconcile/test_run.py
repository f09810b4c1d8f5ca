"""What a run finds and repairs, and what it leaves alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from lomi_ops.db import ledger, overrides
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import contract_scores
from lomi_ops.domain.reconcile import NO_BATCH, Bucket, job_id_of
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus
from lomi_ops.errors import LockHeld, ObjectsUnavailable
from lomi_ops.ops.reconcile.run import OLD_WORKER_S
from lomi_ops.queue.replies import Claimed, JobState
from lomi_ops.queue.wire import parse_job
from tests.integration.db.conftest import approval, plainly, seen
from tests.integration.queue.producer import body
from tests.integration.reconcile.conftest import LONG_AGO, Cluster, ids_of, now
from tests.operating import waiting

POISON = Failure(ErrorClass.POISON, "not_json", "the element is not a JSON object", hint="lomi queue dead")
LATER = Failure(ErrorClass.TRANSIENT, "reset", "the connection was reset", 600.0)
REVIEW = MediaStatus.PENDING


class _Stopping:
    """A run during which something happens: at its first call of a method of the queue."""

    def __init__(self, cluster: Cluster, *, at: str, then: object) -> None:
        queue = cluster.queue
        usual = getattr(queue, at)

        def happening(*args: object) -> object:
            setattr(queue, at, usual)
            then()  # type: ignore[operator]
            return usual(*args)

        setattr(queue, at, happening)
        self.run = cluster.run


class _Store:
    """Has these keys; None: does not answer."""

    def __init__(self, keys: set[str] | None) -> None:
        self._keys = keys

    def size(self, bucket: str, key: str) -> int | None:
        from lomi_ops.clients.objects.keys import check_key

        assert bucket == "lomi-photos"
        check_key(key)
        if self._keys is None:
            raise ObjectsUnavailable("the object store gave no usable answer")
        return 10 if key in self._keys else None


def test_a_batch_whose_push_was_lost_gets_a_job_as_the_producer_writes_it(cluster: Cluster) -> None:
    lost = cluster.upload(3)

    outcome = cluster.run()

    (job,) = cluster.waiting()
    assert list(job) == list(body())
    assert list(job["photos"][0]) == list(body()["photos"][0])
    telegram = cluster.backend.connection.execute("SELECT telegram_id FROM users").fetchone()
    assert telegram is not None
    assert (job["batch_id"], job["user_id"]) == (str(lost.batch_id), str(lost.user_id))
    assert (job["telegram_id"], job["priority"], job["retry_count"]) == (telegram["telegram_id"], 1, 0)
    assert {photo["r2_key"] for photo in job["photos"]} == {photo.key for photo in lost.photos}
    assert {photo["bucket"] for photo in job["photos"]} == {"lomi-photos"}
    assert job["photos"][0]["r2_url"] == f"https://files.example/{job['photos'][0]['r2_key']}?a=1&b=2"
    assert b"\\u0026" in waiting(cluster.queue, 1)[0]
    assert outcome.counts[Bucket.LOST] == outcome.queued == 3
    assert not outcome.wrong
    assert cluster.claim().job_id == job["job_id"] == outcome.jobs[0].job_id


def test_a_second_run_adds_nothing_wherever_the_job_is_by_then(cluster: Cluster) -> None:
    cluster.upload(2)
    cluster.run()

    for step in ("ready", "running", "delayed"):
        before = cluster.state()
        outcome = cluster.run()
        assert (step, outcome.counts[Bucket.ON_ITS_WAY], outcome.jobs) == (step, 2, [])
        assert cluster.state() == before
        if step == "ready":
            held = cluster.claim()
        elif step == "running":
            cluster.queue.fail(held, LATER)


def test_only_photos_that_nobody_has_are_touched(cluster: Cluster) -> None:
    waiting, high, running, delayed, dead = (cluster.upload(2) for _ in range(5))
    for job in (running, delayed, dead):
        cluster.push(job)
    held = [cluster.claim() for _ in range(3)]
    cluster.queue.fail(held[1], LATER)
    cluster.queue.fail(held[2], POISON)
    cluster.push(waiting)
    cluster.client.lpush(
        cluster.queue.keys.high, json.dumps({"photos": [{"media_id": str(p.media_id)} for p in high.photos]})
    )
    reviewed, decided, opened = cluster.upload(2), cluster.upload(2), cluster.upload(2)
    cluster.settle(reviewed, *(plainly(photo.media_id, REVIEW, NEEDS_REVIEW) for photo in reviewed.photos), at=LONG_AGO)
    cluster.approve(decided, at=LONG_AGO)
    ledger.note_outage(cluster.handles.database, opened, at=LONG_AGO)
    young = cluster.upload(2, at=now())
    fresh = cluster.upload(2)
    cluster.approve(fresh, at=now() + timedelta(seconds=1))
    cluster.reset(*(photo.media_id for photo in fresh.photos))
    keyless = cluster.upload(1)
    approved = cluster.old_upload(1, None)
    rows = cluster.backend.connection
    rows.execute("UPDATE media SET url = '' WHERE id = %s", [keyless.photos[0].media_id])
    rows.execute("UPDATE media SET is_approved = true WHERE id = %s", approved)
    (video,) = cluster.old_upload(1)
    rows.execute("UPDATE media SET media_type = 'video' WHERE id = %s", [video])
    before = cluster.state()

    outcome = cluster.run()

    assert outcome.counts == {
        Bucket.IN_REVIEW: 2, Bucket.ON_ITS_WAY: 10, Bucket.OPEN: 2, Bucket.DEAD: 2, Bucket.YOUNG: 2, Bucket.NO_KEY: 1,
        Bucket.APPROVED_BEFORE: 1, Bucket.LOST: 0, Bucket.NEVER_QUEUED: 0, Bucket.UNAPPLIED: 0,
    }  # fmt: skip
    assert cluster.state() == before
    assert outcome.wrong
    assert young.batch_id != fresh.batch_id
    assert not cluster.run(older_than_s=0.0, dry_run=True).counts[Bucket.YOUNG]


def test_rows_of_the_old_endpoint_get_a_batch_and_a_job_by_user_nine_at_most(cluster: Cluster) -> None:
    many, few = cluster.old_upload(11), cluster.old_upload(2, None)
    before = {media_id: cluster.row(media_id) for media_id in many + few}

    outcome = cluster.run()

    assert outcome.adopted == outcome.queued == 13
    jobs = cluster.waiting()
    assert sorted(len(job["photos"]) for job in jobs) == [2, 2, 9]
    assert sorted(ids_of(jobs)) == sorted(many + few)
    assert ids_of([job for job in jobs if len(job["photos"]) == 9]) == many[:9]
    for job in jobs:
        for photo in job["photos"]:
            row = cluster.row(UUID(photo["media_id"]))
            assert (str(row["batch_id"]), str(row["user_id"])) == (job["batch_id"], job["user_id"])
            assert row | {"batch_id": None} == before[row["id"]] | {"batch_id": None}
    journal = [(entry["action"], entry["actor"]) for entry in cluster.audit()]
    assert journal.count(("reconcile.adopt", "abebe")) == 13
    assert journal.count(("reconcile.queue", "abebe")) == 3
    assert cluster.run().counts[Bucket.ON_ITS_WAY] == 13
    done = cluster.approve(parse_job(cluster.claim().raw))
    assert len(done.applied) in (2, 9)


def test_a_row_of_the_old_endpoint_that_some_job_names_is_left_alone(cluster: Cluster) -> None:
    ids = cluster.old_upload(2)
    photos = [{"media_id": str(media_id), "r2_key": "k", "bucket": "b"} for media_id in ids]
    cluster.client.lpush(cluster.queue.keys.ready, json.dumps(body(photos=photos)))

    outcome = cluster.run()

    assert (outcome.adopted, outcome.counts[Bucket.ON_ITS_WAY]) == (0, 2)
    assert {cluster.row(media_id)["batch_id"] for media_id in ids} == {NO_BATCH}


def test_a_decision_that_media_does_not_show_is_written_and_not_published(cluster: Cluster) -> None:
    judged, judged_by_person = cluster.upload(2), cluster.upload(1)
    first, second, third = [photo.media_id for photo in (*judged.photos, *judged_by_person.photos)]
    cluster.settle(
        judged, plainly(first, MediaStatus.APPROVED), plainly(second, MediaStatus.REJECTED, "nsfw"), at=LONG_AGO
    )
    database = cluster.handles.database
    overrides.override(database, seen(database, third), approval("sara", LONG_AGO), job_id=str(uuid4()))
    right = [cluster.row(each) for each in (first, second, third)]
    cluster.reset(first, second, third)

    outcome = cluster.run()

    shown = [cluster.row(each) for each in (first, second, third)]
    for row, expected in zip(shown, right, strict=True):
        assert row | {"updated_at": None} == expected | {"updated_at": None}
    assert shown[0]["moderation_scores"] == contract_scores(None, None, 5.0)
    assert (outcome.applied, outcome.counts[Bucket.UNAPPLIED], outcome.jobs) == (3, 3, [])
    assert not outcome.wrong
    assert cluster.waiting() == []
    assert cluster.queue.stats().unsent == 0
    entries = [entry for entry in cluster.audit() if entry["action"] == "reconcile.apply"]
    assert {entry["subject"] for entry in entries} == {f"media:{each}" for each in (first, second, third)}
    assert {entry["after"]["status"] for entry in entries} == {"approved", "rejected"}
    assert cluster.run().pending == 0


def test_a_decision_that_a_person_takes_meanwhile_is_not_overwritten(cluster: Cluster) -> None:
    job = cluster.upload(1)
    media_id = job.photos[0].media_id
    cluster.approve(job, at=LONG_AGO)
    cluster.reset(media_id)
    stopped = _Stopping(cluster, at="stats", then=lambda: cluster.backend.connection.execute(
        "UPDATE media SET moderation_reason = 'needs_review' WHERE id = %s", [media_id]
    ))  # fmt: skip

    outcome = stopped.run()

    assert outcome.applied == 0
    assert cluster.row(media_id)["moderation_status"] == "pending"


def test_the_one_that_settles_first_decides_when_a_photo_has_two_jobs(cluster: Cluster) -> None:
    """The claim between look and push: the run could not see the job, and queues a second one."""
    job = cluster.upload(3)
    cluster.run()
    duplicate = parse_job(cluster.claim().raw)

    first = cluster.approve(job)
    second = cluster.settle(duplicate, *(plainly(p.media_id, MediaStatus.REJECTED, "blurry") for p in job.photos))

    assert len(first.applied) == 3
    assert (second.applied, second.payload, second.duplicate) == ((), None, False)
    assert {cluster.row(photo.media_id)["moderation_status"] for photo in job.photos} == {"approved"}


def test_a_job_of_a_row_that_was_adopted_meanwhile_decides_nothing(cluster: Cluster) -> None:
    """Somebody pushed the old rows by hand, and its worker settles after we gave them a batch."""
    ids = cluster.old_upload(2)
    row = cluster.row(ids[0])
    by_hand = cluster.upload(1)
    by_hand = replace(
        by_hand, user_id=row["user_id"], photos=tuple(replace(by_hand.photos[0], media_id=i) for i in ids)
    )
    cluster.run()
    ours = next(job for job in cluster.waiting() if set(ids_of([job])) == set(ids))

    assert cluster.approve(by_hand).applied == ()
    assert set(cluster.approve(parse_job(json.dumps(ours).encode())).applied) == set(ids)


def test_photos_that_are_pending_again_after_their_job_was_settled_get_another_job(cluster: Cluster) -> None:
    job = cluster.upload(2)
    ids = [photo.media_id for photo in job.photos]
    names = []
    for _ in range(3):
        (queued,) = cluster.run().jobs
        names.append(queued.job_id)
        ours = cluster.claim()
        cluster.settle(parse_job(ours.raw), *(plainly(each, REVIEW, NEEDS_REVIEW) for each in ids), at=LONG_AGO)
        cluster.queue.finish(ours.job_id, ours.token)
        cluster.reset(*ids)
        # Redis may have been wiped, or has forgotten: the ledger has not.
        cluster.client.flushall()

    assert names == [job_id_of(job.batch_id, ids, number) for number in range(3)]


def test_a_name_is_used_up_when_its_job_is_over_without_a_trace_in_the_ledger(cluster: Cluster) -> None:
    job = cluster.upload(2)
    names = [job_id_of(job.batch_id, [photo.media_id for photo in job.photos], number) for number in range(12)]
    for name in names[:10]:
        cluster.client.hset(
            cluster.queue.keys.job(name), mapping={"state": "cancelled", "sha": "x", "first_seen_ms": 1}
        )

    assert [queued.job_id for queued in cluster.run().jobs] == [names[10]]


def test_a_job_that_an_old_worker_took_is_left_to_it_for_a_while(cluster: Cluster) -> None:
    cluster.upload(2)
    (first,) = cluster.run().jobs
    assert first.job_id is not None
    cluster.client.rpop(cluster.queue.keys.ready)

    outcome = cluster.run()
    assert (outcome.jobs, outcome.known, outcome.wrong) == ([], 2, False)

    cluster.client.hset(cluster.queue.keys.job(first.job_id), "first_seen_ms", 1)
    (second,) = cluster.run().jobs
    assert second.job_id != first.job_id
    assert second.media_ids == first.media_ids


def test_dead_letters_are_reported_and_queued_again_only_when_asked_to(cluster: Cluster) -> None:
    cluster.push(cluster.upload(2))
    names = set()
    for _ in range(2):
        cluster.queue.fail(cluster.claim(), POISON)
        left = cluster.run()
        assert (left.counts[Bucket.DEAD], left.jobs, left.wrong) == (2, [], True)
        (queued,) = cluster.run(include_dead=True).jobs
        assert queued.job_id is not None
        names.add(queued.job_id)
        again = cluster.run(include_dead=True)
        assert (again.jobs, again.counts[Bucket.ON_ITS_WAY], again.wrong) == ([], 2, False)
    assert len(names) == 2
    assert cluster.queue.stats().dead == 2


def test_the_limit_counts_photos_and_cuts_no_batch(cluster: Cluster) -> None:
    batches = [cluster.upload(3, at=LONG_AGO + timedelta(minutes=n)) for n in range(4)]

    first = cluster.run(limit=4)

    assert [job.batch_id for job in first.jobs] == [batches[0].batch_id, batches[1].batch_id]
    assert (first.queued, first.left, first.wrong) == (6, 6, True)
    second = cluster.run(limit=6)
    assert (second.queued, second.left, second.wrong) == (6, 0, False)
    assert len(cluster.waiting()) == 4


def test_a_dry_run_counts_what_the_run_will_do_and_changes_nothing(cluster: Cluster) -> None:
    cluster.upload(4)
    cluster.old_upload(10)
    logged = cluster.upload(2)
    cluster.approve(logged, at=LONG_AGO)
    cluster.reset(*(photo.media_id for photo in logged.photos))
    before = cluster.state()

    dry = cluster.run(dry_run=True)

    assert cluster.state() == before
    assert dry.wrong
    real = cluster.run()
    assert (dry.counts, dry.queued, dry.adopted, dry.applied) == (real.counts, real.queued, real.adopted, real.applied)
    assert [len(job.media_ids) for job in dry.jobs] == [len(job.media_ids) for job in real.jobs] == [4, 9, 1]
    assert dry.jobs[0] == real.jobs[0]
    assert not real.wrong


def test_two_runs_do_not_work_at_once_and_a_dry_run_is_always_welcome(cluster: Cluster) -> None:
    job = cluster.upload(1)
    seen = []

    def meanwhile() -> None:
        with pytest.raises(LockHeld):
            cluster.run()
        seen.append(cluster.run(dry_run=True).counts[Bucket.LOST])

    _Stopping(cluster, at="stats", then=meanwhile).run()

    assert seen == [1]
    assert ids_of(cluster.waiting()) == [job.photos[0].media_id]
    assert cluster.run().counts[Bucket.ON_ITS_WAY] == 1


def test_missing_objects_are_reported_and_left_to_the_worker(cluster: Cluster) -> None:
    there, gone, odd = cluster.upload(1), cluster.upload(1), cluster.upload(1)
    cluster.backend.connection.execute("UPDATE media SET url = '../x' WHERE id = %s", [odd.photos[0].media_id])
    store = _Store({there.photos[0].key})

    outcome = replace(cluster, handles=replace(cluster.handles, store=store)).run()  # type: ignore[arg-type]

    assert set(outcome.missing) == {gone.photos[0].media_id, odd.photos[0].media_id}
    assert (outcome.queued, outcome.wrong) == (3, True)
    assert {cluster.row(job.photos[0].media_id)["moderation_status"] for job in (there, gone, odd)} == {"pending"}


def test_a_store_that_does_not_answer_stops_the_run_before_it_changes_anything(cluster: Cluster) -> None:
    cluster.upload(1)
    before = cluster.state()

    with pytest.raises(ObjectsUnavailable):
        replace(cluster, handles=replace(cluster.handles, store=_Store(None))).run()  # type: ignore[arg-type]

    assert cluster.state() == before


def test_pages_of_rows_are_counted_once_each(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lomi_ops.db.reconcile.pending.__kwdefaults__", {"batches": None, "page": 3})
    for _ in range(5):
        cluster.upload(4)  # all of the same moment: the order goes on by id
    undated = cluster.old_upload(4)
    cluster.backend.connection.execute("UPDATE media SET created_at = NULL WHERE id = ANY(%s)", [undated])

    outcome = cluster.run()

    assert (outcome.counts[Bucket.LOST], outcome.counts[Bucket.NEVER_QUEUED]) == (20, 4)
    assert len(ids_of(cluster.waiting())) == len(set(ids_of(cluster.waiting()))) == 24


def test_a_cluster_that_is_not_swapped_is_repaired_and_told_what_nobody_can_know(unswapped: Cluster) -> None:
    lost, waiting, old = unswapped.upload(3), unswapped.upload(2), unswapped.old_upload(2, None)
    unswapped.push(waiting)

    outcome = unswapped.run()

    assert (outcome.counts[Bucket.LOST], outcome.counts[Bucket.ON_ITS_WAY]) == (3, 2)
    assert sorted(ids_of(unswapped.waiting())) == sorted(
        [*(photo.media_id for job in (lost, waiting) for photo in job.photos), *old]
    )
    assert [each.command for each in outcome.unknown] == ["lomi worker", "lomi migrate apply"]
    assert unswapped.waited == [OLD_WORKER_S]
    assert unswapped.run().jobs == []


def test_what_an_old_worker_had_in_hand_is_not_queued_again(unswapped: Cluster) -> None:
    in_hand, lost = unswapped.upload(2), unswapped.upload(2)

    def result_arrives(_: float) -> None:
        unswapped.backend.connection.execute(
            "UPDATE media SET moderation_status = 'approved' WHERE batch_id = %s", [in_hand.batch_id]
        )

    outcome = replace(unswapped, handles=replace(unswapped.handles, wait=result_arrives)).run()

    assert [job.batch_id for job in outcome.jobs] == [lost.batch_id]


def test_a_job_that_cannot_be_written_is_told_and_the_others_are_queued(cluster: Cluster) -> None:
    cluster.upload(1)
    monstrous = cluster.upload(1)
    link = cluster.handles.link
    key = monstrous.photos[0].key
    handles = replace(cluster.handles, link=lambda asked: "x" * 300_000 if asked == key else link(asked))

    outcome = replace(cluster, handles=handles).run()

    assert (outcome.queued, len(outcome.refused), outcome.wrong) == (1, 1, True)
    assert "limit" in outcome.refused[0]


def test_the_claim_of_a_reconciled_job_is_like_any_other(cluster: Cluster) -> None:
    cluster.upload(2)
    (queued,) = cluster.run().jobs
    held = cluster.claim()
    assert isinstance(held, Claimed)

    cluster.queue.finish(held.job_id, held.token, cluster.approve(parse_job(held.raw)).payload.encode())  # type: ignore[union-attr]

    record = cluster.queue.job(queued.job_id or "")
    assert record is not None
    assert record.state is JobState.DONE
    assert cluster.run().pending == 0


def test_the_lock_goes_with_the_connection(cluster: Cluster) -> None:
    job = cluster.upload(1)

    def cut() -> None:
        cluster.backend.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    with pytest.raises(Exception, match="Postgres at"):
        _Stopping(cluster, at="stats", then=cut).run()

    assert cluster.waiting() == []
    assert [queued.media_ids for queued in cluster.run().jobs] == [(job.photos[0].media_id,)]
