"""Jobs that yield to live uploads, jobs that come due later, and what is told of jobs that end without the ledger."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.job import Priority
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import doorbell_client
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Empty, JobState, Submitted
from tests.integration.queue.conftest import LOST_CONNECTION, POISON, Bench
from tests.integration.queue.producer import body, element, job_id
from tests.operating import retry, waiting


def bulk(bench: Bench, count: int) -> list[str]:
    elements = [element() for _ in range(count)]
    for raw in elements:
        assert bench.queue.submit(raw, Priority.BULK) is Submitted.ACCEPTED
    return [job_id(raw) for raw in elements]


def finish_next(bench: Bench) -> str:
    held = bench.take()
    bench.queue.finish(held.job_id, held.token)
    return held.job_id


def test_bulk_waits_until_nobody_else_does(bench: Bench) -> None:
    first, *rest = bulk(bench, 3)
    live, urgent = element(), element()
    bench.push(live)
    bench.queue.submit(urgent, Priority.HIGH)

    order = [finish_next(bench) for _ in range(5)]

    # The first one found an empty queue: idle workers watch the list alone.
    assert order == [job_id(urgent), first, job_id(live), *rest]
    assert isinstance(bench.claim(), Empty)


def test_after_fifty_others_it_is_the_turn_of_one_bulk_job(bench: Bench) -> None:
    bench.push(element())
    waiting = bulk(bench, 2)
    bench.push(*[element() for _ in range(120)])

    order = [finish_next(bench) for _ in range(104)]

    assert [order.index(name) for name in waiting] == [50, 101]
    assert "bulk_yields" not in bench.queue.stats().counters


def test_an_idle_worker_wakes_for_a_bulk_job(bench: Bench, redis_url: str) -> None:
    doorbell: Any = doorbell_client(RedisSection.model_validate({"url": redis_url}))
    rang: list[bool] = []
    waiting = threading.Thread(target=lambda: rang.append(bench.queue.wait(Line(doorbell), 20)))
    waiting.start()
    while not any(client.get("cmd") == "blmove" for client in bench.client.client_list()):
        pass
    bulk(bench, 1)
    waiting.join(20)
    doorbell.close()
    assert rang == [True]


def test_a_bulk_job_that_comes_back_yields_again(bench: Bench) -> None:
    """Given back, taken back from a dead worker, retried, or requeued after its death."""
    for way in ("release", "reap", "retry", "requeue"):
        (name,) = bulk(bench, 1)
        held = bench.take()
        assert held.job_id == name
        live = element()
        bench.push(live)
        match way:
            case "release":
                bench.queue.release(name, held.token)
            case "reap":
                bench.expire(name)
                bench.reap()
            case "retry":
                bench.queue.fail(held, LOST_CONNECTION)
                bench.come_due()
                assert bench.reap().promoted == 1
            case _:
                bench.queue.fail(held, POISON)
                retry(bench.queue, name)
        assert bench.client.llen(bench.keys.bulk) == 1, way
        assert [finish_next(bench), finish_next(bench)] == [job_id(live), name], way


def test_a_record_in_bulk_never_expires_and_one_in_the_list_does(bench: Bench) -> None:
    """An old consumer takes from the list and leaves the record behind; it does not know bulk."""
    first, second = bulk(bench, 2)
    assert bench.client.ttl(bench.keys.job(first)) > 0
    assert bench.client.ttl(bench.keys.job(second)) == -1


def test_a_job_for_later_waits_and_then_goes_where_its_priority_says(bench: Bench) -> None:
    due_ms = bench.queue.now_ms() + 60_000
    later = element()
    assert bench.queue.submit(later, Priority.BULK, due_ms) is Submitted.ACCEPTED
    assert bench.queue.submit(later, Priority.BULK, due_ms) is Submitted.DUPLICATE
    name = job_id(later)

    assert bench.queue.standings([name, "unknown"])[name].due_ms == due_ms
    assert bench.client.ttl(bench.keys.job(name)) == -1
    reply = bench.claim()
    assert isinstance(reply, Empty)
    assert reply.wait_s is not None
    assert 0 < reply.wait_s <= 60
    bench.push(element())
    bench.come_due()
    assert bench.reap().promoted == 1
    assert bench.client.llen(bench.keys.bulk) == 1


def test_a_due_time_that_is_over_means_now(bench: Bench) -> None:
    bench.queue.submit(element(), Priority.NORMAL, bench.queue.now_ms() - 1)
    assert bench.queue.stats().ready == 1


def test_peek_shows_bulk_last(bench: Bench) -> None:
    live = element()
    bench.push(live)
    (name,) = bulk(bench, 1)
    assert [job_id(raw) for raw in waiting(bench.queue)] == [job_id(live), name]
    assert bench.queue.stats().bulk == 1
    assert bench.queue.stats().waiting == 2


def test_a_job_in_the_list_that_nobody_has_met_is_found_by_its_id(bench: Bench) -> None:
    names = [element() for _ in range(600)]
    bench.push(*names)
    assert bench.queue.waits_unseen(job_id(names[0]))
    assert bench.queue.waits_unseen(job_id(names[-1]))
    assert not bench.queue.waits_unseen(body()["job_id"])


def test_what_ends_without_the_ledger_is_told_until_it_is_written_down(bench: Bench) -> None:
    dead, cancelled, done = element(), element(), element()
    bench.push(dead)
    held = bench.take()
    bench.queue.fail(held, POISON)
    bench.push(cancelled)
    held_too = bench.take()
    bench.queue.cancel(held_too.job_id)
    bench.queue.release(held_too.job_id, held_too.token)
    bench.push(done)
    finish_next(bench)
    retry(bench.queue, held.job_id)

    told = bench.queue.ended()

    assert [(each.what, each.job_id) for each in told] == [
        ("dead", job_id(dead)), ("cancelled", job_id(cancelled)), ("requeued", job_id(dead)),
    ]  # fmt: skip
    first = told[0]
    assert (first.note, first.error_class, first.attempt, first.photos) == ("not_json", "poison", 1, 1)
    assert (first.slot, first.host) == ("boot/0", "")
    assert first.claimed_ms is not None
    assert first.claimed_ms <= first.at_ms
    assert first.user
    assert first.batch
    assert told[1].user, "the element is gone, and its owner is not"
    assert bench.queue.ended(1) == told[:1]
    bench.queue.forget_ended([each.entry for each in told])
    assert bench.queue.ended() == ()


def test_an_element_that_is_nobodys_is_told_without_an_owner(bench: Bench) -> None:
    bench.push(b"[1", b'{"user_id":7,"photos":{}}', b"x" * 300_000)
    for _ in range(2):
        bench.queue.fail(bench.take(), POISON)
    assert isinstance(bench.claim(), Empty)

    assert [(each.user, each.batch, each.photos) for each in bench.queue.ended()] == [("", "", 0)] * 3


def test_a_cancelled_job_that_waits_in_bulk_meets_its_tombstone(bench: Bench) -> None:
    bench.push(element())
    (name,) = bulk(bench, 1)
    assert bench.queue.cancel(name) is JobState.CANCELLED
    finish_next(bench)
    assert isinstance(bench.claim(), Empty)
    assert bench.client.llen(bench.keys.bulk) == 0


def test_many_are_submitted_in_one_round_trip_also_to_a_server_that_forgot_the_script(bench: Bench) -> None:
    elements = [element() for _ in range(20)]
    due_ms = bench.queue.now_ms() + 60_000
    named = [(job_id(raw), raw, due_ms if at == 19 else 0) for at, raw in enumerate(elements)]
    bench.client.script_flush()

    assert bench.queue.submit_many(named) == [Submitted.ACCEPTED] * 20
    bench.client.config_resetstat()
    changed = [(name, raw + b" ", due) for name, raw, due in named]
    assert bench.queue.submit_many(changed) == [Submitted.DUPLICATE] * 20

    assert bench.client.info("commandstats")["cmdstat_evalsha"]["calls"] == 20
    stats = bench.queue.stats()
    assert (stats.ready, stats.delayed) == (19, 1)
    assert list(waiting(bench.queue, 20)) == elements[:19], "in their order"


def test_an_error_of_one_of_many_is_raised(bench: Bench) -> None:
    raw = element()
    bench.client.set(bench.keys.ready, "no list")
    with pytest.raises(RedisUnavailable, match="WRONGTYPE"):
        bench.queue.submit_many([(job_id(raw), raw, 0)])
