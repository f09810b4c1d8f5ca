"""What is submitted, what is left alone, and that no death in between loses or doubles a job."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from lomi_ops.db import submissions
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.job import Priority
from lomi_ops.domain.submission import job_id_of
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus
from lomi_ops.errors import Conflict, LockHeld, LomiError, NotFound, RedisUnavailable
from lomi_ops.ops.jobs import submit
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import JobState, Submitted
from tests.integration.db.conftest import plainly
from tests.integration.jobs.conftest import Desk, desk_of
from tests.integration.reconcile.conftest import Cluster, ids_of, key_of
from tests.operating import waiting

POISON = Failure(ErrorClass.POISON, "not_json", "the element is not a JSON object")


def pushed(desk: Desk) -> list[dict[str, Any]]:
    """Jobs in the list and in bulk, the next one first."""
    import json

    return [json.loads(raw) for raw in waiting(desk.handles.queue, 1000)]


def test_photos_are_named_by_id_or_by_key_and_go_in_batches(desk: Desk) -> None:
    batch = desk.cluster.upload(12)
    by_id = [photo.media_id for photo in batch.photos[:6]]
    by_key = [photo.key for photo in batch.photos[6:]]

    found = desk.submit(*by_id, *by_key)

    assert (found.photos, found.jobs) == (12, 2)
    jobs = pushed(desk)
    assert sorted(len(job["photos"]) for job in jobs) == [3, 9]
    assert set(ids_of(jobs)) == {photo.media_id for photo in batch.photos}
    assert {job["job_id"] for job in jobs} == {job_id_of(found.id, 0), job_id_of(found.id, 1)}
    assert {(job["batch_id"], job["priority"]) for job in jobs} == {(str(batch.batch_id), 1)}
    photo = jobs[0]["photos"][0]
    assert photo["r2_url"].startswith("https://files.example/users/")


def test_photos_of_the_old_endpoint_get_a_batch_first(desk: Desk) -> None:
    user = desk.cluster.backend.user()
    loose = desk.cluster.old_upload(11, user=user)

    found = desk.submit(prefix=f"users/{user}/")

    assert (found.photos, found.jobs) == (11, 2)
    for job in pushed(desk):
        for photo in job["photos"]:
            assert str(desk.cluster.row(uuid.UUID(photo["media_id"]))["batch_id"]) == job["batch_id"]
    assert len(ids_of(pushed(desk))) == len(loose)


def test_a_single_job_is_normal_and_more_are_bulk_unless_said_otherwise(desk: Desk) -> None:
    one = desk.submit(desk.cluster.upload(1).photos[0].media_id)
    two = desk.submit(*[desk.cluster.upload(1).photos[0].media_id for _ in range(2)])
    high = desk.submit(*[desk.cluster.upload(1).photos[0].media_id for _ in range(2)], priority=Priority.HIGH)

    assert [each.priority for each in (one, two, high)] == [Priority.NORMAL, Priority.BULK, Priority.HIGH]
    stats = desk.handles.queue.stats()
    assert (stats.ready, stats.bulk, stats.high) == (1, 2, 2)


def test_what_is_decided_in_review_or_on_its_way_is_left_alone(desk: Desk) -> None:
    cluster = desk.cluster
    decided, reviewed, queued, dead, waiting, logged = (cluster.upload(1) for _ in range(6))
    cluster.approve(decided)
    cluster.settle(reviewed, plainly(reviewed.photos[0].media_id, MediaStatus.PENDING, NEEDS_REVIEW))
    cluster.push(dead)
    cluster.queue.fail(cluster.claim(), POISON)
    cluster.push(queued)
    cluster.approve(logged)
    cluster.reset(logged.photos[0].media_id)
    cluster.backend.connection.execute("ALTER TABLE lomi.decisions DISABLE TRIGGER append_only")
    cluster.backend.connection.execute("UPDATE lomi.decisions SET at = at - interval '1 hour'")
    first = desk.submit(waiting.photos[0].media_id)
    everybody = [job.photos[0].media_id for job in (decided, reviewed, queued, dead, waiting, logged)]
    before = cluster.state()

    found = desk.record(*everybody)

    assert found.submission is None
    assert found.plan is not None
    assert found.plan.left == {"decided": 1, "in_review": 1, "on_its_way": 2, "dead": 1, "unapplied": 1}
    assert found.plan.elsewhere == (first.id,)
    assert found.plan.stuck
    assert cluster.state() == before
    fresh = cluster.upload(1).photos[0].media_id
    mixed = desk.record(*everybody, fresh)
    assert mixed.submission is not None
    assert mixed.submission.photos == 1


def test_an_unknown_photo_is_named_and_nothing_is_submitted(desk: Desk) -> None:
    known = desk.cluster.upload(1).photos[0].media_id
    nobody = uuid.uuid4()
    before = desk.cluster.state()
    with pytest.raises(NotFound, match=f"{nobody}, no/such/key.jpg; nothing was submitted"):
        desk.record(known, nobody, "no/such/key.jpg")
    with pytest.raises(NotFound, match="begins with 'nowhere/'"):
        desk.record(prefix="nowhere/")
    assert desk.cluster.state() == before


def test_a_prefix_takes_percent_signs_as_they_are(desk: Desk) -> None:
    desk.cluster.upload(2)
    with pytest.raises(NotFound):
        desk.record(prefix="users/%")


def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    loose = desk.cluster.old_upload(3)
    before = desk.cluster.state()

    found = desk.record(*loose, dry_run=True)

    assert found.submission is None
    assert found.plan is not None
    assert found.plan.photos == 3
    assert desk.cluster.state() == before
    assert desk.rows("SELECT * FROM lomi.submissions") == []


def test_the_same_id_again_adds_nothing_and_another_content_is_refused(desk: Desk) -> None:
    photos = [photo.media_id for photo in desk.cluster.upload(3).photos]
    name = uuid.uuid4()
    first = desk.submit(*photos, submission_id=name)
    before = desk.cluster.state()

    again = desk.record(*reversed(photos), submission_id=name)

    assert again.repeated
    assert again.submission == first
    assert desk.push(first).pushed == 0
    for other in (desk.request(*photos[:2]), desk.request(*photos, per_minute=5.0)):
        with pytest.raises(Conflict):
            desk.record(other, submission_id=name)
    assert desk.cluster.state() == before


def test_it_is_on_record_before_anything_is_pushed(desk: Desk) -> None:
    photos = [photo.media_id for photo in desk.cluster.upload(2).photos]

    found = desk.record(*photos).submission

    assert found is not None
    assert desk.handles.queue.stats().waiting == 0
    (job,) = desk.rows("SELECT * FROM lomi.submitted_jobs")
    assert set(job["media_ids"]) == set(photos)
    (entry,) = [entry for entry in desk.cluster.audit() if entry["action"] == "jobs.submit"]
    assert (entry["actor"], entry["subject"]) == ("abebe", f"submission:{found.id}")
    assert entry["after"] == {"photos": 2, "jobs": 1, "named": 2, "left_alone": {}}


class Dying(JobQueue):
    """Dies in the middle of a round of pushes: before the server has one, or after."""

    left: int
    after: bool

    def submit_many(
        self, elements: Sequence[tuple[str, bytes, int]], priority: Priority = Priority.NORMAL
    ) -> list[Submitted]:
        super().submit_many(elements[: self.left + self.after], priority)
        raise RedisUnavailable("gone")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("left", [0, 1, 3])
def test_every_job_is_pushed_once_wherever_the_first_push_died(desk: Desk, left: int, after: bool) -> None:
    photos = [desk.cluster.upload(2).photos for _ in range(4)]
    found = desk.record(*[photo.media_id for batch in photos for photo in batch]).submission
    assert found is not None
    dying = Dying(desk.cluster.client)
    dying.left, dying.after = left, after
    with pytest.raises(RedisUnavailable):
        submit.push(desk_of(desk.cluster.with_queue(dying)).handles, found)

    outcome = desk.push(found)

    assert outcome.pushed == 4 - left - after
    assert Counter(ids_of(pushed(desk))) == Counter(photo.media_id for batch in photos for photo in batch)


def test_a_rate_spreads_the_jobs_and_a_second_round_keeps_to_it(desk: Desk) -> None:
    photos = [desk.cluster.upload(3).photos for _ in range(5)]
    names = [photo.media_id for batch in photos for photo in batch]
    began = desk.handles.queue.now_ms()
    found = desk.record(*names, per_minute=60.0).submission
    assert found is not None
    desk.push(found)
    jobs = [job_id_of(found.id, seq) for seq in range(5)]

    def dues() -> list[int]:
        standings = desk.handles.queue.standings(jobs)
        return [standings[name].due_ms or 0 for name in jobs]

    first = dues()
    assert first[0] == 0, "the first one is due at once"
    assert [due - first[1] for due in first[1:]] == [0, 3000, 6000, 9000]
    assert first[1] >= began + 3000
    lost = jobs[1:3]
    desk.cluster.client.zrem(desk.handles.queue.keys.delayed, *lost)
    desk.cluster.client.delete(*[desk.handles.queue.keys.job(name) for name in lost])

    assert desk.push(found).pushed == 2

    assert [due - first[4] for due in dues()[1:3]] == [3000, 6000], "after what is delayed already"


def test_two_at_once_do_not_push_the_same_and_do_not_take_the_same_photos(desk: Desk) -> None:
    photos = [photo.media_id for photo in desk.cluster.upload(3).photos]
    first = desk.record(*photos).submission
    assert first is not None
    with desk.handles.database.session() as session, submissions.pushing(session, first.id) as ours:
        assert ours
        assert desk.push(first).elsewhere
    second = desk.record(*photos)
    assert second.submission is None
    assert second.plan is not None
    assert second.plan.elsewhere == (first.id,), "although nothing of it was pushed yet"


def test_a_submit_waits_for_reconciling_and_gives_up_after_a_minute(desk: Desk) -> None:
    photo = desk.cluster.upload(1).photos[0].media_id
    other = desk.cluster.backend.connection
    other.execute("SELECT pg_advisory_lock(hashtextextended('lomi reconcile', 0))")
    with pytest.raises(LockHeld):
        desk.record(photo)
    assert desk.moment >= submit.LOCK_WAIT_S
    desk.meanwhile.append(lambda: other.execute("SELECT pg_advisory_unlock_all()"))

    assert desk.record(photo).submission is not None


def test_a_cancelled_submission_is_not_pushed_on(desk: Desk) -> None:
    found = desk.record(*[desk.cluster.upload(1).photos[0].media_id for _ in range(3)]).submission
    assert found is not None
    desk.cancel(found)

    assert desk.push(found).pushed == 0
    assert desk.handles.queue.stats().waiting == 0
    assert desk.handles.queue.job(job_id_of(found.id, 0)).state is JobState.CANCELLED  # type: ignore[union-attr]


def test_without_our_tables_the_next_command_is_told(unswapped: Cluster) -> None:
    desk = desk_of(unswapped)
    with pytest.raises(LomiError) as refusal:
        desk.record(uuid.uuid4())
    assert refusal.value.hint == "lomi migrate apply"


def test_a_key_of_two_rows_means_both(desk: Desk) -> None:
    first, second = desk.cluster.upload(1), desk.cluster.upload(1)
    key = key_of(first.user_id, first.photos[0].media_id)
    desk.cluster.backend.connection.execute("UPDATE media SET url = %s WHERE id = %s", [key, second.photos[0].media_id])

    assert desk.submit(key).photos == 2
