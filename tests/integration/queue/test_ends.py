"""The ends of an attempt: done, later, dead, given back. Each once, each fenced, each repeatable."""

from __future__ import annotations

from typing import Any

from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.replies import (
    Beat,
    Buried,
    Cancelled,
    Delayed,
    Done,
    Empty,
    Fenced,
    JobState,
    Released,
)
from tests.ears import told
from tests.integration.queue.conftest import LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.integration.queue.producer import element
from tests.operating import dead_letters, retry


def listen(bench: Bench) -> Any:
    """A subscriber that is certainly there."""
    ear = bench.client.pubsub()
    ear.subscribe(RESULTS_CHANNEL)
    assert ear.get_message(timeout=5) is not None
    return ear


def in_flight(bench: Bench) -> int:
    return int(bench.client.zcard(bench.keys.lease)) + int(bench.client.hlen(bench.keys.slots))


def test_a_finished_job_is_published_once_however_often_its_finish_is_sent(bench: Bench) -> None:
    ear = listen(bench)
    bench.push(element())
    held = bench.take()
    assert bench.queue.finish(held.job_id, held.token, b'{"x":1}') == Done(receivers=1)
    assert bench.queue.finish(held.job_id, held.token, b'{"x":1}') == Done(receivers=1, repeated=True)
    assert told(ear) == [b'{"x":1}']
    ear.close()
    ((_, stored),) = bench.client.xrange(bench.keys.results)
    assert stored == {b"job_id": held.job_id.encode(), b"payload": b'{"x":1}'}
    assert in_flight(bench) == 0
    record = bench.queue.job(held.job_id)
    assert record is not None
    assert (record.state, record.raw) == (JobState.DONE, None)
    assert 0 < bench.client.pttl(bench.keys.job(held.job_id)) <= 24 * 3600 * 1000


def test_a_batch_with_nothing_decided_publishes_nothing(bench: Bench) -> None:
    ear = listen(bench)
    bench.push(element())
    held = bench.take()
    assert bench.queue.finish(held.job_id, held.token) == Done(receivers=0)
    assert told(ear) == []
    ear.close()
    assert bench.queue.stats().unsent == 0
    assert bench.results() == [held.job_id.encode()]


def test_a_message_that_nobody_heard_is_kept_and_heard_once_by_the_next_subscriber(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    assert bench.queue.finish(held.job_id, held.token, b"payload") == Done(receivers=0)
    assert bench.queue.stats().unsent == 1
    assert bench.queue.relay() == 0
    ear = listen(bench)
    assert bench.queue.relay() == 1
    assert bench.queue.stats().unsent == 0
    assert bench.queue.relay() == 0
    assert told(ear) == [b"payload"]
    ear.close()


def test_a_message_without_a_job_is_published_once_for_its_id_and_kept_where_nobody_listens(bench: Bench) -> None:
    assert bench.queue.announce("decision-1", b"one") == Done(receivers=0)
    assert bench.queue.announce("decision-1", b"one") == Done(receivers=0, repeated=True)
    ear = listen(bench)
    assert bench.queue.relay() == 1
    assert bench.queue.announce("decision-2", b"two") == Done(receivers=1)
    assert bench.queue.announce("decision-2", b"two") == Done(receivers=1, repeated=True)
    assert told(ear) == [b"one", b"two"]
    ear.close()
    assert bench.queue.stats().unsent == 0
    assert bench.results() == [b"decision-1", b"decision-2"]


def test_a_decision_is_not_heard_before_what_it_overturned(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.finish(held.job_id, held.token, b"the worker's")
    ear = listen(bench)
    assert bench.queue.announce("decision-1", b"the person's") == Done(receivers=0)
    assert told(ear) == []
    assert bench.queue.relay() == 2
    assert told(ear) == [b"the worker's", b"the person's"]
    assert bench.queue.announce("decision-2", b"at once") == Done(receivers=1)
    ear.close()
    assert bench.queue.stats().counters["unheard"] == 1, "the one that waited behind it was not said to nobody"


def test_a_kept_message_whose_record_is_gone_is_struck_off(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.finish(held.job_id, held.token, b"payload")
    bench.client.delete(bench.keys.job(held.job_id))
    assert bench.queue.relay() == 0
    assert bench.queue.stats().unsent == 0


def test_a_zombie_changes_nothing(bench: Bench) -> None:
    bench.push(element())
    zombie = bench.take("old/0")
    bench.expire(zombie.job_id)
    bench.reap()
    held = bench.take("new/0")
    assert held.job_id == zombie.job_id
    assert bench.queue.finish(zombie.job_id, zombie.token, b"late") == Fenced()
    assert bench.queue.fail(zombie, POISON) == Fenced()
    assert bench.queue.release(zombie.job_id, zombie.token) == Fenced()
    assert bench.queue.beat("old", {zombie.job_id: zombie.token}).leases == {zombie.job_id: Beat.LOST}
    assert bench.results() == []
    assert bench.queue.finish(held.job_id, held.token, b"") == Done(receivers=0)
    assert bench.queue.finish(zombie.job_id, zombie.token, b"late") == Fenced()


def test_a_zombie_is_fenced_before_anybody_else_has_the_job(bench: Bench) -> None:
    bench.push(element())
    zombie = bench.take()
    bench.expire(zombie.job_id)
    bench.reap()
    assert bench.queue.release(zombie.job_id, zombie.token) == Fenced()
    assert bench.queue.fail(zombie, OUTAGE) == Fenced()
    assert bench.queue.finish(zombie.job_id, zombie.token) == Fenced()


def test_a_token_is_void_after_its_job_was_dead_and_put_back(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.fail(held, POISON)
    retry(bench.queue, held.job_id)
    assert bench.queue.release(held.job_id, held.token) == Fenced()
    assert bench.queue.fail(held, POISON) == Fenced()


def test_a_failure_after_a_release_is_fenced_also_when_the_job_had_once_been_delayed(bench: Bench) -> None:
    bench.push(element())
    bench.queue.fail(bench.take(), OUTAGE)
    bench.come_due()
    held = bench.take()
    bench.queue.release(held.job_id, held.token)
    assert bench.queue.fail(held, OUTAGE) == Fenced()


def test_an_old_token_learns_nothing_about_a_job_that_is_delayed_under_another(bench: Bench) -> None:
    bench.push(element())
    zombie = bench.take("old/0")
    bench.expire(zombie.job_id)
    bench.reap()
    bench.queue.fail(bench.take("new/0"), OUTAGE)
    assert bench.queue.fail(zombie, OUTAGE) == Fenced()


def test_an_empty_token_opens_nothing(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.expire(held.job_id)
    bench.reap()
    assert bench.queue.finish(held.job_id, "") == Fenced()
    assert bench.queue.release(held.job_id, "") == Fenced()
    assert bench.queue.finish("never-seen", "token") == Fenced()


def test_a_transient_failure_is_tried_three_times_and_then_buried_with_its_story(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    for attempt in (1, 2):
        held = bench.take()
        assert held.attempt == attempt
        reply = bench.queue.fail(held, LOST_CONNECTION)
        assert isinstance(reply, Delayed)
        assert not reply.refunded
        assert bench.queue.fail(held, LOST_CONNECTION) == reply, "the same call again answers the same"
        assert in_flight(bench) == 0
        bench.come_due()
    held = bench.take()
    assert bench.queue.fail(held, LOST_CONNECTION) == Buried()
    assert bench.queue.fail(held, LOST_CONNECTION) == Buried()
    (letter,) = dead_letters(bench.queue)
    assert (letter.job_id, letter.raw, letter.attempts, letter.holder) == (held.job_id, raw, 3, "boot/0")
    assert (letter.error_class, letter.code, letter.error) == ("transient", "reset", "the connection was reset")
    assert letter.last_beat_ms is not None
    assert in_flight(bench) == 0
    assert bench.client.pttl(bench.keys.job(held.job_id)) == -1, "a dead letter never expires"


def test_poison_is_buried_at_once_and_a_copy_of_it_is_dropped(bench: Bench) -> None:
    raw = b"not json"
    bench.push(raw)
    assert bench.queue.fail(bench.take(), POISON) == Buried()
    bench.push(raw)
    assert bench.claim() == Empty(None)
    (letter,) = dead_letters(bench.queue)
    assert (letter.raw, letter.attempts, letter.hint) == (raw, 1, "lomi queue dead")


def test_an_outage_costs_no_attempt_however_long_and_its_beginning_is_remembered(bench: Bench) -> None:
    bench.push(element())
    first = bench.take()
    assert first.first_outage_ms is None
    assert first.outage_s() == 0
    reply = bench.queue.fail(first, OUTAGE)
    assert isinstance(reply, Delayed)
    assert reply.refunded
    began = None
    for setbacks in range(1, 8):
        bench.come_due()
        held = bench.take()
        assert (held.attempt, held.setbacks) == (1, setbacks)
        began = began or held.first_outage_ms
        assert held.first_outage_ms == began is not None
        bench.queue.fail(held, OUTAGE)
    bench.client.hset(bench.keys.job(first.job_id), "first_outage_ms", first.claimed_ms - 3_600_000)
    bench.come_due()
    assert bench.take().outage_s() >= 3600


def test_a_released_job_is_next_in_line_and_has_lost_no_attempt(bench: Bench) -> None:
    first, second = element(), element()
    bench.push(first)
    bench.push(second)
    held = bench.take()
    assert bench.queue.release(held.job_id, held.token) == Released()
    assert in_flight(bench) == 0
    assert bench.queue.release(held.job_id, held.token) == Released()
    assert bench.queue.fail(held, LOST_CONNECTION) == Fenced()
    assert bench.client.llen(bench.keys.ready) == 2
    again = bench.take("boot/1")
    assert (again.raw, again.attempt) == (first, 1)


def test_a_beat_renews_a_lease_that_ran_out_but_was_not_reaped(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.expire(held.job_id)
    assert bench.queue.beat("boot", {held.job_id: held.token}, 15).leases == {held.job_id: Beat.OK}
    assert bench.reap().requeued == ()


def test_one_beat_answers_for_each_lease(bench: Bench) -> None:
    bench.push(element(), element())
    one, two = bench.take("boot/0"), bench.take("boot/1")
    bench.queue.cancel(two.job_id)
    beats = bench.queue.beat("boot", {one.job_id: one.token, two.job_id: two.token, "gone": "token"})
    assert beats.leases == {one.job_id: Beat.OK, two.job_id: Beat.CANCEL, "gone": Beat.LOST}
    assert beats.mode is None


def test_a_running_job_that_is_cancelled_ends_cancelled_whichever_way_its_worker_lets_go(bench: Bench) -> None:
    bench.push(element(), element(), element())
    one, two, three = bench.take("boot/0"), bench.take("boot/1"), bench.take("boot/2")
    for held in (one, two, three):
        assert bench.queue.cancel(held.job_id) is JobState.RUNNING
    assert bench.queue.release(one.job_id, one.token) == Cancelled()
    assert bench.queue.release(one.job_id, one.token) == Cancelled()
    assert bench.queue.fail(two, LOST_CONNECTION) == Cancelled()
    assert bench.queue.fail(two, LOST_CONNECTION) == Cancelled()
    bench.expire(three.job_id)
    assert bench.reap().cancelled == (three.job_id,)
    assert in_flight(bench) == 0
    assert bench.claim() == Empty(None)


def test_a_job_that_is_done_before_the_cancel_is_heard_stays_done(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.cancel(held.job_id)
    assert bench.queue.finish(held.job_id, held.token) == Done(0)
    assert bench.queue.cancel(held.job_id) is JobState.DONE
