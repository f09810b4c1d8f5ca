"""Circuit breakers that all machines share: closed, open, half open, and past the patience of the photos that wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lomi_ops.queue.replies import Claimed, Empty, Hold, Limited
from tests.integration.queue.conftest import OUTAGE
from tests.integration.queue.producer import element, job_id
from tests.integration.queue.stepped import Stepped, stepped

FACES = "compreface"
HOUR = 3600.0


@pytest.fixture
def bench(redis_url: str) -> Iterator[Stepped]:
    with stepped(redis_url) as made:
        yield made


def fail(bench: Stepped, held: Claimed, wish_s: float | None = None) -> None:
    """A job that met the outage ends as a worker ends it."""
    bench.queue.fail(held, OUTAGE)
    bench.queue.hold(FACES, wish_s, "refused", claimed_ms=held.claimed_ms, patience_s=HOUR)


def finish(bench: Stepped, held: Claimed) -> int:
    bench.queue.finish(held.job_id, held.token)
    return bench.queue.served(list(held.outages), held.claimed_ms)


def opened(bench: Stepped, jobs: int = 5) -> float:
    """The breaker opens with the first job, and others wait; for how many seconds."""
    bench.push(*[element() for _ in range(jobs + 1)])
    fail(bench, bench.take("a/0"))
    return waits(bench)


def waits(bench: Stepped, slot: str = "z/9") -> float:
    reply = bench.claim(slot)
    assert isinstance(reply, Limited), reply
    assert reply.upstream == FACES
    return reply.wait_s


def breaker(bench: Stepped) -> Hold | None:
    return next((hold for hold in bench.queue.stats().holds if hold.upstream == FACES), None)


def test_while_it_is_open_nobody_claims(bench: Stepped) -> None:
    seconds = opened(bench)
    bench.step(seconds - 0.001)
    assert waits(bench) == 0.001


def test_of_all_machines_one_job_tries_it_and_the_others_wait(bench: Stepped) -> None:
    bench.step(opened(bench))
    probe = bench.take("a/0")
    assert list(probe.outages) == [FACES]
    assert 0 < waits(bench, "a/1") <= 0.5
    assert 0 < waits(bench, "b/0") <= 0.5


def test_a_probe_that_is_served_opens_the_queue_for_all(bench: Stepped) -> None:
    bench.step(opened(bench))
    assert finish(bench, bench.take("a/0")) == 1
    assert [bench.take(slot).outages for slot in ("a/0", "a/1", "b/0")] == [{}, {}, {}]
    assert breaker(bench) is None


def test_each_opening_is_longer_and_they_belong_to_one_outage(bench: Stepped) -> None:
    lengths = [opened(bench, jobs=9)]
    since = bench.now_ms
    for _ in range(6):
        bench.step(lengths[-1])
        fail(bench, bench.take("a/0"))
        lengths.append(waits(bench))
    assert lengths == [1.5, 3.0, 6.0, 12.0, 22.5, 22.5, 22.5]
    value = bench.client.hget(bench.keys.holds, FACES)
    assert value.split(b"|")[1:] == [str(since).encode(), b"refused"]
    assert bench.client.hget(bench.keys.limits, f"{FACES}:failures") == b"7"


def test_many_jobs_that_meet_one_outage_open_it_once(bench: Stepped) -> None:
    bench.push(*[element() for _ in range(9)])
    in_hand = [bench.take(f"a/{number}") for number in range(8)]
    bench.step(5)
    for held in in_hand:
        fail(bench, held)
    assert waits(bench) == 1.5
    assert bench.client.hget(bench.keys.limits, f"{FACES}:failures") == b"1"


def test_a_job_from_before_neither_opens_nor_closes_it_again(bench: Stepped) -> None:
    bench.push(*[element() for _ in range(9)])
    late, lucky, first = bench.take("a/1"), bench.take("a/2"), bench.take("a/0")
    bench.step(1)
    fail(bench, first)
    bench.queue.served([FACES], lucky.claimed_ms)
    seconds = waits(bench)
    bench.step(seconds)
    probe = bench.take("a/0")
    fail(bench, late)
    assert 0 < waits(bench) <= 0.5, "the probe decides"
    finish(bench, probe)
    bench.queue.hold(FACES, None, "refused", claimed_ms=late.claimed_ms)
    bench.take("b/0")


def test_a_wish_is_granted_within_a_minute(bench: Stepped) -> None:
    bench.push(*[element() for _ in range(3)])
    fail(bench, bench.take("a/0"), wish_s=17)
    assert waits(bench) == 17
    bench.step(17)
    fail(bench, bench.take("a/0"), wish_s=900)
    assert waits(bench) == 60


def test_a_worker_that_dies_with_the_probe_does_not_close_the_queue_for_ever(bench: Stepped) -> None:
    bench.step(opened(bench))
    probe = bench.take("dead/0")
    bench.expire(probe.job_id)
    assert waits(bench) > 0
    bench.reap()
    assert list(bench.take("b/0").outages) == [FACES]


def test_a_probe_that_takes_too_long_is_not_waited_for(bench: Stepped) -> None:
    bench.step(opened(bench))
    bench.take("slow/0")
    bench.step(59)
    assert waits(bench) > 0
    bench.step(1)
    bench.take("b/0")


@pytest.mark.parametrize("end", ["release", "finish", "fail"])
def test_a_probe_that_ends_without_having_asked_makes_way_for_the_next(bench: Stepped, end: str) -> None:
    bench.step(opened(bench))
    probe = bench.take("a/0")
    if end == "release":
        bench.queue.release(probe.job_id, probe.token)
    elif end == "finish":
        bench.queue.finish(probe.job_id, probe.token)
    else:
        bench.queue.fail(probe, OUTAGE)
    assert list(bench.take("b/0").outages) == [FACES]


def test_an_empty_queue_sends_no_probe(bench: Stepped) -> None:
    bench.push(element())
    fail(bench, bench.take("a/0"))
    bench.step(1.5)
    assert isinstance(bench.claim("a/0"), Empty)
    bench.push(element())
    bench.take("b/0")


def test_a_probe_whose_reply_was_lost_is_adopted_as_the_probe_that_it_is(bench: Stepped) -> None:
    bench.step(opened(bench))
    first = bench.take("a/0")
    again = bench.take("a/0")
    assert (again.adopted, again.job_id, again.outages) == (True, first.job_id, first.outages)
    assert waits(bench) > 0
    assert finish(bench, again) == 1


def test_two_upstreams_that_are_out_are_tried_by_one_job_and_close_one_by_one(bench: Stepped) -> None:
    bench.push(*[element() for _ in range(5)])
    bench.queue.hold(FACES, 3, "refused")
    bench.queue.hold("objects", 7, "no answer")
    bench.step(3)
    assert bench.claim("a/0") == Limited(4, "objects")
    bench.step(4)
    probe = bench.take("a/0")
    assert set(probe.outages) == {FACES, "objects"}
    bench.queue.served(["objects"], probe.claimed_ms)
    bench.queue.finish(probe.job_id, probe.token)
    assert list(bench.take("a/0").outages) == [FACES]


# --- past the patience ------------------------------------------------------------------------------------------------


def outage_of(bench: Stepped, seconds: float) -> None:
    """A probe fails again and again, for so long."""
    end = bench.now_ms + seconds * 1000
    bench.step(opened(bench))
    while bench.now_ms < end:
        reply = bench.claim("a/0")
        if isinstance(reply, Claimed):
            fail(bench, reply)
            bench.come_due()
        else:
            assert isinstance(reply, Limited)
            bench.step(reply.wait_s)


def test_past_its_patience_jobs_are_let_through_at_a_bounded_pace_and_know_since_when(bench: Stepped) -> None:
    began = bench.now_ms
    outage_of(bench, HOUR + 60)
    bench.push(*[element() for _ in range(50)])
    taken: list[Claimed] = []
    end = bench.now_ms + 5000
    while bench.now_ms < end:
        reply = bench.claim(f"b/{len(taken)}")
        if isinstance(reply, Claimed):
            taken.append(reply)
        else:
            assert isinstance(reply, Limited)
            assert 0 < reply.wait_s <= 0.25
            bench.step(reply.wait_s)
    assert 19 <= len(taken) <= 21
    assert {held.outages[FACES] for held in taken} == {began}
    assert all(held.overdue(HOUR) == {FACES} for held in taken)
    assert not any(held.overdue(2 * HOUR) for held in taken)


def test_before_that_nobody_is_told_that_it_lasts_too_long(bench: Stepped) -> None:
    outage_of(bench, HOUR / 2)
    bench.step(60)
    assert bench.take("b/0").overdue(HOUR) == frozenset()


def test_one_answer_ends_an_outage_of_hours(bench: Stepped) -> None:
    outage_of(bench, HOUR + 60)
    bench.step(60)
    assert finish(bench, bench.take("b/0")) == 1
    bench.push(*[element() for _ in range(3)])
    assert [bench.take(slot).outages for slot in ("a/1", "a/2", "b/0")] == [{}, {}, {}]


def test_an_outage_without_a_limit_hands_nobody_over(bench: Stepped) -> None:
    bench.push(*[element() for _ in range(3)])
    bench.queue.hold("postgres", 30, "gone")
    bench.client.hset(bench.keys.holds, "postgres", f"{bench.now_ms + 30_000}|{bench.now_ms - 9_000_000}|gone")
    assert bench.claim() == Limited(30, "postgres")


def test_a_breaker_that_nobody_has_tried_for_long_says_nothing_about_today(bench: Stepped) -> None:
    outage_of(bench, HOUR + 60)
    bench.step(12 * HOUR)
    bench.push(*[element() for _ in range(3)])
    assert bench.take("a/0").overdue(HOUR) == frozenset()
    assert waits(bench) > 0, "one job tries it first, as ever"


# --- beside workers of older versions ---------------------------------------------------------------------------------


def test_an_older_worker_reads_until_when_it_has_to_wait(bench: Stepped) -> None:
    opened(bench)
    until, since, reason = bench.client.hget(bench.keys.holds, FACES).split(b"|", 2)
    assert (int(until) - bench.now_ms, int(since), reason) == (1500, bench.now_ms, b"refused")


def test_the_hold_of_an_older_worker_is_a_breaker_like_any_other(bench: Stepped) -> None:
    bench.push(*[element() for _ in range(3)])
    bench.client.hset(bench.keys.holds, FACES, f"{bench.now_ms + 4000}|{bench.now_ms}|an older | reason")
    assert waits(bench) == 4
    bench.step(4)
    probe = bench.take("a/0")
    assert waits(bench) > 0
    assert finish(bench, probe) == 1


# --- what an operator sees and does -----------------------------------------------------------------------------------


def test_the_board_shows_breakers_and_rates(redis_url: str) -> None:
    from tests.integration.queue.conftest import Bench

    bench = Bench(redis_url)
    bench.push(*[element() for _ in range(3)])
    bench.queue.hold(FACES, 30, "slow down", throttled=True)
    (hold,), (rate,) = bench.queue.stats().holds, bench.queue.stats().rates
    assert (hold.upstream, hold.half_open, hold.failures, hold.throttled, hold.probe) == (FACES, False, 1, True, "")
    assert (rate.upstream, rate.per_s, rate.ceiling_per_s) == (FACES, 0.1, 0.2)
    bench.queue.unhold(FACES)
    assert (bench.queue.stats().holds, bench.queue.stats().rates) == ((), ())

    bench.queue.hold(FACES, 0, "refused")
    probe = bench.take("a/0")
    (hold,) = bench.queue.stats().holds
    assert (hold.half_open, hold.throttled, hold.probe) == (True, False, probe.job_id)
    bench.close()


def test_a_person_closes_it_for_all(bench: Stepped) -> None:
    opened(bench)
    assert bench.queue.unhold(FACES)
    assert [bench.take(slot).outages for slot in ("a/0", "b/0")] == [{}, {}]
    fail(bench, bench.take("b/1"))
    assert waits(bench) == 1.5


# --- in any order -----------------------------------------------------------------------------------------------------


@dataclass
class Model:
    """What must be true of the breaker."""

    till: int
    opened: int
    failures: int = 1
    probe: str = ""
    probe_till: int = 0


def protocol(bench: Stepped) -> type[RuleBasedStateMachine]:
    class Breakers(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            bench.client.flushall()
            bench.step(1)
            self.breaker: Model | None = None
            self.last_opened = 0
            self.hands: dict[str, Claimed] = {}
            bench.push(*[element() for _ in range(60)])

        @rule(seconds=st.sampled_from([0.001, 0.4, 1.5, 7.0, 20.0]))
        def time_passes(self, seconds: float) -> None:
            bench.step(seconds)

        def probed(self) -> bool:
            """Whether somebody tries it, and not for too long."""
            if self.breaker is None or bench.now_ms >= self.breaker.probe_till:
                return False
            return self.breaker.probe in [held.job_id for held in self.hands.values()]

        @rule(slot=st.sampled_from(["a/0", "a/1", "b/0"]))
        def claim(self, slot: str) -> None:
            if slot in self.hands:
                return
            open_ = self.breaker is not None and bench.now_ms < self.breaker.till
            reply = bench.claim(slot)
            if isinstance(reply, Claimed):
                assert not open_
                if self.breaker is not None:
                    assert not self.probed()
                    assert list(reply.outages) == [FACES]
                    self.breaker.probe, self.breaker.probe_till = reply.job_id, bench.now_ms + 60_000
                self.hands[slot] = reply
            elif isinstance(reply, Limited):
                assert open_ or self.probed()
            else:
                assert isinstance(reply, Empty)

        @precondition(lambda self: self.hands)
        @rule(data=st.data())
        def fail(self, data: st.DataObject) -> None:
            held = self.hands.pop(data.draw(st.sampled_from(sorted(self.hands))))
            fail(bench, held)
            bench.come_due()
            if held.claimed_ms <= self.last_opened:
                return
            failures = self.breaker.failures + 1 if self.breaker else 1
            usual = min(30_000, 2000 * 2 ** (failures - 1)) * 3 // 4
            self.breaker = Model(bench.now_ms + usual, bench.now_ms, failures)
            self.last_opened = bench.now_ms

        @precondition(lambda self: self.hands)
        @rule(data=st.data())
        def finish(self, data: st.DataObject) -> None:
            held = self.hands.pop(data.draw(st.sampled_from(sorted(self.hands))))
            closed = finish(bench, held)
            expected = bool(held.outages) and self.breaker is not None and held.claimed_ms > self.breaker.opened
            assert closed == int(expected)
            if expected:
                self.breaker = None

        @precondition(lambda self: self.hands)
        @rule(data=st.data())
        def a_worker_dies(self, data: st.DataObject) -> None:
            held = self.hands.pop(data.draw(st.sampled_from(sorted(self.hands))))
            bench.expire(held.job_id)
            bench.reap()

        @invariant()
        def the_board_agrees(self) -> None:
            value = bench.client.hget(bench.keys.holds, FACES)
            assert (value is None) == (self.breaker is None)
            if self.breaker is not None:
                assert int(value.split(b"|")[0]) == self.breaker.till

    return Breakers


def test_nobody_passes_an_open_breaker_and_one_job_at_a_time_a_half_open_one(bench: Stepped) -> None:
    run_state_machine_as_test(
        protocol(bench),
        settings=settings(
            max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_jobs_wait_in_redis_and_not_in_the_hands_of_workers(bench: Stepped) -> None:
    raw = element()
    opened(bench, jobs=0)
    bench.push(raw)
    for slot in range(20):
        waits(bench, f"b/{slot}")
    assert bench.client.llen(bench.keys.ready) == 1
    assert bench.queue.job(job_id(raw)) is None, "nobody has touched it"
