"""Two transitions in one round trip: each keeps what it promises alone."""

from __future__ import annotations

from lomi_ops.queue.replies import Claimed, Done, Empty, Fenced, JobState, Paused, Stale
from tests.ears import told
from tests.integration.queue.conftest import Bench
from tests.integration.queue.producer import element, job_id
from tests.integration.queue.test_ends import listen

SAID = b'{"x":1}'


def test_a_job_is_finished_and_the_next_one_taken(bench: Bench) -> None:
    first, second = element(), element()
    bench.push(first, second)
    held = bench.take()

    finished, following = bench.queue.advance(held.job_id, held.token, SAID, "boot/0", 2, "token-2", 60)

    assert finished == Done(receivers=0)
    assert isinstance(following, Claimed)
    assert (following.job_id, following.token, following.attempt) == (job_id(second), "token-2", 1)
    assert bench.client.hget(bench.keys.slots, "boot/0") == job_id(second).encode()
    assert bench.queue.job(held.job_id).state is JobState.DONE  # type: ignore[union-attr]


def test_sent_again_after_a_lost_reply_it_publishes_nothing_twice_and_takes_no_second_job(bench: Bench) -> None:
    ear = listen(bench)
    bench.push(element(), element(), element())
    held = bench.take()

    answers = [bench.queue.advance(held.job_id, held.token, SAID, "boot/0", 2, "token-2") for _ in range(3)]

    assert [finished for finished, _ in answers] == [Done(1), Done(1, repeated=True), Done(1, repeated=True)]
    claims = [following for _, following in answers if isinstance(following, Claimed)]
    assert len({claim.job_id for claim in claims}) == 1
    assert [(claim.attempt, claim.adopted) for claim in claims] == [(1, False), (1, True), (1, True)]
    assert told(ear) == [SAID]
    assert bench.client.llen(bench.keys.ready) == 1
    ear.close()


def test_a_plain_claim_with_the_same_number_gets_the_job_whose_reply_was_lost(bench: Bench) -> None:
    bench.push(element(), element())
    held = bench.take()
    _, lost = bench.queue.advance(held.job_id, held.token, SAID, "boot/0", 2, "token-2")

    again = bench.queue.claim("boot/0", 2, "token-2")

    assert isinstance(lost, Claimed)
    assert isinstance(again, Claimed)
    assert (again.job_id, again.attempt, again.adopted) == (lost.job_id, 1, True)


def test_abandoned_and_late_it_changes_nothing(bench: Bench) -> None:
    bench.push(element(), element(), element())
    held = bench.take()
    bench.queue.finish(held.job_id, held.token, SAID)
    bench.queue.claim("boot/0", 3, "token-3")

    finished, following = bench.queue.advance(held.job_id, held.token, SAID, "boot/0", 2, "token-2")

    assert (finished, following) == (Done(0, repeated=True), Stale(3))
    assert bench.client.llen(bench.keys.ready) == 1


def test_a_fenced_finish_keeps_nobody_from_claiming(bench: Bench) -> None:
    bench.push(element(), element())
    held = bench.take()

    finished, following = bench.queue.advance(held.job_id, "not mine", SAID, "boot/1", 1, "token")

    assert finished == Fenced()
    assert isinstance(following, Claimed)
    assert following.job_id != held.job_id
    assert bench.queue.job(held.job_id).state is JobState.RUNNING  # type: ignore[union-attr]


def test_a_job_is_finished_where_nothing_waits_and_where_the_queue_is_paused(bench: Bench) -> None:
    bench.push(element(), element())
    held = bench.take()
    bench.queue.pause("ada", "deploy")
    finished, following = bench.queue.advance(held.job_id, held.token, SAID, "boot/0", 2, "token-2")
    assert (finished, following) == (Done(0), Paused(None, "deploy"))
    assert bench.client.llen(bench.keys.ready) == 1

    bench.queue.resume()
    held = bench.queue.claim("boot/0", 3, "token-3")  # type: ignore[assignment]
    assert bench.queue.advance(held.job_id, held.token, SAID, "boot/0", 4, "token-4") == (Done(0), Empty(None))


def test_one_round_of_upkeep_takes_back_what_expired_and_sends_what_nobody_heard(bench: Bench) -> None:
    bench.push(element(), element())
    unheard, expired = bench.take("a/0"), bench.take("b/0")
    bench.queue.finish(unheard.job_id, unheard.token, SAID)
    bench.expire(expired.job_id)
    ear = listen(bench)

    tended = bench.queue.upkeep(lease_s=0, tick_s=0)

    assert tended.reaped.requeued == (expired.job_id,)
    assert (tended.heard, told(ear), tended.busy) == (1, [SAID], False)
    ear.close()


def test_upkeep_does_nothing_where_somebody_has_just_looked(bench: Bench) -> None:
    ear = listen(bench)
    bench.queue.upkeep(lease_s=0, tick_s=60)
    bench.client.zadd(bench.keys.unsent, {"x": 1})
    bench.client.hset(bench.keys.job("x"), "payload", SAID)

    tended = bench.queue.upkeep(lease_s=0, tick_s=60)

    assert (tended.reaped.skipped, tended.heard, told(ear)) == ("tick", 0, [])
    ear.close()


def test_unheard_messages_are_sent_also_while_a_new_server_settles(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.finish(held.job_id, held.token, SAID)
    ear = listen(bench)

    tended = bench.queue.upkeep(lease_s=600, tick_s=0)

    assert (tended.reaped.skipped, told(ear)) == ("settling", [SAID])
    ear.close()


def test_a_queue_is_busy_while_something_runs_or_is_delayed(bench: Bench) -> None:
    assert not bench.queue.upkeep(tick_s=0).busy
    bench.push(element())
    assert not bench.queue.upkeep(tick_s=0).busy
    held = bench.take()
    assert bench.queue.upkeep(tick_s=0).busy
    bench.queue.finish(held.job_id, held.token)
    bench.client.zadd(bench.keys.delayed, {"later": 10**15})
    assert bench.queue.upkeep(tick_s=0).busy
