"""Workers of this version and of the one before share a queue: whoever claims, the other one may end, reap or steer.

And a rolling restart under load costs no attempt.
"""

from __future__ import annotations

from typing import Any

import pytest

from lomi_ops.domain.attempt import Failure
from lomi_ops.domain.job import Priority
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.replies import (
    Beat,
    Buried,
    Cancelled,
    Claimed,
    Delayed,
    Done,
    Empty,
    Fenced,
    JobState,
    Limited,
    Paused,
    Released,
    Stale,
    Submitted,
)
from tests.ears import told
from tests.integration.queue.conftest import LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.integration.queue.old_version import FROZEN, OldQueue
from tests.integration.queue.producer import element, job_id
from tests.operating import dead_letters, retry


class Pair:
    """One who begins and one who goes on."""

    def __init__(self, bench: Bench, first: JobQueue, second: JobQueue) -> None:
        self.bench, self.first, self.second = bench, first, second

    def take(self, queue: JobQueue, slot: str = "boot/0") -> Claimed:
        held = self.bench.claim(slot, queue)
        assert isinstance(held, Claimed)
        return held

    def put_back(self, queue: JobQueue, job_id: str) -> None:
        if isinstance(queue, OldQueue):
            queue.requeue(job_id)
        else:
            retry(queue, job_id)


@pytest.fixture(params=["old then new", "new then old"])
def pair(request: pytest.FixtureRequest, bench: Bench) -> Pair:
    both: tuple[JobQueue, JobQueue] = (OldQueue(bench.client), bench.queue)
    return Pair(bench, *(both if request.param == "old then new" else both[::-1]))


def test_the_frozen_scripts_are_the_old_ones() -> None:
    assert "KEYS 1-16" in (FROZEN / "common.lua").read_text()


def test_what_one_claims_the_other_renews_and_finishes_once(pair: Pair) -> None:
    pair.bench.push(element())
    held = pair.take(pair.first)
    assert pair.second.beat("boot", {held.job_id: held.token}).leases == {held.job_id: Beat.OK}
    assert pair.second.finish(held.job_id, held.token, b"payload") == Done(0)
    assert pair.first.finish(held.job_id, held.token, b"payload") == Done(0, repeated=True)
    pair.bench.push(held.raw)
    assert pair.bench.claim("boot/1", pair.first) == pair.bench.claim("boot/2", pair.second) == Empty(None)
    assert pair.bench.results() == [held.job_id.encode()]


def test_a_slot_that_is_upgraded_adopts_what_it_held(pair: Pair) -> None:
    pair.bench.push(element())
    held = pair.take(pair.first)
    again = pair.take(pair.second)
    assert (again.job_id, again.attempt, again.adopted) == (held.job_id, 1, True)
    assert pair.first.finish(held.job_id, held.token) == Fenced()
    assert pair.first.claim("boot/0", 1, "late") == Stale(2)
    assert pair.second.finish(again.job_id, again.token) == Done(0)


@pytest.mark.parametrize("failure", [LOST_CONNECTION, OUTAGE])
def test_what_one_delays_the_other_promotes_with_its_attempts(pair: Pair, failure: Failure) -> None:
    pair.bench.push(element())
    held = pair.take(pair.first)
    assert isinstance(pair.second.fail(held, failure), Delayed)
    pair.bench.come_due()
    again = pair.take(pair.second)
    assert (again.attempt, again.setbacks) == ((1, 1) if failure is OUTAGE else (2, 0))
    assert pair.first.release(again.job_id, again.token) == Released()
    last = pair.take(pair.first)
    assert (last.attempt, last.setbacks) == (again.attempt, again.setbacks)
    assert pair.second.finish(last.job_id, last.token) == Done(0)


def test_leases_that_ran_out_under_one_are_reaped_by_the_other_and_three_deaths_bury(pair: Pair) -> None:
    pair.bench.push(element())
    for attempt, (dies, reaps) in enumerate([(pair.first, pair.second), (pair.second, pair.first)], 1):
        held = pair.take(dies, f"boot-{attempt}/0")
        assert held.attempt == attempt
        pair.bench.expire(held.job_id)
        assert reaps.reap(lease_s=0, tick_s=0).requeued == (held.job_id,)
        assert dies.finish(held.job_id, held.token) == Fenced()
    held = pair.take(pair.first, "boot-3/0")
    pair.bench.expire(held.job_id)
    assert pair.second.reap(lease_s=0, tick_s=0).buried == (held.job_id,)
    (letter,) = dead_letters(pair.bench.queue)
    assert (letter.code, letter.raw, letter.crashes) == ("poison_crash", held.raw, 3)


def test_a_lost_index_of_one_is_healed_by_the_other(pair: Pair) -> None:
    pair.bench.push(element())
    held = pair.take(pair.first)
    pair.bench.client.delete(pair.bench.keys.lease)
    assert pair.second.reap(lease_s=0, tick_s=0).healed == 1
    assert pair.second.reap(lease_s=0, tick_s=0).requeued == (held.job_id,)


def test_what_one_buries_the_other_puts_back(pair: Pair) -> None:
    pair.bench.push(element())
    held = pair.take(pair.first)
    assert pair.first.fail(held, POISON) == Buried()
    pair.put_back(pair.second, held.job_id)
    again = pair.take(pair.first)
    assert (again.job_id, again.attempt) == (held.job_id, 1)


@pytest.mark.parametrize("where", list(JobState)[:3])
def test_what_one_cancels_stops_at_the_other(pair: Pair, where: JobState) -> None:
    raw = element()
    pair.bench.push(raw)
    held = None if where is JobState.READY else pair.take(pair.first)
    if held is not None and where is JobState.DELAYED:
        pair.first.fail(held, OUTAGE)
    assert pair.second.cancel(job_id(raw)) is (where if where is JobState.RUNNING else JobState.CANCELLED)
    if held is not None and where is JobState.RUNNING:
        assert pair.first.beat("boot", {held.job_id: held.token}).leases == {held.job_id: Beat.CANCEL}
        assert pair.first.release(held.job_id, held.token) == Cancelled()
    assert pair.bench.claim("boot/1", pair.first) == Empty(None)
    record = pair.bench.queue.job(job_id(raw))
    assert record is not None
    assert record.state is JobState.CANCELLED


def test_a_pause_and_a_hold_of_one_stop_both(pair: Pair) -> None:
    pair.bench.push(element())
    pair.first.pause("test", "because")
    assert isinstance(pair.bench.claim("boot/0", pair.second), Paused)
    assert pair.second.resume()
    pair.first.hold("faces", 60, "down")
    assert isinstance(pair.bench.claim("boot/0", pair.second), Limited)
    pair.second.hold("faces", 1, "down")
    assert isinstance(pair.bench.claim("boot/0", pair.first), Limited), "a longer hold stays"
    assert pair.second.unhold("faces")
    assert isinstance(pair.bench.claim("boot/0", pair.first), Claimed)


def test_a_high_job_of_one_goes_ahead_at_the_other_and_is_known_to_both(pair: Pair) -> None:
    pair.bench.push(element())
    raw = element()
    assert pair.first.submit(raw, Priority.HIGH) is Submitted.ACCEPTED
    assert pair.second.submit(raw, Priority.HIGH) is Submitted.DUPLICATE
    assert pair.take(pair.second).raw == raw


def test_what_nobody_heard_of_one_is_relayed_by_the_other_once(pair: Pair) -> None:
    pair.bench.push(element())
    held = pair.take(pair.first)
    pair.first.finish(held.job_id, held.token, b"payload")
    pair.first.announce("message", b"another")
    ear: Any = pair.bench.client.pubsub()
    ear.subscribe("moderation_results")
    ear.get_message(timeout=5)
    assert pair.second.relay() == 2
    assert pair.second.announce("message", b"another") == Done(1, repeated=True)
    assert pair.first.relay() == 0
    assert sorted(told(ear)) == [b"another", b"payload"]
    ear.close()


def test_both_name_the_same_keys(pair: Pair) -> None:
    """Nothing of the old layout has moved."""
    pair.bench.push(element(), element())
    held = pair.take(pair.first)
    pair.first.fail(held, OUTAGE)
    pair.take(pair.first)
    keys = Keys()
    known = {*keys.shared(), keys.seq("boot/0")}
    found = {key.decode() for key in pair.bench.client.keys("*")}
    assert {key for key in found if not key.startswith(keys.job_prefix)} <= known
