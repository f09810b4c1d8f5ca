"""Cancelling: the true number, every place of a job, and the record of it."""

from __future__ import annotations

import pytest

from lomi_ops.domain.submission import FREE_CANCEL, Place, job_id_of
from lomi_ops.errors import RedisUnavailable, Refused
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Beat, Claimed, JobState
from tests.integration.jobs.conftest import Desk, desk_of
from tests.integration.jobs.test_watch import photos


def test_what_is_not_over_is_cancelled_wherever_it_is(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 5), per_minute=1.0)
    other = desk.submit(*photos(desk, 1))
    assert desk.work() == job_id_of(found.id, 0)
    assert desk.cluster.claim().job_id == job_id_of(other.id, 0)

    outcome = desk.cancel(found)

    assert (outcome.jobs, outcome.cancelled, outcome.running, outcome.finished) == (4, 4, 0, 0)
    assert dict(desk.look(found).places) == {Place.CANCELLED: 4, Place.DONE: 1}
    assert dict(desk.look(other).places) == {Place.RUNNING: 1, Place.DONE: 0}
    (row,) = desk.rows("SELECT * FROM lomi.submissions WHERE id = %s", found.id)
    assert row["cancelled_by"] == "sara"
    (entry,) = [entry for entry in desk.cluster.audit() if entry["action"] == "jobs.cancel"]
    assert (entry["actor"], entry["subject"], entry["after"]) == (
        "sara", f"submission:{found.id}", {"jobs": 4},
    )  # fmt: skip


def test_a_running_job_is_stopped_by_its_worker(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 1))
    held = desk.cluster.claim()

    outcome = desk.cancel(found)

    assert (outcome.cancelled, outcome.running) == (0, 1)
    assert not desk.look(found).over
    beats = desk.handles.queue.beat(held.slot.partition("/")[0], {held.job_id: held.token})
    assert beats.leases[held.job_id] is Beat.CANCEL
    desk.handles.queue.release(held.job_id, held.token)
    assert desk.look(found).at(Place.CANCELLED) == 1


def test_more_than_a_few_need_the_true_number(desk: Desk) -> None:
    found = desk.submit(*photos(desk, FREE_CANCEL + 2))
    desk.work()
    before = desk.cluster.state()
    true = FREE_CANCEL + 1

    assert desk.cancel(found, dry_run=True).jobs == true
    for confirm in (None, true - 1, true + 1, 0):
        with pytest.raises(Refused) as refusal:
            desk.cancel(found, confirm=confirm)
        assert refusal.value.hint == f"lomi jobs cancel {found.id} --confirm-count {true}"
    assert desk.cluster.state() == before

    assert desk.cancel(found, confirm=true).cancelled == true
    assert desk.look(found).over
    assert desk.cancel(found).jobs == 0


def test_a_few_do_not_but_a_wrong_number_is_refused_all_the_same(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 2))
    with pytest.raises(Refused):
        desk.cancel(found, confirm=3)
    assert desk.cancel(found).cancelled == 2


class Dying(JobQueue):
    left = 1

    def cancel(self, job_id: str) -> JobState:
        if not self.left:
            raise RedisUnavailable("gone")
        self.left -= 1
        return super().cancel(job_id)


def test_dying_in_the_middle_leaves_what_the_same_command_finds(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 3))
    dying = desk_of(desk.cluster.with_queue(Dying(desk.cluster.client)))
    with pytest.raises(RedisUnavailable):
        dying.cancel(found)

    assert desk.look(found).at(Place.CANCELLED) == 1
    assert desk.cancel(found).cancelled == 2
    assert desk.look(found).at(Place.CANCELLED) == 3


def test_cancelled_jobs_do_not_come_back_after_redis_forgot(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 3))
    desk.cancel(found)
    desk.forget()

    waited = desk.wait(found)

    assert (waited.pushed, waited.progress.at(Place.CANCELLED)) == (0, 3)


def test_photos_of_a_cancelled_submission_can_be_submitted_again(desk: Desk) -> None:
    names = photos(desk, 2)
    first = desk.submit(*names)
    desk.cancel(first)
    while not isinstance(desk.handles.queue.claim("sweep/0", 1, "t"), Claimed) and desk.handles.queue.stats().waiting:
        pass
    desk.write_down()

    assert desk.submit(*names).photos == 2


def test_a_single_job_is_cancelled_by_its_own_name(desk: Desk) -> None:
    job = desk.cluster.upload(1)
    desk.cluster.push(job)

    assert desk.cancel(job.job_id).cancelled == 1
    assert desk.look(job.job_id).at(Place.CANCELLED) == 1
    (entry,) = [entry for entry in desk.cluster.audit() if entry["action"] == "jobs.cancel"]
    assert entry["subject"] == f"job:{job.job_id}"
