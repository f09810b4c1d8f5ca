"""Following a submission: Postgres against the queue, through outages and a Redis that forgets."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.submission import Place, job_id_of
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus
from lomi_ops.errors import NotFound, RedisUnavailable
from lomi_ops.ops.jobs import watch
from lomi_ops.queue.replies import JobState
from tests.integration.jobs.conftest import Desk
from tests.integration.reconcile.conftest import ids_of
from tests.operating import delete, retry

POISON = Failure(ErrorClass.POISON, "not_json", "the element is not a JSON object")
OUTAGE = Failure(ErrorClass.OUTAGE, "faces_down", "no CompreFace endpoint answers", 600)


def photos(desk: Desk, batches: int, each: int = 1) -> list[uuid.UUID]:
    return [photo.media_id for _ in range(batches) for photo in desk.cluster.upload(each).photos]


def test_every_place_of_a_job_is_told(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 7))
    desk.work()
    desk.work(MediaStatus.REJECTED, "blurry")
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    desk.handles.queue.fail(desk.cluster.claim(), OUTAGE)
    desk.cluster.claim()
    desk.handles.queue.cancel(job_id_of(found.id, 5))

    now = desk.look(found)

    assert dict(now.places) == {
        Place.DONE: 2, Place.DEAD: 1, Place.DELAYED: 1, Place.RUNNING: 1, Place.CANCELLED: 1, Place.READY: 1,
    }  # fmt: skip
    assert (now.jobs, now.finished, now.over, now.bad) == (7, 4, False, True)
    assert {(each.status, each.reason, each.photos) for each in now.photos} == {
        ("approved", None, 1), ("rejected", "blurry", 1), ("pending", None, 5),
    }  # fmt: skip
    assert now.dead == (job_id_of(found.id, 2),)
    assert now.last_due_s is not None
    assert now.last_due_s > 0


def test_looking_changes_nothing(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 2))
    desk.forget()
    before = desk.cluster.state()

    assert desk.look(found).at(Place.MISSING) == 2
    assert desk.cluster.state() == before


def test_what_redis_has_forgotten_is_pushed_again_and_judged_once(desk: Desk) -> None:
    names = photos(desk, 3, 2)
    found = desk.submit(*names)
    desk.work()
    desk.forget()
    desk.meanwhile += [desk.work, desk.forget, lambda: None, desk.work]

    waited = desk.wait(found)

    assert waited.progress.over
    assert waited.pushed == 3, "two after the first wipe, one after the second"
    (count,) = waited.progress.photos
    assert (count.status, count.photos) == ("approved", 6)
    decisions = desk.rows("SELECT media_id, count(*) AS n FROM lomi.decisions GROUP BY 1")
    assert {row["media_id"]: row["n"] for row in decisions} == dict.fromkeys(names, 1)


def test_a_job_that_was_settled_before_the_wipe_is_over(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 1))
    held = desk.cluster.claim()
    desk.settle(held, MediaStatus.APPROVED)
    desk.forget()

    waited = desk.wait(found)

    assert (waited.progress.over, waited.pushed) == (True, 0)


def test_what_another_job_has_decided_is_over(desk: Desk) -> None:
    """An old worker took the element, or reconciling was quicker."""
    batch = desk.cluster.upload(2)
    found = desk.submit(*[photo.media_id for photo in batch.photos])
    desk.cluster.client.delete(desk.handles.queue.keys.ready)
    assert desk.look(found).at(Place.READY) == 1
    desk.cluster.approve(batch)

    assert desk.look(found).over


def test_a_photo_in_review_is_over_and_nothing_bad(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 1))
    desk.work(MediaStatus.PENDING, NEEDS_REVIEW)

    now = desk.wait(found).progress

    assert (now.over, now.bad, now.count("in_review")) == (True, False, 1)


def test_an_end_outlives_redis_once_it_is_written_down(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 2))
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    desk.work()
    desk.write_down()
    desk.forget()

    now = desk.wait(found).progress

    assert (now.at(Place.DEAD), now.at(Place.DONE), now.bad) == (1, 1, True)


def test_a_dead_letter_that_was_requeued_lives_again(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 1))
    name = job_id_of(found.id, 0)
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    retry(desk.handles.queue, name)
    desk.write_down()
    desk.forget()

    assert desk.look(found).at(Place.MISSING) == 1
    desk.meanwhile.append(desk.work)
    assert desk.wait(found).progress.over


def test_a_purged_letter_stays_dead(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 1))
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    delete(desk.handles.queue, job_id_of(found.id, 0), for_good=True)
    desk.write_down()

    waited = desk.wait(found)

    assert (waited.pushed, waited.progress.at(Place.DEAD)) == (0, 1)


def test_an_outage_is_told_once_and_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = desk.submit(*photos(desk, 1))
    desk.work()
    real, failures, told = watch.look, iter([True] * 3), []

    def shaky(*args: object, **how: object) -> object:
        if next(failures, False):
            raise RedisUnavailable("Redis is loading")
        return real(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(watch, "look", shaky)
    waited = desk.wait(found, trouble=lambda outage: told.append(outage.message))

    assert told == ["Redis is loading"]
    assert waited.progress.over
    assert desk.moment == 3


def test_the_time_may_be_over_first(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 1))

    waited = desk.wait(found, timeout_s=5)

    assert (waited.timed_out, waited.progress.over, desk.moment) == (True, False, 5.0)
    assert desk.wait(found, timeout_s=0).timed_out


def test_what_is_over_at_the_last_look_is_over_in_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = desk.submit(*photos(desk, 1))
    real = watch.look
    before: Iterator[Callable[[], object]] = iter([lambda: None, desk.work])

    def look(*args: object, **how: object) -> object:
        next(before)()
        return real(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(watch, "look", look)
    waited = desk.wait(found, timeout_s=0)

    assert (waited.progress.over, waited.timed_out) == (True, False)


def test_nothing_could_be_seen_before_the_time_was_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = desk.submit(*photos(desk, 1))
    monkeypatch.setattr(watch, "_push_again", lambda *args: (_ for _ in ()).throw(RedisUnavailable("away")))
    with pytest.raises(RedisUnavailable):
        desk.wait(found, timeout_s=3)


def test_each_job_is_handed_on_once_when_it_is_over(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 3))
    first = desk.work()
    desk.meanwhile += [desk.work, desk.work]
    over: list[frozenset[str]] = []

    desk.wait(found, decided=over.append)

    assert over[0] == {first}
    assert sorted(name for names in over for name in names) == sorted(job_id_of(found.id, seq) for seq in range(3))


def test_a_single_job_can_be_followed_submitted_or_not(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 1))
    name = job_id_of(found.id, 0)
    assert desk.look(name).at(Place.READY) == 1
    desk.work()
    assert desk.wait(name).progress.over

    pushed = desk.cluster.upload(2)
    desk.cluster.push(pushed)
    now = desk.look(pushed.job_id)
    assert (now.at(Place.READY), now.unseen) == (1, True)
    held = desk.cluster.claim()
    assert desk.look(pushed.job_id).at(Place.RUNNING) == 1
    assert desk.look(pushed.job_id).count("pending") == 2
    desk.settle(held, MediaStatus.APPROVED)
    assert desk.look(pushed.job_id).over
    with pytest.raises(NotFound):
        desk.look(str(uuid.uuid4()))
    with pytest.raises(NotFound):
        desk.look("no-such-job")


def test_the_time_to_go_comes_from_the_pace_and_the_last_due_time(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 4))
    target = watch.find(desk.handles, str(found.id))
    assert watch.to_go(desk.handles, target, desk.look(found)) == (None, None)
    desk.work()
    desk.work()
    to_go_s, per_minute = watch.to_go(desk.handles, target, desk.look(found))
    assert to_go_s is not None
    assert per_minute is not None
    assert to_go_s == pytest.approx(2 * 60 / per_minute)
    slow = desk.submit(*photos(desk, 3), per_minute=1.0)
    to_go_s, _ = watch.to_go(desk.handles, watch.find(desk.handles, str(slow.id)), desk.look(slow))
    assert to_go_s is not None
    assert 60 < to_go_s <= 120


def test_reconciling_leaves_what_waits_in_bulk_alone(desk: Desk) -> None:
    names = photos(desk, 3)
    desk.submit(*names)
    assert desk.handles.queue.stats().bulk == 2

    assert desk.cluster.run().jobs == []


def test_what_reconciling_queued_as_well_is_decided_once(desk: Desk) -> None:
    names = photos(desk, 2)
    found = desk.submit(*names)
    desk.forget()
    assert len(desk.cluster.run().jobs) == 2
    desk.push(found)
    assert len(ids_of([*desk.cluster.waiting()])) + desk.handles.queue.stats().bulk == 4
    for _ in range(4):
        desk.work()

    assert desk.look(found).over
    assert desk.rows("SELECT count(*) AS n FROM lomi.decisions")[0]["n"] == 2
    assert desk.handles.queue.job(job_id_of(found.id, 0)).state is JobState.DONE  # type: ignore[union-attr]
