"""What a worker asks of Redis when there is nothing to do, counted; and how it comes back after an outage."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.config.sections.working import WorkerSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import doorbell_client
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import Claimed, JobState
from lomi_ops.queue.scripts import source
from tests.integration.worker.conftest import Bench, Cluster
from worker.doorbell import Bell, Doorbell
from worker.slot import FIRST_RETRY_S, LONGEST_RETRY_S
from worker.upkeep import Upkeep

AWAY = RedisUnavailable("restarting")


class Meter:
    """Commands that clients have sent since the last look; those that scripts call are not in it."""

    def __init__(self, cluster: Cluster) -> None:
        self._client: Any = cluster.redis
        self.read()

    def read(self) -> dict[str, int]:
        found = {name.removeprefix("cmdstat_"): row["calls"] for name, row in self._client.info("commandstats").items()}
        self._client.config_resetstat()
        return {name: found[name] for name in ("evalsha", "eval", "blmove") if found.get(name)}


class Quiet(Upkeep):
    """Without Postgres, which is not counted here."""

    def _deliver(self, now: Any) -> None:
        pass


@pytest.fixture
def meter(cluster: Cluster) -> Meter:
    return Meter(cluster)


def known(bench: Bench, *names: str) -> None:
    """The server has the scripts already, so that each call is one command."""
    for name in names:
        bench.cluster.redis.script_load(source(name))


@pytest.fixture
def upkeep(bench: Bench) -> Upkeep:
    known(bench, "upkeep")
    return Quiet(bench.queue, bench.slot.database, WorkerSection())


def test_an_idle_queue_is_tended_every_other_turn_by_one_command(upkeep: Upkeep, meter: Meter) -> None:
    upkeep.turn()
    meter.read()

    for _ in range(10):
        upkeep.turn()

    assert meter.read() == {"evalsha": 5}


def test_a_queue_in_which_a_job_runs_is_tended_at_every_turn(upkeep: Upkeep, bench: Bench, meter: Meter) -> None:
    bench.cluster.push(b"{}")
    assert isinstance(bench.queue.claim("other/0", 1, "token"), Claimed)
    upkeep.turn()
    meter.read()

    for _ in range(10):
        upkeep.turn()

    assert meter.read() == {"evalsha": 10}


def test_a_queue_is_tended_at_every_turn_where_leases_are_shorter_than_two(
    upkeep: Upkeep, bench: Bench, meter: Meter
) -> None:
    upkeep.section = WorkerSection(lease_s=3.0, beat_s=0.5, reap_s=2.0)
    upkeep.turn()
    meter.read()

    upkeep.turn()
    upkeep.turn()

    assert meter.read() == {"evalsha": 2}


def test_a_round_that_failed_is_made_up_for_at_the_next_turn(
    upkeep: Upkeep, bench: Bench, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    upkeep.turn()
    upkeep.turn()

    def away(**_: object) -> None:
        raise AWAY

    with monkeypatch.context() as patch:
        patch.setattr(bench.queue, "upkeep", away)
        with pytest.raises(RedisUnavailable):
            upkeep.turn()
    meter.read()
    upkeep.turn()

    assert meter.read() == {"evalsha": 1}


def test_a_slot_that_only_napped_asks_for_nothing(bench: Bench, meter: Meter) -> None:
    known(bench, "claim")
    bench.slot.ring = lambda _: Bell.NAPPED

    for _ in range(5):
        bench.slot.step()

    assert meter.read() == {"evalsha": 1}


def test_a_slot_that_napped_until_a_job_came_due_asks_for_it(
    bench: Bench, cluster: Cluster, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = cluster.upload([portrait])
    cluster.push(upload)
    held = bench.queue.claim("other/0", 1, "token")
    bench.queue.fail(held, Failure(ErrorClass.THROTTLED, "busy", "later", 60.0))
    clock = [time.monotonic()]
    monkeypatch.setattr("worker.slot.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def nap(_: float) -> Bell:
        """A minute goes by, here and at the server."""
        clock[0] += 61
        cluster.redis.zadd(bench.queue.keys.delayed, {upload.id: 1})
        return Bell.NAPPED

    bench.slot.ring = nap
    bench.slot.step()
    assert cluster.standing(upload) == [("pending", None)]
    bench.slot.step()

    assert cluster.standing(upload) == [("approved", None)]


def test_a_turn_of_an_idle_process_is_one_ring_and_one_claim(bench: Bench, meter: Meter) -> None:
    known(bench, "claim")
    client = doorbell_client(RedisSection.model_validate({"url": bench.cluster.redis_url}))
    bell = Doorbell(bench.queue, Line(client))
    bench.slot.ring = lambda _: bell.ring(0.1)
    meter.read()

    for _ in range(4):
        bench.slot.step()

    assert meter.read() == {"evalsha": 4, "blmove": 4}
    client.close()


def test_what_is_found_in_silence_is_told_to_the_other_slots(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    told = Counter[str]()
    bench.slot.stir = lambda: told.update(["stir"])
    bench.slot.ring = lambda _: Bell.SILENT
    bench.slot.step()
    bench.moderate(cluster.upload([portrait]))
    assert told == {"stir": 1}

    bench.moderate(cluster.upload([portrait]))

    assert told == {"stir": 1}, "a slot that has work does not wake anybody"


def test_the_next_job_comes_along_with_the_finish(
    bench: Bench, cluster: Cluster, portrait: bytes, meter: Meter
) -> None:
    known(bench, "claim", "advance")
    first, second = cluster.upload([portrait]), cluster.upload([portrait])
    cluster.push(first)
    cluster.push(second)
    meter.read()

    bench.slot.step()
    assert meter.read() == {"evalsha": 2}
    bench.slot.step()

    assert meter.read() == {"evalsha": 1}
    assert [cluster.standing(upload) for upload in (first, second)] == [[("approved", None)]] * 2
    assert len(cluster.messages()) == 2


def test_the_lease_of_a_job_that_came_along_counts_from_when_it_was_asked_for(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    cluster.push(cluster.upload([portrait]))
    cluster.push(cluster.upload([portrait]))
    bench.queue.before["finish"] = [AWAY]

    bench.slot.step()

    following, sent_at = bench.slot.claims.take()
    assert isinstance(following, Claimed)
    held = bench.leases.hold(following, sent_at, lambda: None)
    held.check()


def test_redis_is_told_what_works_again_before_a_job_comes_along_that_nobody_beats_for_yet(
    bench: Bench, cluster: Cluster, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.push(cluster.upload([portrait]))
    cluster.push(cluster.upload([portrait]))
    bench.queue.hold("postgres", 0, "gone")
    in_hand: list[Claimed | None] = []
    served = bench.queue.served

    def told(upstreams: Sequence[str], claimed_ms: int) -> int:
        in_hand.append(bench.slot.claims.in_hand())
        return served(upstreams, claimed_ms)

    monkeypatch.setattr(bench.queue, "served", told)

    bench.slot.step()

    assert in_hand == [None]
    assert bench.slot.claims.in_hand() is not None


def test_a_worker_that_is_told_to_stop_takes_no_job_along(bench: Bench, cluster: Cluster, portrait: bytes) -> None:
    first, second = cluster.upload([portrait]), cluster.upload([portrait])
    cluster.push(first)
    cluster.push(second)
    cluster.store.meanwhile = bench.signals.drain.set

    bench.slot.run()

    assert cluster.standing(first) == [("approved", None)]
    assert cluster.redis.lrange(bench.queue.keys.ready, 0, -1) == [second.raw]
    assert bench.queue.job(second.id) is None


def test_a_job_that_came_along_when_the_order_to_stop_crossed_is_given_back_unharmed(
    bench: Bench, cluster: Cluster, portrait: bytes
) -> None:
    first, second = cluster.upload([portrait]), cluster.upload([portrait])
    cluster.push(first)
    cluster.push(second)
    bench.queue.crossing = bench.signals.drain.set

    bench.slot.run()

    assert cluster.standing(first) == [("approved", None)]
    record = bench.queue.job(second.id)
    assert record is not None
    assert (record.state, record.attempt) == (JobState.READY, 0)
    assert cluster.redis.lrange(bench.queue.keys.ready, 0, -1) == [second.raw]


def test_a_slot_asks_again_soon_at_first_and_says_so_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    drain: Any = bench.signals.drain
    bench.queue.before["claim"] = [AWAY] * 6
    for _ in range(6):
        bench.slot.step()

    assert drain.naps == pytest.approx([FIRST_RETRY_S, 0.2, 0.4, 0.8, LONGEST_RETRY_S, LONGEST_RETRY_S])
    assert [record.__dict__["action"] for record in caplog.records] == ["claim_failed"]

    bench.slot.step()
    bench.queue.before["claim"] = [AWAY]
    bench.slot.step()
    assert drain.naps[-1] == FIRST_RETRY_S
    assert [record.__dict__["action"] for record in caplog.records] == ["claim_failed"] * 2
