"""The keys: one cluster slot for all, whatever the list is called."""

from __future__ import annotations

import time

import redis
from redis.crc import key_slot

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.job import Priority
from lomi_ops.queue.keys import QUEUE, Keys
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.integration.queue.conftest import OUTAGE, Bench
from tests.integration.queue.producer import element
from tests.operating import retry
from tests.services import free_port, running_redis


def test_every_key_shares_the_slot_of_the_producers_list() -> None:
    keys = Keys()
    assert keys.ready == QUEUE == "photo_moderation_queue"
    named = [*keys.shared(), keys.job("a}b{c"), keys.seq("boot/0"), keys.worker("boot"), keys.fleet, keys.autoscale]
    assert {key_slot(name.encode()) for name in named} == {key_slot(QUEUE.encode())}
    assert len(set(named)) == len(named)


def test_two_queues_share_no_key() -> None:
    assert not set(Keys("one").shared()) & set(Keys("two").shared())


def test_the_whole_life_of_a_job_works_on_a_node_in_cluster_mode() -> None:
    # The bus would take the port plus 10,000, whoever has it.
    with running_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        bench = Bench(server.url)
        own_all_slots(bench.client)
        WorkerRegistry(bench.client).register(WorkerInfo("boot", "host", 1, "0", 2))
        bench.push(element(), b"not json")
        bench.queue.submit(element(), Priority.HIGH)
        first, second, third = bench.take("boot/0"), bench.take("boot/1"), bench.take("boot/2")
        bench.queue.beat("boot", {first.job_id: first.token})
        bench.queue.finish(first.job_id, first.token, b"payload")
        bench.queue.relay()
        bench.queue.fail(second, OUTAGE)
        bench.queue.fail(third, Failure(ErrorClass.POISON, "code", "said"))
        retry(bench.queue, third.job_id)
        bench.queue.hold("faces", 1, "down")
        bench.queue.unhold("faces")
        bench.queue.pause("ada", "deploy")
        bench.queue.resume()
        bench.come_due()
        assert bench.reap().promoted == 1
        found = bench.queue.stats()
        assert (found.ready, found.running, found.unsent, found.workers) == (2, 0, 1, 1)
        bench.close()


def own_all_slots(client: redis.Redis) -> None:
    client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + 20
    while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):  # type: ignore[no-untyped-call]
        assert time.monotonic() < deadline
