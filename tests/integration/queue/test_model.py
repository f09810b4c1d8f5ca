"""The whole protocol against a model, on the real server, in any order that Hypothesis can think of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from lomi_ops.domain.job import Priority
from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.replies import (
    Beat,
    Buried,
    Cancelled,
    Claimed,
    Delayed,
    Done,
    Empty,
    Fenced,
    JobState,
    Paused,
    Released,
    Stale,
    Submitted,
)
from tests.integration.queue.conftest import FAR_S, LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.integration.queue.producer import element, job_id

SLOTS = st.sampled_from(["a/0", "a/1", "b/0"])


@dataclass
class Known:
    """What must be true of a job."""

    raw: bytes
    state: JobState = JobState.READY
    attempt: int = 0
    setbacks: int = 0
    crashes: int = 0
    token: str = ""
    slot: str = ""
    cancel: bool = False
    expired: bool = False


def protocol(url: str) -> type[RuleBasedStateMachine]:
    class Protocol(RuleBasedStateMachine):
        jobs = Bundle("jobs")
        hands = Bundle("hands")

        def __init__(self) -> None:
            super().__init__()
            self.bench = Bench(url)
            self.bench.client.flushall()
            self.ear: Any = self.bench.client.pubsub()
            self.ear.subscribe(RESULTS_CHANNEL)
            self.ear.get_message(timeout=5)
            self.known: dict[str, Known] = {}
            self.heard: Counter[bytes] = Counter()
            self.paused = False

        def teardown(self) -> None:
            while (message := self.ear.get_message(timeout=0.001)) is not None:
                self.heard[message["data"]] += 1
            self.ear.close()
            self.bench.close()
            finished = {name.encode() for name, job in self.known.items() if job.state is JobState.DONE}
            assert set(self.heard) == finished
            assert set(self.heard.values()) <= {1}

        # --- producer ---

        @rule(target=jobs)
        def push(self) -> str:
            raw = element()
            self.known[job_id(raw)] = Known(raw)
            self.bench.push(raw)
            return job_id(raw)

        @rule(target=jobs)
        def submit_bulk(self) -> str:
            raw = element()
            self.known[job_id(raw)] = Known(raw)
            assert self.bench.queue.submit(raw, Priority.BULK) is Submitted.ACCEPTED
            return job_id(raw)

        @rule(target=jobs, priority=st.sampled_from(list(Priority)))
        def submit_for_later(self, priority: Priority) -> str:
            raw = element()
            self.known[job_id(raw)] = Known(raw, JobState.DELAYED)
            due_ms = self.bench.queue.now_ms() + round(FAR_S * 1000)
            assert self.bench.queue.submit(raw, priority, due_ms) is Submitted.ACCEPTED
            return job_id(raw)

        @rule(name=jobs)
        def push_a_copy(self, name: str) -> None:
            self.bench.push(self.known[name].raw)

        # --- worker ---

        @rule(target=hands, slot=SLOTS)
        def claim(self, slot: str) -> Any:
            holding = [name for name, job in self.known.items() if job.state is JobState.RUNNING and job.slot == slot]
            reply = self.bench.claim(slot)
            if isinstance(reply, Claimed):
                self._check_claimed(reply, holding)
                return reply
            assert not holding, "a slot that holds a job adopts it"
            if self.paused:
                assert isinstance(reply, Paused)
            else:
                assert isinstance(reply, Empty)
                waiting = [name for name, job in self.known.items() if job.state is JobState.READY]
                assert reply.wait_s == 0 or not waiting, "nothing that waits is overlooked"
            return multiple()

        def _check_claimed(self, reply: Claimed, holding: list[str]) -> None:
            job = self.known[reply.job_id]
            assert reply.raw == job.raw
            if holding:
                assert (reply.adopted, [reply.job_id]) == (True, holding)
            else:
                assert (reply.adopted, self.paused) == (False, False)
                assert job.state is JobState.READY
                job.state, job.attempt = JobState.RUNNING, job.attempt + 1
            assert (reply.attempt, reply.setbacks, reply.crashes) == (job.attempt, job.setbacks, job.crashes)
            job.slot, job.token, job.expired = reply.slot, reply.token, False

        @rule(slot=SLOTS)
        def claim_arrives_late(self, slot: str) -> None:
            latest = self.bench.last_seq(slot)
            if latest > 0:
                assert self.bench.queue.claim(slot, latest - 1, "late") == Stale(latest)

        def ours(self, held: Claimed) -> Known | None:
            job = self.known[held.job_id]
            return job if job.state is JobState.RUNNING and job.token == held.token else None

        @rule(held=hands)
        def beat(self, held: Claimed) -> None:
            job = self.ours(held)
            answer = self.bench.queue.beat(held.slot.partition("/")[0], {held.job_id: held.token}).leases[held.job_id]
            if job is None:
                assert answer is Beat.LOST
            else:
                assert answer is (Beat.CANCEL if job.cancel else Beat.OK)
                job.expired = False

        @rule(held=hands)
        def finish(self, held: Claimed) -> None:
            job, reply = self.ours(held), self.bench.queue.finish(held.job_id, held.token, held.job_id.encode())
            known = self.known[held.job_id]
            if job is not None:
                assert reply == Done(1)
                job.state = JobState.DONE
            elif known.state is JobState.DONE and known.token == held.token:
                assert reply == Done(1, repeated=True)
            else:
                assert reply == Fenced()

        @rule(held=hands, failure=st.sampled_from([LOST_CONNECTION, OUTAGE, POISON]))
        def fail(self, held: Claimed, failure: Any) -> None:
            job, reply = self.ours(held), self.bench.queue.fail(held, failure)
            if job is None:
                assert reply == Fenced() or self.known[held.job_id].token == held.token
            elif job.cancel:
                assert reply == Cancelled()
                job.state = JobState.CANCELLED
            elif failure is OUTAGE:
                assert isinstance(reply, Delayed)
                job.state, job.attempt, job.setbacks = JobState.DELAYED, job.attempt - 1, job.setbacks + 1
            elif failure is LOST_CONNECTION and job.attempt < 3:
                assert isinstance(reply, Delayed)
                job.state = JobState.DELAYED
            else:
                assert reply == Buried()
                job.state = JobState.DEAD

        @rule(held=hands)
        def release(self, held: Claimed) -> None:
            job, reply = self.ours(held), self.bench.queue.release(held.job_id, held.token)
            if job is None:
                assert reply == Fenced() or self.known[held.job_id].token == held.token
            elif job.cancel:
                assert reply == Cancelled()
                job.state = JobState.CANCELLED
            else:
                assert reply == Released()
                job.state, job.attempt = JobState.READY, job.attempt - 1

        # --- time and damage ---

        @rule(name=jobs)
        def a_worker_dies(self, name: str) -> None:
            job = self.known[name]
            if job.state is JobState.RUNNING:
                self.bench.expire(name)
                job.expired = True

        @rule()
        def the_lease_index_is_lost(self) -> None:
            """The first look gives orphans a lease that ends at once, the second one takes them back."""
            self.bench.client.delete(self.bench.keys.lease)
            for job in self.known.values():
                job.expired = job.expired or job.state is JobState.RUNNING
            assert self.bench.reap().requeued == ()

        @rule()
        def reap(self, promoted: int = 0) -> None:
            due = {name for name, job in self.known.items() if job.state is JobState.RUNNING and job.expired}
            looked = self.bench.reap()
            assert {*looked.requeued, *looked.buried, *looked.cancelled} == due
            assert looked.promoted == promoted
            for name in due:
                job = self.known[name]
                job.expired, job.token = False, ""
                if job.cancel:
                    job.state = JobState.CANCELLED
                    continue
                job.crashes += 1
                job.state = JobState.DEAD if job.attempt >= 3 else JobState.READY

        @rule()
        def retries_come_due(self) -> None:
            """They are promoted by the next look or claim; here by a look."""
            waiting = {name for name, job in self.known.items() if job.state is JobState.DELAYED}
            self.bench.come_due()
            self.reap(promoted=len(waiting))
            for name in waiting:
                self.known[name].state = JobState.READY

        # --- operator ---

        @rule(name=jobs)
        def cancel(self, name: str) -> None:
            job = self.known[name]
            answer = self.bench.queue.cancel(name)
            if job.state is JobState.RUNNING:
                job.cancel = True
            elif job.state in (JobState.READY, JobState.DELAYED):
                job.state = JobState.CANCELLED
            assert answer is job.state

        @rule()
        def pause_or_resume(self) -> None:
            if self.paused:
                assert self.bench.queue.resume()
            else:
                self.bench.queue.pause("model", "because")
            self.paused = not self.paused

        @rule(name=jobs)
        def requeue(self, name: str) -> None:
            job = self.known[name]
            if job.state is JobState.DEAD:
                self.bench.queue.requeue(name)
                job.state, job.attempt, job.setbacks, job.crashes, job.token = JobState.READY, 0, 0, 0, ""

        # --- always ---

        @invariant()
        def every_job_is_in_exactly_one_place_and_its_record_says_so(self) -> None:
            keys, names = self.bench.keys, list(self.known)
            with self.bench.client.pipeline(transaction=True) as pipe:
                for line in (keys.ready, keys.high, keys.bulk):
                    pipe.lrange(line, 0, -1)
                for index in (keys.delayed, keys.dead, keys.lease):
                    pipe.zrange(index, 0, -1)
                pipe.hgetall(keys.slots)
                for name in names:
                    pipe.hmget(keys.job(name), "state", "attempt")
                ready, high, bulk, delayed, dead, leased, slots, *records = pipe.execute()
            listed = {*ready, *high, *bulk}
            holders = {name: slot for slot, name in slots.items()}
            assert len(holders) == len(slots)
            for name, record in zip(names, records, strict=True):
                job, key = self.known[name], name.encode()
                running = job.state is JobState.RUNNING
                assert job.raw in listed or job.state is not JobState.READY
                assert (key in delayed) == (job.state is JobState.DELAYED)
                assert (key in dead) == (job.state is JobState.DEAD)
                assert (key in leased) == running
                assert holders.get(key) == (job.slot.encode() if running else None)
                assert job.attempt <= 3
                if record[0] is None:
                    assert (job.state, job.attempt) == (JobState.READY, 0)
                else:
                    assert record[0].decode() == job.state
                    assert job.state is JobState.CANCELLED or int(record[1] or 0) == job.attempt

    return Protocol


def test_no_job_is_lost_doubled_or_taken_from_its_holder(redis_url: str) -> None:
    run_state_machine_as_test(
        protocol(redis_url),
        settings=settings(
            max_examples=120, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
