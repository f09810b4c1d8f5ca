"""What is measured is the product: its workers run every job that the benchmark pushes."""

from __future__ import annotations

from functools import partial

from benchmarks.queue.load import element, fill
from benchmarks.queue.process import Process
from benchmarks.queue.product import Plan
from benchmarks.queue.throughput import lomi, rate
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.wire import identity, parse_job
from tests.integration.queue.conftest import Bench


def test_every_job_of_a_round_is_done_by_slots_that_claim_under_leases(bench: Bench, redis_url: str) -> None:
    plan = Plan("noop", redis_url, slots=2, quiet_s=0.5)

    found = rate(lomi("lomi", plan, partial(fill, bench.client)), 200)

    assert found > 0
    counters = bench.queue.stats().counters
    assert (counters["claimed"], counters["finished"]) == (200, 200)
    assert len(bench.results()) == 200


def test_a_holder_tells_what_it_holds_and_keeps_it(bench: Bench, redis_url: str) -> None:
    keys, raw = Keys("bench-1"), element()
    bench.client.lpush(keys.ready, raw)
    holder = Process.of(Plan("hold", redis_url, queues=(keys.ready,), starts=True))
    holder.ready()
    holder.say("go")

    job_id, _ = holder.start_of_job()

    assert job_id == identity(raw) == parse_job(raw).job_id
    assert bench.client.zrange(keys.lease, 0, -1) == [job_id.encode()]
    holder.kill()
