"""Death at any point of a run: the next one repairs what it left."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import pytest
import redis

from lomi_ops.domain.job import Priority
from lomi_ops.domain.reconcile import NO_BATCH
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Submitted
from tests.integration.reconcile.conftest import LONG_AGO, Cluster, ids_of


class Death(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


class Dying(JobQueue):
    """Dies at the `last`th submit, before or after the push."""

    def __init__(self, client: redis.Redis, last: int, *, after: bool) -> None:
        super().__init__(client)
        self._left = last
        self._after = after

    def submit(self, raw: bytes, priority: Priority = Priority.NORMAL, due_ms: int = 0) -> Submitted:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Death
        reply = super().submit(raw, priority)
        if self._left == 0:
            raise Death
        return reply


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", [1, 2, 4])
def test_every_photo_has_exactly_one_job_after_a_crash_and_another_run(
    cluster: Cluster, last: int, after: bool
) -> None:
    lost = [photo.media_id for _ in range(2) for photo in cluster.upload(2).photos]
    old = cluster.old_upload(10) + cluster.old_upload(3, None)

    with pytest.raises(Death):
        cluster.with_queue(Dying(cluster.client, last, after=after)).run()
    pushed = len(cluster.waiting())
    assert pushed == (last if after else last - 1)
    cluster.run()

    assert Counter(ids_of(cluster.waiting())) == Counter(lost + old)
    assert NO_BATCH not in {cluster.row(media_id)["batch_id"] or NO_BATCH for media_id in old}
    before = cluster.state()
    assert cluster.run().jobs == []
    assert cluster.state() == before


def test_the_rows_keep_their_batch_when_the_push_never_came(cluster: Cluster) -> None:
    ids = cluster.old_upload(2)
    with pytest.raises(Death):
        cluster.with_queue(Dying(cluster.client, 1, after=False)).run()
    batches = {cluster.row(media_id)["batch_id"] for media_id in ids}

    (job,) = cluster.run().jobs

    assert batches == {job.batch_id}
    assert sum(entry["action"] == "reconcile.adopt" for entry in cluster.audit()) == 2


def test_a_push_whose_reply_was_lost_is_not_repeated(cluster: Cluster) -> None:
    """The run ends there, and the operator repeats it at once."""
    cluster.upload(2)
    with pytest.raises(Death):
        cluster.with_queue(Dying(cluster.client, 1, after=True)).run()

    assert cluster.run().jobs == []
    assert len(cluster.waiting()) == 1


def test_a_name_that_somebody_takes_between_look_and_push_is_taken_for_queued(cluster: Cluster) -> None:
    job = cluster.upload(2)

    class Late(JobQueue):
        def submit(self, raw: bytes, priority: Priority = Priority.NORMAL, due_ms: int = 0) -> Submitted:
            # The same job with another time in it, a moment before us.
            JobQueue(cluster.client).submit(raw.replace(b'"retry_count":0', b'"retry_count":1'))
            return super().submit(raw, priority)

    outcome = cluster.with_queue(Late(cluster.client)).run()

    assert (outcome.jobs, outcome.known, outcome.wrong) == ([], 2, False)
    assert sorted(ids_of(cluster.waiting())) == sorted(photo.media_id for photo in job.photos)


@pytest.mark.parametrize("seed", range(3))
def test_a_producer_and_workers_at_work_meanwhile_lose_nothing(cluster: Cluster, seed: int) -> None:
    """At every submit of the run a batch is uploaded, a job is claimed, and one of the claimed ones is settled."""
    import random

    from lomi_ops.queue.wire import parse_job

    chance = random.Random(seed)
    everything: list[uuid.UUID] = []
    applied: Counter[uuid.UUID] = Counter()
    held: list[Any] = []

    def uploaded(push: bool) -> None:
        job = cluster.upload(chance.randint(1, 4), at=LONG_AGO)
        everything.extend(photo.media_id for photo in job.photos)
        if push:
            cluster.push(job)

    def work() -> None:
        if cluster.queue.stats().waiting:
            held.append(cluster.claim())
        if held and chance.random() < 0.7:
            claimed = held.pop(chance.randrange(len(held)))
            done = cluster.approve(parse_job(claimed.raw))
            applied.update(done.applied)
            cluster.queue.finish(claimed.job_id, claimed.token, (done.payload or "").encode())

    class Busy(JobQueue):
        def submit(self, raw: bytes, priority: Priority = Priority.NORMAL, due_ms: int = 0) -> Submitted:
            uploaded(push=True)
            work()
            return super().submit(raw, priority)

    for _ in range(8):
        uploaded(push=chance.random() < 0.4)
    everything.extend(cluster.old_upload(12))
    for _ in range(3):
        cluster.with_queue(Busy(cluster.client)).run()
        work()
    while held or cluster.queue.stats().waiting:
        work()

    assert Counter(everything) == applied
    assert cluster.run().pending == 0
