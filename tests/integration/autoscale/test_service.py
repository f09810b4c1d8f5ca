"""The loop: one autoscaler, weather, and the end between two steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lomi_ops.errors import LockHeld, Transient
from lomi_ops.ops.autoscale.run import Look, Result
from lomi_ops.ops.autoscale.service import Service
from lomi_ops.queue.fleet import Claimant, FleetLease
from tests.integration.autoscale.conftest import BUSY, ME, Bench
from tests.services import RedisServer


class Ear:
    """Hears looks and trouble, and stops the service after so many of both."""

    def __init__(self, most: int, then: Callable[[], None] = lambda: None) -> None:
        self.looks: list[Look] = []
        self.troubles: list[str] = []
        self.stop = threading.Event()
        self._most = most
        self._then = then

    def tell(self, look: Look) -> None:
        self.looks.append(look)
        self._count()

    def trouble(self, outage: Transient) -> None:
        self.troubles.append(outage.message)
        self._count()

    def _count(self) -> None:
        self._then()
        if len(self.looks) + len(self.troubles) >= self._most:
            self.stop.set()


def service(bench: Bench, ear: Ear, **changed: Any) -> Service:
    bench.lease.leave("token")
    return Service(bench.autoscaler(**changed), bench.lease, ME, 0.01, ear.stop, ear.tell, ear.trouble)


def test_it_looks_until_it_is_told_to_stop_and_gives_the_lease_back(bench: Bench) -> None:
    ear = Ear(3)
    service(bench, ear).run()
    assert len(ear.looks) == 3
    assert bench.lease.tenure() is None


def test_a_second_one_says_who_runs(bench: Bench) -> None:
    other = FleetLease(bench.client, at=bench.keys.autoscale_lease)
    ear = Ear(1)
    made = service(bench, ear)
    assert other.take("other", Claimant("ada", "lomi autoscale", "machine-b"), 60) is None
    with pytest.raises(LockHeld, match="lomi autoscale, on machine-b"):
        made.run()
    assert ear.looks == []


def test_one_who_changes_the_workers_by_hand_is_none(bench: Bench) -> None:
    assert FleetLease(bench.client).take("other", Claimant("ada", "lomi scale 6", "a"), 60) is None
    ear = Ear(1)
    service(bench, ear).run()
    assert len(ear.looks) == 1


def test_a_step_that_has_begun_is_written_down_before_the_end(bench: Bench) -> None:
    bench.due()
    bench.now = BUSY
    ear = Ear(10)

    class Slow:
        def to(self, workers: int, why: str) -> Result:
            ear.stop.set()
            return Result(workers)

    service(bench, ear, scaler=Slow()).run()
    assert [each.target for each in bench.journal()] == [10]
    assert len(ear.looks) == 1


def test_an_outage_of_redis_is_waited_out(bench: Bench, redis_server: RedisServer) -> None:
    states = iter(["down", "up"])

    def change() -> None:
        match next(states, None):
            case "down":
                redis_server.stop()
            case "up":
                redis_server.start()

    ear = Ear(3, change)
    try:
        service(bench, ear).run()
    finally:
        if redis_server.process is None:
            redis_server.start()
    assert len(ear.troubles) == 1
    assert len(ear.looks) == 2


def test_a_redis_that_came_back_empty_has_a_lease_and_a_memory_again(bench: Bench) -> None:
    ear = Ear(3, bench.client.flushall)
    service(bench, ear).run()
    assert len(ear.looks) == 3


def test_the_one_that_took_over_meanwhile_goes_on(bench: Bench) -> None:
    taken: list[object] = []

    def take_over() -> None:
        if not taken:
            bench.client.delete(bench.keys.autoscale_lease)
            taken.append(bench.lease.take("other", replace(ME, host="there"), 60))

    ear = Ear(5, take_over)
    with pytest.raises(LockHeld, match="on there"):
        service(bench, ear).run()
    assert taken == [None]
    assert len(ear.looks) == 1
