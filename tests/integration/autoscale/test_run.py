"""One look after the other over a real Redis: what is remembered, written down, and refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lomi_ops.domain.autoscale import Held
from lomi_ops.domain.autoscale_words import Event, remembered
from lomi_ops.domain.traffic import Traffic
from lomi_ops.errors import ContainerError, LockHeld, RedisUnavailable
from lomi_ops.ops.autoscale.observe import Sight
from lomi_ops.ops.autoscale.run import Result
from lomi_ops.queue.autoscale import AutoscaleNotes
from tests.integration.autoscale.conftest import BUSY, ME, WELL, Bench
from tests.services import RedisServer


def test_a_step_is_made_once_and_written_down_with_its_numbers(bench: Bench) -> None:
    bench.due()
    bench.now = BUSY
    look = bench.autoscaler().once("token")

    assert bench.hands.asked == [10]
    assert look.text == "5 to 10 workers: 96 % of the slots needed (5 more from 95 %); then 48 % of them"
    (told,) = bench.journal()
    assert (told.event, told.workers, told.target, told.by) == (Event.STEP, 5, 10, "autoscale")
    assert told.numbers is not None
    assert (told.numbers["used"], told.numbers["used_after"], told.numbers["in_per_min"]) == (0.96, 0.48, 96.0)
    assert bench.audited == [told]

    bench.now = replace(BUSY, workers=10, ready=10, slots=10)
    again = bench.autoscaler().once("token")
    assert again.decision.step == 0
    assert again.decision.changed_by_others is None
    assert bench.hands.asked == [10]


def test_looks_in_a_row_make_a_while_and_the_memory_is_shared(bench: Bench) -> None:
    bench.now = BUSY
    first = bench.autoscaler().once("token")
    assert first.decision.held is Held.SOON
    due_ms = first.decision.history.due_ms
    other = bench.autoscaler(notes=AutoscaleNotes(bench.client))
    assert other.once("token").decision.history.due_ms == due_ms


def test_a_dry_run_writes_and_changes_nothing(bench: Bench) -> None:
    bench.due()
    before = bench.notes.remembered()
    bench.now = BUSY
    look = bench.autoscaler().preview()
    assert (look.dry_run, look.decision.target) == (True, 10)
    assert bench.hands.asked == []
    assert (bench.notes.remembered(), bench.journal()) == (before, [])


def test_the_journal_has_each_other_reason_once(bench: Bench) -> None:
    for paused in ("by ada: deploy", "by ada: deploy", "", "by ben: x"):
        bench.now = replace(WELL, paused=paused)
        bench.autoscaler().once("token")
    assert [each.held for each in bench.journal()] == ["paused", "paused"]
    assert next(each.text for each in bench.journal()) == "5 workers, held (paused): by ben: x"


def test_a_number_that_somebody_else_set_is_in_the_journal(bench: Bench) -> None:
    bench.remember(workers=5)
    bench.now = replace(WELL, workers=7, ready=7, slots=7)
    bench.autoscaler().once("token")
    (told,) = bench.journal()
    assert told.event is Event.CHANGED
    assert told.text.startswith("somebody else changed 5 to 7 workers; ")
    bench.autoscaler().once("token")
    assert len(bench.journal()) == 1


def test_numbers_that_have_grown_old_begin_no_step(bench: Bench) -> None:
    then = bench.queue.now_ms() - 61_000
    bench.remember(looked_ms=then - 1000, due_ms=then - 600_000)
    look = bench.autoscaler(look=lambda past: Sight(replace(BUSY, at_ms=then))).once("token")
    assert look.stale
    assert bench.hands.asked == []
    assert [each.held for each in bench.journal()] == ["stale"]
    assert remembered(bench.notes.remembered()).stepping_to is None


def test_a_worker_that_does_not_leave_in_time_stays_and_is_counted(bench: Bench) -> None:
    bench.remember(idle_ms=bench.queue.now_ms() - 3_600_000)
    bench.now = replace(WELL, traffic=Traffic(0.1, 0.1, 0.3, 3.0))

    class Busy:
        def to(self, workers: int, why: str) -> Result:
            return Result(workers + 1, "app-worker-5 has not finished its job, and stays")

    look = bench.autoscaler(scaler=Busy()).once("token")
    assert look.text.endswith("; app-worker-5 has not finished its job, and stays")
    assert remembered(bench.notes.remembered()).workers == 5
    assert bench.autoscaler().once("token").decision.changed_by_others is None


def test_a_lease_that_is_somebody_elses_writes_and_changes_nothing(bench: Bench) -> None:
    bench.due()
    bench.lease.leave("token")
    assert bench.lease.take("other", ME, 60) is None
    before = bench.notes.remembered()
    for now in (WELL, BUSY):
        bench.now = now
        with pytest.raises(LockHeld, match="the lease on autoscaling is lost"):
            bench.autoscaler().once("token")
    assert bench.hands.asked == []
    assert (bench.notes.remembered(), bench.journal()) == (before, [])


def test_somebody_who_changes_the_workers_is_not_disturbed_and_what_was_due_stays_due(bench: Bench) -> None:
    bench.due()
    bench.now = BUSY
    bench.hands.failure = LockHeld("ada changes the workers: lomi scale 6, on a, for 9 s", hint="wait and repeat")
    for _ in range(2):
        look = bench.autoscaler().once("token")
        assert (look.decision.held, look.decision.step) == (Held.LOCKED, 0)
        assert look.failure is bench.hands.failure
    assert [each.held for each in bench.journal()] == ["locked"]
    bench.hands.failure = None
    assert bench.autoscaler().once("token").decision.target == 10


def test_a_step_that_fails_is_told_and_has_a_cool_down_like_any_other(bench: Bench) -> None:
    bench.due()
    bench.now = BUSY
    bench.hands.failure = ContainerError("no room for another worker")
    look = bench.autoscaler().once("token")
    assert look.failure is bench.hands.failure
    assert look.text.endswith("; it failed: no room for another worker")
    assert bench.journal()[0].event is Event.FAILED
    bench.remember(**{**bench.notes.remembered(), "due_ms": bench.queue.now_ms() - 600_000})
    assert bench.autoscaler().once("token").decision.held is Held.COOLDOWN


def test_a_redis_that_goes_away_during_a_step_is_told_afterwards_what_was_done(
    bench: Bench, redis_server: RedisServer
) -> None:
    bench.due()
    bench.now = BUSY
    waits: list[float] = []

    class Stopping:
        def to(self, workers: int, why: str) -> Result:
            redis_server.stop()
            return Result(workers)

    def start_again(pause_s: float) -> None:
        waits.append(pause_s)
        if redis_server.process is None:
            redis_server.start()

    try:
        bench.autoscaler(scaler=Stopping(), sleep=start_again).once("token")
    finally:
        if redis_server.process is None:
            redis_server.start()
    assert waits
    assert [each.event for each in bench.journal()] == [Event.STEP]
    assert remembered(bench.notes.remembered()).workers == 10


def test_without_redis_nothing_is_looked_at_and_nothing_changed(bench: Bench, redis_server: RedisServer) -> None:
    bench.due()
    bench.now = BUSY
    redis_server.stop()
    try:
        with pytest.raises(RedisUnavailable):
            bench.autoscaler().once("token")
    finally:
        redis_server.start()
    assert bench.hands.asked == []


def test_a_memory_that_nobody_can_read_is_none(bench: Bench) -> None:
    for state in ('{"workers": "five", "due_ms": true, "more": 1}', "[1]", "not json"):
        bench.client.hset(bench.keys.autoscale, "state", state)
        assert bench.autoscaler().once("token").decision.step == 0


def test_a_step_that_was_cut_short_is_known_as_our_own(bench: Bench) -> None:
    bench.due()
    bench.now = BUSY

    class Killed:
        def to(self, workers: int, why: str) -> Result:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.autoscaler(scaler=Killed()).once("token")
    bench.now = replace(BUSY, workers=8, ready=5)
    look = bench.autoscaler().once("token")
    assert look.decision.changed_by_others is None
    assert look.decision.held in (Held.SOON, Held.STARTING)
