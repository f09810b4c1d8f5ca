"""One change of the workers at a time."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lomi_ops.errors import Conflict, LockHeld, RedisUnavailable
from lomi_ops.ops import fleet_lock
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.fleet import Claimant, FleetLease
from tests.integration.queue.conftest import Bench
from tests.services import running_redis

ADA = Claimant("ada", "lomi scale 6", "ops-1")
BEN = Claimant("ben", "lomi workers restart", "ops-2")


@pytest.fixture
def fleet(bench: Bench) -> FleetLease:
    return FleetLease(bench.client)


def ticking(moments: list[float]) -> Callable[[], float]:
    return lambda: moments[-1]


def test_the_second_one_hears_who_is_at_work_on_what_and_since_when(fleet: FleetLease) -> None:
    with fleet_lock.held(fleet, ADA):
        busy = r"ada changes the workers: lomi scale 6, on ops-1, for \d+ s"
        with pytest.raises(LockHeld, match=busy) as refusal, fleet_lock.held(fleet, BEN):
            pass
        assert refusal.value.exit_code == 75
        assert re.search(r"free in (30|2\d) s", refusal.value.hint)

    with fleet_lock.held(fleet, BEN):
        found = fleet.tenure()
        assert found is not None
        assert found.claimant == BEN


def test_it_is_given_back_whatever_happens(fleet: FleetLease) -> None:
    with pytest.raises(KeyboardInterrupt), fleet_lock.held(fleet, ADA):
        raise KeyboardInterrupt

    assert fleet.tenure() is None


def test_a_holder_that_died_is_in_the_way_until_its_lease_runs_out(fleet: FleetLease, bench: Bench) -> None:
    assert fleet.take("dead", ADA, 30) is None
    assert 0 < bench.client.pttl(fleet.keys.fleet) <= 30_000
    assert fleet.take("mine", BEN, 30) is not None

    bench.client.hset(fleet.keys.fleet, "until", 1)

    assert fleet.take("mine", BEN, 30) is None
    assert not fleet.keep("dead", 30)
    assert not fleet.leave("dead")
    assert fleet.keep("mine", 30)


def test_who_takes_it_again_has_it_since_the_first_time(fleet: FleetLease, bench: Bench) -> None:
    fleet.take("mine", ADA, 30)
    bench.client.hset(fleet.keys.fleet, "since", 1)

    fleet.take("mine", ADA, 30)

    found = fleet.tenure()
    assert found is not None
    assert found.since_ms == 1


def test_before_its_lease_ends_a_holder_changes_nothing_more(fleet: FleetLease) -> None:
    now = [0.0]
    with fleet_lock.held(fleet, ADA, ticking(now)) as ours:
        ours.require()
        now.append(fleet_lock.LEASE_S - fleet_lock.MARGIN_S - 1)
        ours.renew()
        now.append(2 * (fleet_lock.LEASE_S - fleet_lock.MARGIN_S) - 2)
        ours.require()
        now.append(now[-1] + 2)
        with pytest.raises(Conflict, match="lease on the fleet is lost"):
            ours.require()


def test_one_who_lost_it_to_somebody_else_changes_nothing_more(fleet: FleetLease, bench: Bench) -> None:
    with fleet_lock.held(fleet, ADA) as ours:
        bench.client.hset(fleet.keys.fleet, "until", 1)
        assert fleet.take("other", BEN, 30) is None
        ours.renew()
        with pytest.raises(Conflict):
            ours.require()

    found = fleet.tenure()
    assert found is not None
    assert found.claimant == BEN


def test_a_redis_that_is_away_for_a_moment_is_survived_and_without_one_nobody_begins() -> None:
    from lomi_ops.config.sections.services import RedisSection

    with running_redis() as server:
        fleet = FleetLease(queue_client(RedisSection.model_validate({"url": server.url})))
        with fleet_lock.held(fleet, ADA) as ours:
            server.stop()
            ours.renew()
            ours.require()
        with pytest.raises(RedisUnavailable), fleet_lock.held(fleet, BEN):
            pass
