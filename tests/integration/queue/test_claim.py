"""Taking jobs: once, in order, by one slot, whatever is lost on the way."""

from __future__ import annotations

import hashlib
import json

import pytest

from lomi_ops.domain.job import MAX_JOB_BYTES, Priority
from lomi_ops.queue.replies import Claimed, Empty, JobState, Limited, Paused, Stale, WorkerMode
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.integration.queue.conftest import FAR_S, OUTAGE, Bench
from tests.integration.queue.producer import body, element, job_id
from tests.operating import dead_letters, retry


def test_a_job_is_handed_out_byte_by_byte_and_leaves_the_list(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    held = bench.take()
    assert held.raw == raw
    assert (held.job_id, held.attempt, held.adopted) == (job_id(raw), 1, False)
    assert held.deadline_ms - held.claimed_ms == FAR_S * 1000
    assert bench.client.llen(bench.keys.ready) == 0
    assert isinstance(bench.claim("boot/1"), Empty)


def test_the_oldest_element_is_taken_first(bench: Bench) -> None:
    elements = [element() for _ in range(3)]
    for raw in elements:
        bench.push(raw)
    assert [bench.take(f"boot/{i}").raw for i in range(3)] == elements


def test_an_empty_queue_says_when_the_next_delayed_job_is_due(bench: Bench) -> None:
    assert bench.claim() == Empty(None)
    bench.push(element())
    bench.queue.fail(bench.take(), OUTAGE)
    reply = bench.claim()
    assert isinstance(reply, Empty)
    assert reply.wait_s is not None
    assert FAR_S - 60 < reply.wait_s <= FAR_S


def test_a_claim_sent_again_after_a_lost_reply_gets_the_same_job_and_costs_no_attempt(bench: Bench) -> None:
    bench.push(element(), element())
    lost = bench.queue.claim("boot/0", 1, "token-1")
    again = bench.queue.claim("boot/0", 1, "token-1")
    assert isinstance(lost, Claimed)
    assert isinstance(again, Claimed)
    assert (again.job_id, again.attempt, again.token, again.adopted) == (lost.job_id, 1, "token-1", True)
    assert bench.client.llen(bench.keys.ready) == 1


def test_a_slot_that_moved_on_adopts_what_it_holds_under_a_new_token(bench: Bench) -> None:
    bench.push(element())
    lost = bench.queue.claim("boot/0", 1, "token-1")
    again = bench.queue.claim("boot/0", 2, "token-2")
    assert isinstance(lost, Claimed)
    assert isinstance(again, Claimed)
    assert again.job_id == lost.job_id
    assert bench.queue.beat("boot", {lost.job_id: "token-1"}).leases[lost.job_id] == "LOST"
    assert bench.queue.beat("boot", {lost.job_id: "token-2"}).leases[lost.job_id] == "OK"


def test_adopting_renews_the_lease(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.expire(held.job_id)
    assert bench.take().adopted
    assert bench.reap().requeued == ()


def test_a_slot_that_lost_its_entry_keeps_its_second_job_when_the_first_is_reaped(bench: Bench) -> None:
    bench.push(element(), element())
    first = bench.take()
    bench.client.delete(bench.keys.slots)
    second = bench.take()
    bench.expire(first.job_id)
    assert bench.reap().requeued == (first.job_id,)
    assert bench.client.hget(bench.keys.slots, "boot/0") == second.job_id.encode()


def test_a_job_remembers_when_it_was_first_seen_and_its_record_stays_while_it_runs(bench: Bench) -> None:
    bench.push(element())
    first = bench.take()
    assert first.first_seen_ms == first.claimed_ms
    bench.client.hset(bench.keys.job(first.job_id), "first_seen_ms", 17)
    bench.queue.release(first.job_id, first.token)
    assert bench.take().first_seen_ms == 17
    assert bench.client.pttl(bench.keys.job(first.job_id)) == -1


def test_an_abandoned_claim_that_arrives_late_takes_nothing(bench: Bench) -> None:
    assert bench.queue.claim("boot/0", 5, "token-5") == Empty(None)
    bench.push(element())
    assert bench.queue.claim("boot/0", 4, "token-4") == Stale(5)
    assert bench.client.llen(bench.keys.ready) == 1


def test_a_claim_that_took_a_job_takes_no_second_one_when_it_arrives_twice(bench: Bench) -> None:
    bench.push(element(), element())
    held = bench.queue.claim("boot/0", 1, "token-1")
    assert isinstance(held, Claimed)
    bench.queue.finish(held.job_id, "token-1")
    assert bench.queue.claim("boot/0", 1, "token-1") == Stale(1)
    assert bench.client.llen(bench.keys.ready) == 1


def test_a_second_copy_is_dropped_and_counted_whatever_became_of_the_first(bench: Bench) -> None:
    raw = element()
    bench.push(raw, raw)
    held = bench.take()
    assert bench.claim("boot/1") == Empty(None)
    bench.queue.fail(held, OUTAGE)
    bench.push(raw)
    assert isinstance(bench.claim(), Empty)
    bench.come_due()
    held = bench.take()
    bench.queue.finish(held.job_id, held.token)
    bench.push(raw)
    assert bench.claim() == Empty(None)
    assert bench.client.llen(bench.keys.ready) == 0
    assert bench.queue.stats().counters["duplicates"] == 3
    assert len(bench.results()) == 1


def test_a_long_row_of_copies_is_cleared_away_in_steps(bench: Bench) -> None:
    raw = element()
    bench.push(*[raw] * 15)
    bench.take()
    assert bench.claim("boot/1") == Empty(0)
    assert bench.client.llen(bench.keys.ready) == 4
    assert bench.claim("boot/1") == Empty(None)


def test_a_job_whose_retry_entry_was_lost_runs_when_a_copy_comes_up(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    bench.queue.fail(bench.take(), OUTAGE)
    bench.client.delete(bench.keys.delayed)
    bench.push(raw)
    assert bench.take().job_id == job_id(raw)


def test_the_same_id_with_other_content_becomes_a_dead_letter_of_its_own(bench: Bench) -> None:
    first = body()
    other = first | {"telegram_id": 5}
    raw = json.dumps(other).encode()
    bench.push(json.dumps(first).encode(), raw, raw)
    held = bench.take()
    assert bench.claim("boot/1") == Empty(None)
    assert json.loads(held.raw) == first
    (letter,) = dead_letters(bench.queue)
    assert (letter.code, letter.error_class, letter.raw) == ("id_reused", "poison", raw)
    assert letter.job_id == f"{held.job_id}~{hashlib.sha1(raw).hexdigest()}"


def test_a_quarantined_element_that_is_put_back_is_never_lost(bench: Bench) -> None:
    first = body()
    raw = json.dumps(first | {"telegram_id": 5}).encode()
    bench.push(json.dumps(first).encode(), raw)
    bench.take()
    bench.claim("boot/1")
    (letter,) = dead_letters(bench.queue)
    retry(bench.queue, letter.job_id)
    assert dead_letters(bench.queue) == ()
    assert bench.claim("boot/1") == Empty(None)
    assert [again.raw for again in dead_letters(bench.queue)] == [raw]
    assert bench.client.pttl(bench.keys.job(letter.job_id)) == -1


def test_an_element_beyond_the_limit_becomes_a_dead_letter_with_its_bytes_and_the_next_one_runs(bench: Bench) -> None:
    huge, sound = element(padding="x" * MAX_JOB_BYTES), element()
    bench.push(huge)
    bench.push(sound)
    assert bench.take().raw == sound
    (letter,) = dead_letters(bench.queue)
    assert (letter.raw, letter.code, letter.job_id) == (huge, "too_large", hashlib.sha1(huge).hexdigest())


@pytest.mark.parametrize(
    "raw", [b"not json", b"\xff\xfe\x00", b"", b"[1]", b'{"job_id":7}', b'{"job_id":"a b"}', b"null"]
)
def test_what_names_no_job_is_handed_out_under_its_digest(bench: Bench, raw: bytes) -> None:
    bench.push(raw)
    held = bench.take()
    assert (held.job_id, held.raw) == (hashlib.sha1(raw).hexdigest(), raw)


def test_nothing_is_claimed_while_the_queue_is_paused_and_held_jobs_go_on(bench: Bench) -> None:
    bench.push(element(), element())
    held = bench.take()
    bench.queue.pause("ada", "deploy")
    assert bench.claim("boot/1") == Paused(None, "deploy")
    assert bench.queue.beat("boot", {held.job_id: held.token}).leases[held.job_id] == "OK"
    assert bench.queue.finish(held.job_id, held.token).__class__.__name__ == "Done"
    assert bench.queue.resume()
    assert not bench.queue.resume()
    bench.take("boot/1")


def test_a_pause_with_an_end_ends_by_itself(bench: Bench) -> None:
    bench.push(element())
    bench.queue.pause("ada", "lunch", for_s=60)
    reply = bench.claim()
    assert isinstance(reply, Paused)
    assert reply.wait_s is not None
    assert 59 < reply.wait_s <= 60
    bench.client.hset(bench.keys.paused, "until", 1)
    bench.take()
    assert bench.client.exists(bench.keys.paused) == 0


def test_a_quiet_worker_gets_nothing_and_others_do(bench: Bench) -> None:
    registry = WorkerRegistry(bench.client)
    registry.register(WorkerInfo("boot", "host", 1, "0", 1))
    registry.set_mode("boot", WorkerMode.QUIET)
    bench.push(element())
    assert bench.claim() == Paused(None, "worker is quiet")
    bench.take("other/0")


def test_a_hold_of_an_upstream_stops_all_claims_until_it_is_lifted(bench: Bench) -> None:
    bench.push(element())
    bench.queue.hold("faces", 30, "no endpoint answers")
    bench.queue.hold("faces", 1, "a shorter one changes nothing")
    reply = bench.claim()
    assert isinstance(reply, Limited)
    assert reply.upstream == "faces"
    assert 29 < reply.wait_s <= 30
    (hold,) = bench.queue.stats().holds
    assert (hold.upstream, hold.until_ms - hold.since_ms) == ("faces", 30_000)
    assert bench.queue.unhold("faces")
    assert not bench.queue.unhold("faces")
    bench.take()


def test_a_hold_ends_by_itself_and_long_afterwards_belongs_to_another_outage(bench: Bench) -> None:
    bench.push(element())
    bench.client.hset(bench.keys.holds, "faces", "1000|500|long ago")
    assert bench.queue.stats().holds == ()
    bench.take()
    bench.queue.hold("faces", 30, "again")
    (hold,) = bench.queue.stats().holds
    assert hold.since_ms > 1_000_000


def test_high_priority_goes_first_but_every_ninth_claim_is_a_normal_one(bench: Bench) -> None:
    bench.push(*[element() for _ in range(3)])
    high = [element(priority=2) for _ in range(20)]
    for raw in high:
        bench.queue.submit(raw, Priority.HIGH)
    order = [bench.take(f"boot/{i}").raw in high for i in range(23)]
    assert order == ([True] * 8 + [False]) * 2 + [True] * 4 + [False]


def test_a_high_job_goes_to_an_empty_list_itself_for_that_is_where_idle_workers_wait(bench: Bench) -> None:
    raw = element()
    bench.queue.submit(raw, Priority.HIGH)
    assert bench.client.lrange(bench.keys.ready, 0, -1) == [raw]


def test_old_consumers_and_runbooks_see_raw_elements_and_the_true_backlog(bench: Bench) -> None:
    elements = [element() for _ in range(3)]
    for raw in elements:
        bench.push(raw)
    held = bench.take()
    bench.queue.release(held.job_id, held.token)
    held = bench.take()
    bench.queue.fail(held, OUTAGE)
    bench.come_due()
    bench.reap()
    assert bench.client.llen(bench.keys.ready) == 3
    assert [json.loads(raw) for raw in bench.client.lrange(bench.keys.ready, 0, 2)] == [
        json.loads(raw) for raw in reversed(elements)
    ]
    assert bench.client.brpop([bench.keys.ready], timeout=1) == (bench.keys.ready.encode(), elements[0])
    assert bench.take().raw == elements[1]
    record = bench.queue.job(job_id(elements[0]))
    assert record is not None
    assert record.state is JobState.READY
    assert bench.client.pttl(bench.keys.job(record.job_id)) > 0, "what an old consumer took must not stay for ever"
