"""How jobs ended, from Postgres alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lomi_ops.db import history
from lomi_ops.domain.history import Outcome, PastJob
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.integration.jobs.conftest import Desk
from tests.integration.jobs.test_watch import POISON, photos
from tests.integration.reconcile.conftest import now
from tests.operating import retry


def past(desk: Desk, **filters: Any) -> list[PastJob]:
    window = Window(now() - timedelta(hours=1), now() + timedelta(hours=1))
    return list(history.past_jobs(desk.handles.database, window, **filters))


def test_every_end_is_there_after_redis_forgot(desk: Desk) -> None:
    found = desk.submit(*photos(desk, 4))
    WorkerRegistry(desk.cluster.client).register(WorkerInfo("boot", "host-7", 1, "0", 2))
    done = desk.work(MediaStatus.REJECTED, "blurry")
    held = desk.cluster.claim()
    desk.handles.queue.fail(held, POISON)
    desk.cancel(found)
    desk.write_down()
    desk.forget()

    rows = {(each.what, each.job_id): each for each in past(desk)}

    assert sorted(what for what, _ in rows) == ["cancelled", "cancelled", "dead", "done"]
    settled, dead = rows[("done", done)], rows[("dead", held.job_id)]
    assert (settled.outcome, settled.host, settled.took_s, settled.attempt, settled.photos) == (
        "1 rejected", "host-1", 1.5, 1, 1,
    )  # fmt: skip
    assert settled.waited_s is not None
    assert settled.waited_s >= 0
    assert (dead.outcome, dead.host, dead.error) == (
        "dead: not_json", "host-7", "the element is not a JSON object",
    )  # fmt: skip
    assert dead.took_s is not None
    never = [each for (what, _), each in rows.items() if what == "cancelled"]
    assert {(each.waited_s, each.took_s) for each in never} == {(None, None)}, "no worker ever had them"
    assert {each.submitted_by for each in rows.values()} == {"abebe"}
    assert {each.submission_id for each in rows.values()} == {found.id}
    assert all(each.user_id for each in rows.values())


def test_what_is_told_twice_is_kept_once(desk: Desk) -> None:
    """A worker that dies between its commit and the queue's forgetting."""
    desk.submit(*photos(desk, 1))
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    told = desk.handles.queue.ended()
    history.keep(desk.handles.database, told)

    desk.write_down()
    desk.write_down()

    assert len(past(desk)) == 1
    assert desk.handles.queue.ended() == ()


def test_a_requeued_letter_says_so_and_its_second_end_has_a_row_of_its_own(desk: Desk) -> None:
    desk.submit(*photos(desk, 1))
    held = desk.cluster.claim()
    desk.handles.queue.fail(held, POISON)
    retry(desk.handles.queue, held.job_id)
    desk.work()
    desk.write_down()

    assert sorted(each.outcome for each in past(desk)) == ["1 approved", "dead: not_json, requeued"]


@pytest.mark.parametrize(
    ("outcome", "count"),
    [(None, 4), (Outcome.DONE, 2), (Outcome.APPROVED, 1), (Outcome.REJECTED, 1), (Outcome.FAILED, 0),
     (Outcome.SKIPPED, 0), (Outcome.DEAD, 1), (Outcome.CANCELLED, 1), (Outcome.LOST, 0)],
)  # fmt: skip
def test_an_outcome_selects(desk: Desk, outcome: Outcome | None, count: int) -> None:
    found = desk.submit(*photos(desk, 4))
    desk.work()
    desk.work(MediaStatus.REJECTED, "nsfw")
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    desk.cancel(found)
    desk.write_down()

    assert len(past(desk, outcome=outcome)) == count


def test_a_user_and_a_window_select_and_the_limit_takes_the_latest(desk: Desk) -> None:
    jobs = [desk.cluster.upload(1) for _ in range(3)]
    for job in jobs:
        desk.submit(*[photo.media_id for photo in job.photos])
        desk.work()
    desk.cluster.push(dead := desk.cluster.upload(2))
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    desk.write_down()

    assert [each.user_id for each in past(desk, user_id=jobs[1].user_id)] == [jobs[1].user_id]
    (row,) = past(desk, user_id=dead.user_id)
    assert (row.photos, row.submitted_by, row.job_id) == (2, None, dead.job_id)
    assert [each.job_id for each in past(desk, limit=1)] == [dead.job_id]
    old = Window(now() - timedelta(days=2), now() - timedelta(days=1))
    assert history.past_jobs(desk.handles.database, old) == ()


def test_elements_that_are_no_jobs_have_a_history_too(desk: Desk) -> None:
    desk.cluster.client.lpush(desk.handles.queue.keys.ready, b'{"job_id":"odd","user_id":"\\u0000","photos":7}')
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    desk.write_down()

    (row,) = past(desk)
    assert (row.job_id, row.user_id, row.photos) == ("odd", None, 0)
