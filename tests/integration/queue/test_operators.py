"""What people do to the queue, and what they see of it."""

from __future__ import annotations

import uuid

import pytest

from lomi_ops.domain.job import MAX_JOB_BYTES, Job, PhotoRef, Priority
from lomi_ops.domain.job_filter import parse
from lomi_ops.errors import Conflict, JobError
from lomi_ops.queue.entries import find
from lomi_ops.queue.replies import Empty, JobState, QueueStats, Submitted
from lomi_ops.queue.wire import dump_job
from tests.integration.queue.conftest import LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.integration.queue.producer import body, element, job_id
from tests.operating import dead_letters, delete, retry, waiting


def test_a_cluster_that_knows_nothing_of_us_has_statistics(bench: Bench) -> None:
    assert bench.queue.stats().ready == 0
    for _ in range(3):
        bench.push(element())
    found = bench.queue.stats()
    assert (found.ready, found.waiting) == (3, 3)
    assert found.oldest_age_s is not None
    assert found.oldest_age_s > 3600
    assert found == QueueStats(
        ready=3, high=0, bulk=0, delayed=0, running=0, dead=0, unsent=0, workers=0, oldest_age_s=found.oldest_age_s,
        server_ms=found.server_ms,
    )  # fmt: skip
    assert bench.client.keys("*") == [bench.keys.ready.encode()], "looking writes nothing"


def test_statistics_ask_only_for_lengths_and_ends(bench: Bench) -> None:
    """Whatever the queue's length: no LRANGE, no ZRANGE, no scan."""
    bench.queue.stats()
    bench.client.config_resetstat()
    bench.queue.stats()
    called = bench.client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): found["calls"] for name, found in called.items() if "config" not in name}
    assert calls == {
        "llen": 3, "zcard": 5, "lindex": 1, "hgetall": 4, "xrevrange": 1, "time": 1,
    }  # fmt: skip


def test_statistics_count_each_job_where_it_is(bench: Bench) -> None:
    bench.push(*[element() for _ in range(5)])
    bench.queue.submit(element(), Priority.HIGH)
    bench.take("boot/0")
    bench.queue.fail(bench.take("boot/1"), OUTAGE)
    bench.queue.fail(bench.take("boot/2"), POISON)
    held = bench.take("boot/3")
    bench.queue.finish(held.job_id, held.token, b"unheard")
    bench.queue.pause("ada", "deploy", for_s=60)
    found = bench.queue.stats()
    assert (found.ready, found.high, found.delayed, found.running, found.dead, found.unsent) == (2, 0, 1, 1, 1, 1)
    assert found.pause is not None
    assert (found.pause.by, found.pause.reason) == ("ada", "deploy")
    assert found.pause.until_ms is not None
    assert found.counters["claimed"] == 4
    assert "high_streak" not in found.counters
    bench.client.hset(bench.keys.paused, "until", 1)
    assert bench.queue.stats().pause is None


@pytest.mark.parametrize("raw", [b"not json", b'{"created_at":"soon"}', b"x" * (MAX_JOB_BYTES + 1)])
def test_an_element_without_a_time_has_no_age(bench: Bench, raw: bytes) -> None:
    bench.push(raw)
    assert bench.queue.stats().oldest_age_s is None


def test_a_submitted_job_enters_once(bench: Bench) -> None:
    job = Job(str(uuid.uuid4()), uuid.uuid4(), uuid.uuid4(), 7, (PhotoRef(uuid.uuid4(), "k", "b"),))
    raw = dump_job(job)
    assert bench.queue.submit(raw) is Submitted.ACCEPTED
    assert bench.queue.submit(raw) is Submitted.DUPLICATE
    record = bench.queue.job(job.job_id)
    assert record is not None
    assert (record.state, record.raw, record.attempt) == (JobState.READY, raw, 0)
    held = bench.take()
    assert bench.queue.submit(raw) is Submitted.DUPLICATE
    bench.queue.finish(held.job_id, held.token)
    assert bench.queue.submit(raw) is Submitted.DUPLICATE
    assert bench.claim() == Empty(None)


def test_a_known_id_with_other_content_is_refused_at_the_door(bench: Bench) -> None:
    first = body()
    bench.queue.submit(element(**first))
    with pytest.raises(Conflict):
        bench.queue.submit(element(**first | {"telegram_id": 9}))
    assert bench.queue.stats().ready == 1


@pytest.mark.parametrize("raw", [b"x" * (MAX_JOB_BYTES + 1), b"not json", b"{}"])
def test_what_is_no_job_is_refused_at_the_door(bench: Bench, raw: bytes) -> None:
    with pytest.raises(JobError):
        bench.queue.submit(raw)
    assert bench.client.keys("*") == []


def test_a_waiting_job_that_is_cancelled_is_dropped_when_it_comes_up(bench: Bench) -> None:
    unseen, submitted = element(), element()
    bench.push(unseen)
    bench.queue.submit(submitted)
    assert bench.queue.cancel(job_id(unseen)) is JobState.CANCELLED
    assert bench.queue.cancel(job_id(submitted)) is JobState.CANCELLED
    assert bench.queue.cancel(job_id(submitted)) is JobState.CANCELLED
    assert bench.claim() == Empty(None)
    assert bench.queue.stats().counters["tombstones"] == 2
    assert bench.client.pttl(bench.keys.job(job_id(unseen))) > 0


def test_a_delayed_job_can_be_cancelled_and_a_dead_one_cannot(bench: Bench) -> None:
    bench.push(element(), element())
    one, two = bench.take("boot/0"), bench.take("boot/1")
    bench.queue.fail(one, OUTAGE)
    bench.queue.fail(two, POISON)
    assert bench.queue.cancel(one.job_id) is JobState.CANCELLED
    assert bench.queue.cancel(two.job_id) is JobState.DEAD
    bench.come_due()
    assert bench.claim() == Empty(None)
    assert bench.queue.stats().delayed == 0


def test_a_dead_letter_that_is_put_back_starts_afresh(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    bench.queue.fail(bench.take(), OUTAGE)
    bench.come_due()
    for _ in range(3):
        held = bench.take()
        bench.queue.fail(held, LOST_CONNECTION)
        bench.come_due()
    (letter,) = dead_letters(bench.queue)
    retry(bench.queue, letter.job_id)
    again = bench.take()
    assert (again.raw, again.attempt, again.setbacks, again.crashes, again.first_outage_ms) == (raw, 1, 0, 0, None)
    assert dead_letters(bench.queue) == ()


def test_only_a_dead_letter_can_be_put_back_or_purged(bench: Bench) -> None:
    bench.push(element(), element())
    alive, dead = bench.take("boot/0"), bench.take("boot/1")
    bench.queue.fail(dead, POISON)
    for name in (alive.job_id, "never-seen"):
        retry(bench.queue, name)
        delete(bench.queue, name, for_good=True)
    delete(bench.queue, dead.job_id, for_good=True)
    assert dead_letters(bench.queue) == ()
    assert bench.queue.job(dead.job_id) is None
    assert bench.queue.job(alive.job_id) is not None


def test_dead_letters_are_listed_latest_first(bench: Bench) -> None:
    names: list[str] = []
    for i in range(5):
        bench.push(element())
        held = bench.take()
        bench.queue.fail(held, POISON)
        bench.client.zadd(bench.keys.dead, {held.job_id: i + 1})
        names.insert(0, held.job_id)
    listed = find(bench.client, bench.keys, parse(["state:dead"]), ordered=True)
    assert [job.job_id for job in listed] == names


def test_a_look_at_the_list_shows_what_is_next_and_takes_nothing(bench: Bench) -> None:
    elements = [element() for _ in range(4)]
    for raw in elements:
        bench.push(raw)
    high = element(priority=2)
    bench.queue.submit(high, Priority.HIGH)
    assert waiting(bench.queue, 3) == (high, *elements[:2])
    assert bench.queue.stats().waiting == 5


def test_nothing_is_known_of_a_job_that_nobody_has_seen(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    assert bench.queue.job(job_id(raw)) is None


def test_what_stands_still_is_seen(bench: Bench) -> None:
    bench.push(*(element(created_at=None) for _ in range(4)))
    done, delayed, running = (bench.take(f"boot/{number}") for number in range(3))
    bench.queue.finish(done.job_id, done.token, b"unheard")
    bench.queue.fail(delayed, OUTAGE)
    assert bench.queue.stuck() == ()

    now = running.claimed_ms
    bench.client.hset(bench.keys.job(running.job_id), "claimed_ms", now - 4_000_000)
    bench.client.zadd(bench.keys.unsent, {done.job_id: now - 400_000})
    bench.client.zadd(bench.keys.delayed, {delayed.job_id: now - 70_000})
    bench.push(element(created_at="2020-01-01T00:00:00Z"))
    bench.client.rpoplpush(bench.keys.ready, bench.keys.ready)

    run, overdue, wait, unheard = bench.queue.stuck()
    assert run.command == f"lomi queue show {running.job_id}"
    assert overdue.what.startswith("1 job overdue")
    assert wait.what.startswith("the next job has waited for")
    assert unheard.what.startswith("results are not heard for 7 min")
    bench.queue.pause("ada", "deploy")
    assert wait not in bench.queue.stuck()
