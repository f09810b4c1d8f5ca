"""Taking a test's job back: wherever it is, nothing remains that a worker could claim, or that counts it."""

from __future__ import annotations

from typing import Any

import pytest

from lomi_ops.queue import tracing
from lomi_ops.queue.replies import Beat, Empty
from lomi_ops.queue.wire import parse_job
from tests.integration.queue.conftest import LOST_CONNECTION, POISON, Bench
from tests.integration.queue.producer import element


def traces(bench: Bench, job_id: str) -> list[str]:
    """Keys and places that still name it; the streams of what has happened keep their bounded past."""
    name, keys = job_id.encode(), bench.keys
    found = [index for index in (keys.delayed, keys.lease, keys.dead, keys.done, keys.unsent, keys.doubt)
             if bench.client.zscore(index, name) is not None]  # fmt: skip
    found += [
        line
        for line in (keys.ready, keys.high, keys.bulk)
        if any(name in raw for raw in bench.client.lrange(line, 0, -1))
    ]
    found += [keys.slots] if name in bench.client.hvals(keys.slots) else []
    found += [keys.results] if name in {fields[b"job_id"] for _, fields in bench.client.xrange(keys.results)} else []
    return found + ([keys.job(job_id)] if bench.client.exists(keys.job(job_id)) else [])


def waiting(bench: Bench, raw: bytes) -> None:
    bench.push(raw)


def given_back(bench: Bench, raw: bytes) -> None:
    bench.push(raw)
    held = bench.take()
    bench.queue.release(held.job_id, held.token)


def delayed(bench: Bench, raw: bytes) -> None:
    bench.push(raw)
    bench.queue.fail(bench.take(), LOST_CONNECTION)


def dead(bench: Bench, raw: bytes) -> None:
    bench.push(raw)
    bench.queue.fail(bench.take(), POISON)


def done_unheard(bench: Bench, raw: bytes) -> None:
    bench.push(raw)
    held = bench.take()
    bench.queue.finish(held.job_id, held.token, b'{"x":1}')


def cancelled(bench: Bench, raw: bytes) -> None:
    bench.push(raw)
    bench.queue.cancel(parse_job(raw).job_id)


def unknown(bench: Bench, raw: bytes) -> None:
    """Nobody ever pushed it, or an old worker has taken it."""


@pytest.mark.parametrize("place", [waiting, given_back, delayed, dead, done_unheard, cancelled, unknown])
def test_nothing_remains_of_a_job_wherever_it_was(bench: Bench, place: Any) -> None:
    raw = element()
    place(bench, raw)

    assert bench.queue.forget(parse_job(raw).job_id, raw)

    assert traces(bench, parse_job(raw).job_id) == []
    assert isinstance(bench.claim(), Empty)
    assert bench.queue.forget(parse_job(raw).job_id, raw), "safe to repeat"


def test_of_a_job_that_a_worker_has_met_the_element_need_not_be_known(bench: Bench) -> None:
    raw = element()
    given_back(bench, raw)
    assert bench.queue.forget(parse_job(raw).job_id)
    assert bench.client.llen(bench.keys.ready) == 0


def test_a_running_job_is_left_to_its_worker_which_hears_of_it(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    held = bench.take()

    assert not bench.queue.forget(held.job_id, raw)

    assert bench.queue.beat("boot", {held.job_id: held.token}).leases == {held.job_id: Beat.CANCEL}
    bench.queue.release(held.job_id, held.token)
    assert bench.queue.forget(held.job_id, raw)
    assert traces(bench, held.job_id) == []


def test_other_jobs_stay(bench: Bench) -> None:
    ours, *others = [element() for _ in range(4)]
    bench.push(others[0], ours, others[1], others[2])
    bench.queue.forget(parse_job(ours).job_id, ours)
    assert bench.client.lrange(bench.keys.ready, 0, -1) == [others[2], others[1], others[0]]


def test_a_server_that_is_full_lets_a_job_be_taken_back(bench: Bench) -> None:
    raw = element()
    dead(bench, raw)
    bench.client.config_set("maxmemory", 1)
    try:
        assert bench.queue.forget(parse_job(raw).job_id, raw)
    finally:
        bench.client.config_set("maxmemory", 0)
    assert traces(bench, parse_job(raw).job_id) == []


def test_a_pushed_job_has_the_servers_time_and_its_place_in_the_line(bench: Bench) -> None:
    first, second = element(), element()
    pushed = tracing.push(bench.client, bench.keys, first)
    tracing.push(bench.client, bench.keys, second)

    assert abs(pushed.server_ms - bench.queue.now_ms()) < 60_000
    assert tracing.place_in_list(bench.client, bench.keys, first) == 0
    assert tracing.place_in_list(bench.client, bench.keys, second) == 1
    bench.take()
    assert tracing.place_in_list(bench.client, bench.keys, first) is None


@pytest.mark.parametrize("place", [waiting, delayed, dead])
def test_the_job_of_a_batch_is_found_wherever_it_waits(bench: Bench, place: Any) -> None:
    raw, batch = element(), parse_job(element()).batch_id
    place(bench, raw)
    bench.push(b"no json", b'["' + str(parse_job(raw).batch_id).encode() + b'"]')

    assert tracing.find(bench.client, bench.keys, parse_job(raw).batch_id) == (parse_job(raw).job_id, raw)
    assert tracing.find(bench.client, bench.keys, batch) is None


def test_a_running_job_is_found_and_one_that_is_over_is_not(bench: Bench) -> None:
    raw = element()
    bench.push(raw)
    held = bench.take()
    assert tracing.find(bench.client, bench.keys, parse_job(raw).batch_id) == (held.job_id, raw)
    bench.queue.finish(held.job_id, held.token)
    assert tracing.find(bench.client, bench.keys, parse_job(raw).batch_id) is None
