"""Taking back what dead workers held: once, not too early, not for ever."""

from __future__ import annotations

from lomi_ops.domain.job import Priority
from lomi_ops.queue import board
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Beat, Done, Empty, JobState
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.integration.queue.conftest import FAR_S, OUTAGE, Bench
from tests.integration.queue.producer import element
from tests.operating import dead_letters, retry


def test_an_expired_lease_is_taken_back_once_and_the_job_is_next(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.push(element())
    bench.expire(held.job_id)
    assert bench.reap().requeued == (held.job_id,)
    assert bench.reap().requeued == ()
    again = bench.take("other/0")
    assert (again.job_id, again.attempt, again.crashes) == (held.job_id, 2, 1)


def test_a_job_that_outlives_three_workers_becomes_a_dead_letter_with_its_story(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    for attempt in (1, 2):
        held = bench.take(f"boot{attempt}/0")
        bench.expire(held.job_id)
        assert bench.reap().requeued == (held.job_id,)
    held = bench.take("boot3/0")
    bench.expire(held.job_id)
    looked = bench.reap()
    assert (looked.requeued, looked.buried) == ((), (held.job_id,))
    (letter,) = dead_letters(bench.queue)
    assert (letter.code, letter.raw, letter.attempts, letter.crashes) == ("poison_crash", raw, 3, 3)
    assert letter.holder == "boot3/0"
    assert "held by boot3/0" in letter.error
    assert bench.claim() == Empty(None)


def test_nothing_is_taken_back_until_live_workers_can_have_found_the_server(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.expire(held.job_id)
    assert bench.queue.reap(lease_s=15, tick_s=0).skipped == "settling"
    assert bench.queue.beat("boot", {held.job_id: held.token}).leases[held.job_id] is Beat.OK
    known_ms = int(bench.client.get(bench.keys.server).split(b"|")[1])
    run = bench.client.info("server")["run_id"]
    bench.client.set(bench.keys.server, f"{run}|{known_ms - 15_000}")
    bench.expire(held.job_id)
    assert bench.queue.reap(lease_s=15, tick_s=0).requeued == (held.job_id,)
    bench.client.set(bench.keys.server, f"{'f' * 40}|1")
    assert bench.queue.reap(lease_s=15, tick_s=0).skipped == "settling", "another server process: beat first"


def test_one_look_per_tick_is_enough_for_all_workers_and_the_lock_ends_by_itself(bench: Bench) -> None:
    bench.reap()
    assert bench.queue.reap(lease_s=0, tick_s=FAR_S).skipped == ""
    assert JobQueue(bench.client).reap(lease_s=0, tick_s=FAR_S).skipped == "tick"
    assert 0 < bench.client.pttl(bench.keys.tick) <= FAR_S * 1000


def test_a_running_job_without_a_lease_is_found_by_its_slot(bench: Bench) -> None:
    bench.push(element(), element())
    orphan, alive = bench.take("boot/0"), bench.take("boot/1")
    bench.client.delete(bench.keys.lease)
    assert bench.reap().healed == 2
    assert bench.queue.beat("boot", {alive.job_id: alive.token}).leases[alive.job_id] is Beat.OK
    assert bench.reap().requeued == (orphan.job_id,)


def test_a_beat_gives_back_a_lease_and_a_slot_that_were_lost(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.client.delete(bench.keys.lease, bench.keys.slots)
    assert bench.queue.beat("boot", {held.job_id: held.token}).leases[held.job_id] is Beat.OK
    assert bench.client.hget(bench.keys.slots, "boot/0") == held.job_id.encode()
    assert bench.client.zscore(bench.keys.lease, held.job_id) is not None


def test_index_entries_of_jobs_that_do_not_run_are_swept_away(bench: Bench) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.finish(held.job_id, held.token)
    bench.client.zadd(bench.keys.lease, {held.job_id: 1, "never-seen": 1})
    bench.client.hset(bench.keys.slots, "gone/0", held.job_id)
    looked = bench.reap()
    assert (looked.requeued, looked.buried) == ((), ())
    assert bench.client.exists(bench.keys.lease, bench.keys.slots) == 0
    assert bench.queue.stats().counters["lost"] == 1


def test_due_retries_are_promoted_without_any_claim_the_earliest_first(bench: Bench) -> None:
    bench.push(*[element() for _ in range(3)])
    held = [bench.take(f"boot/{i}") for i in range(3)]
    for i, one in enumerate(held):
        bench.queue.fail(one, OUTAGE)
        bench.client.zadd(bench.keys.delayed, {one.job_id: i + 1})
    assert bench.reap().promoted == 3
    assert [bench.take(f"boot/{i}").job_id for i in range(3)] == [one.job_id for one in held]


def test_a_retry_whose_record_is_gone_is_counted_as_lost_and_stops_nothing(bench: Bench) -> None:
    bench.push(element(), element())
    for slot in ("boot/0", "boot/1"):
        bench.queue.fail(bench.take(slot), OUTAGE)
    gone, kept = bench.client.zrange(bench.keys.delayed, 0, -1)
    bench.client.delete(bench.keys.job(gone.decode()))
    bench.come_due()
    assert bench.take().job_id == kept.decode()
    assert bench.queue.stats().counters["lost"] == 1


def test_finished_jobs_are_forgotten_after_their_retention_and_dead_letters_never(bench: Bench) -> None:
    queue = JobQueue(bench.client, retention_s=0.001)
    bench.push(element())
    held = bench.take()
    queue.finish(held.job_id, held.token)
    bench.client.zadd(bench.keys.done, {held.job_id: 1})
    bench.client.zadd(bench.keys.dead, {"letter": 1})
    queue.reap(lease_s=0, tick_s=0)
    assert bench.client.zcard(bench.keys.done) == 0
    assert bench.client.zcard(bench.keys.dead) == 1


def test_a_high_job_that_is_taken_back_stays_ahead(bench: Bench) -> None:
    bench.push(element())
    raw = element()
    bench.queue.submit(raw, Priority.HIGH)
    held = bench.take()
    assert held.raw == raw
    bench.expire(held.job_id)
    bench.reap()
    assert bench.client.lrange(bench.keys.high, 0, -1) == [raw]
    record = bench.queue.job(held.job_id)
    assert record is not None
    assert record.state is JobState.READY
    assert bench.take().raw == raw


def test_the_story_of_a_dead_letter_says_who_held_it_where_and_how_that_process_ended(bench: Bench) -> None:
    registry = WorkerRegistry(bench.client)
    registry.register(WorkerInfo("boot", "web-3", 77, "0.1", 1))
    bench.push(element())
    for _ in range(3):
        held = bench.take()
        assert registry.epitaph("web-3", 77, "killed by SIGKILL")
        bench.expire(held.job_id)
        bench.reap()
    (letter,) = dead_letters(bench.queue)
    assert letter.error.startswith(
        "its worker went silent: held by boot/0 on web-3, pid 77, killed by SIGKILL, last beat"
    )
    assert letter.hint.endswith(f"lomi queue show {letter.job_id}")
    assert not registry.epitaph("web-3", 78, "killed by SIGKILL")
    assert registry.list()[0].exit == "killed by SIGKILL"


def test_a_job_that_its_dead_worker_had_settled_ends_as_done_and_is_published_once(bench: Bench) -> None:
    bench.push(element(), element())
    names = []
    for _ in range(2):
        for _ in range(3):
            held = bench.take()
            bench.expire(held.job_id)
            reaped = bench.reap()
        names.append(held.job_id)
    assert set(reaped.doubt) == set(names)

    assert bench.queue.absolve(names[0], settled=True, payload=b"the message") == Done(0)
    assert bench.queue.absolve(names[0], settled=True, payload=b"the message") is None, "a second time does nothing"
    assert bench.queue.absolve(names[1], settled=False) is None

    assert bench.reap().doubt == ()
    assert [letter.job_id for letter in dead_letters(bench.queue)] == [names[1]]
    assert bench.results() == [names[0].encode()]
    assert bench.queue.stats().unsent == 1


def test_a_dead_letter_that_was_put_back_meanwhile_is_not_absolved(bench: Bench) -> None:
    bench.push(element())
    for _ in range(3):
        held = bench.take()
        bench.expire(held.job_id)
        bench.reap()
    retry(bench.queue, held.job_id)
    assert bench.queue.absolve(held.job_id, settled=True, payload=b"x") is None
    assert bench.take().job_id == held.job_id
    assert bench.results() == []


def test_a_sample_tells_what_waits_and_what_runs(bench: Bench) -> None:
    bench.push(element(), element(), element())
    bench.take("boot/0")
    bench.take("boot/1")
    bench.reap()
    (sample,) = board.samples(bench.client, bench.keys)
    assert (sample.inside, sample.running, sample.finished) == (3, 2, 0)


def test_a_sample_of_an_older_worker_does_not_tell_what_runs(bench: Bench) -> None:
    bench.client.xadd(bench.keys.samples, {"inside": 3, "finished": 1})
    (sample,) = board.samples(bench.client, bench.keys)
    assert (sample.inside, sample.running) == (3, None)
