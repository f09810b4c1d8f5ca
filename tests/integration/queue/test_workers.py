"""The worker registry."""

from __future__ import annotations

import pytest

from lomi_ops.domain.golden import Golden
from lomi_ops.errors import NotFound
from lomi_ops.queue.replies import WorkerMode
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from tests.integration.queue.conftest import LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.integration.queue.producer import element

INFO = WorkerInfo(
    "boot", "host-a", 17, "0.1.0", 2, (EngineInfo("nsfw", "nudenet-320n", "ab" * 32),), "default@1",
    Golden({"porn": 0.0123}, 1),
)  # fmt: skip


@pytest.fixture
def registry(bench: Bench) -> WorkerRegistry:
    return WorkerRegistry(bench.client)


def test_a_worker_is_listed_as_it_described_itself_with_what_it_holds(bench: Bench, registry: WorkerRegistry) -> None:
    assert registry.list() == ()
    assert registry.register(INFO) is WorkerMode.RUNNING
    bench.push(element())
    held = bench.take("boot/1")
    (record,) = registry.list()
    assert record.info == INFO
    assert record.mode is WorkerMode.RUNNING
    assert record.jobs == (held.job_id,)
    assert 0 <= record.beat_age_s < 60


def test_a_beat_refreshes_the_registration(bench: Bench, registry: WorkerRegistry) -> None:
    registry.register(INFO)
    bench.client.hset(bench.keys.worker("boot"), "beat_ms", 1)
    (silent,) = registry.list()
    assert silent.beat_age_s > 3600
    assert bench.queue.beat("boot", {}).mode is WorkerMode.RUNNING
    (heard,) = registry.list()
    assert heard.beat_age_s < 60
    assert 0 < bench.client.pttl(bench.keys.worker("boot")) <= 3_600_000


def test_a_worker_hears_its_mode_with_the_beat_and_keeps_it_when_it_registers_again(
    bench: Bench, registry: WorkerRegistry
) -> None:
    registry.register(INFO)
    started = registry.list()[0].started_ms
    registry.set_mode("boot", WorkerMode.DRAINING)
    assert bench.queue.beat("boot", {}).mode is WorkerMode.DRAINING
    assert registry.register(INFO) is WorkerMode.DRAINING
    assert registry.list()[0].started_ms == started


def test_a_worker_that_the_registry_lost_is_told_to_register_again(bench: Bench, registry: WorkerRegistry) -> None:
    registry.register(INFO)
    bench.client.flushall()
    assert bench.queue.beat("boot", {}).mode is None
    with pytest.raises(NotFound):
        registry.set_mode("boot", WorkerMode.QUIET)
    assert bench.client.keys("*") == []


def test_a_worker_that_leaves_is_gone_and_its_job_is_not(bench: Bench, registry: WorkerRegistry) -> None:
    registry.register(INFO)
    bench.push(element())
    held = bench.take("boot/0")
    registry.deregister("boot")
    assert registry.list() == ()
    assert bench.queue.stats().running == 1
    bench.queue.finish(held.job_id, held.token)


def test_a_worker_that_has_long_been_silent_is_trimmed(bench: Bench, registry: WorkerRegistry) -> None:
    registry.register(INFO)
    bench.client.zadd(bench.keys.workers, {"ancient": 1})
    assert [record.info.boot for record in registry.list()] == ["boot"]
    bench.reap()
    assert bench.queue.stats().workers == 1


def test_what_a_worker_did_is_counted_until_its_record_goes(bench: Bench, registry: WorkerRegistry) -> None:
    registry.register(INFO)
    bench.push(*(element() for _ in range(4)))
    first, second, third, fourth = (bench.take(f"boot/{number}") for number in range(4))

    bench.queue.finish(first.job_id, first.token)
    bench.queue.fail(second, LOST_CONNECTION)
    bench.queue.fail(third, POISON)
    bench.queue.fail(fourth, OUTAGE)
    registry.register(INFO)

    (record,) = registry.list()
    assert (record.done, record.errors, record.error_code) == (1, 2, "not_json")
    assert record.error_age_s is not None
    assert record.error_age_s < 60
    registry.deregister("boot")
    bench.push(element())
    late = bench.take("boot/0")
    bench.queue.finish(late.job_id, late.token)
    assert bench.client.exists(bench.keys.worker("boot")) == 0


def test_an_end_that_is_sent_again_or_comes_too_late_counts_once(bench: Bench, registry: WorkerRegistry) -> None:
    registry.register(INFO)
    bench.push(element(), element())
    held, failed = bench.take("boot/0"), bench.take("boot/1")

    for _ in range(2):
        bench.queue.finish(held.job_id, held.token)
        bench.queue.fail(failed, LOST_CONNECTION)
    bench.queue.finish(failed.job_id, failed.token)

    (record,) = registry.list()
    assert (record.done, record.errors) == (1, 1)


def test_of_a_worker_of_an_earlier_version_nobody_knows_what_it_did(bench: Bench, registry: WorkerRegistry) -> None:
    """It registers without the counters; whoever ends its jobs does not make them up."""
    registry.register(INFO)
    bench.client.hdel(bench.keys.worker("boot"), "done", "errors")
    bench.push(element(), element())
    held, failed = bench.take("boot/0"), bench.take("boot/1")
    bench.queue.finish(held.job_id, held.token)
    bench.queue.fail(failed, POISON)

    (record,) = registry.list()
    assert (record.done, record.errors, record.error_age_s) == (None, None, None)
