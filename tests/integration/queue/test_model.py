"""The whole protocol against a model, on the real server, in any order that Hypothesis can think of.

Once with our own scripts alone, and once with every call made by either this version or the one before, as it happens
while workers are replaced one by one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lomi_ops.domain.job import Priority
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.operations import KEEP_S, Operations, OperationState, Order, Progress, Verb
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
    Limited,
    Paused,
    Released,
    Stale,
    Submitted,
    WorkerMode,
)
from lomi_ops.queue.scripts import ms
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.chance import times
from tests.ears import told
from tests.integration.queue.conftest import FAR_S, LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.integration.queue.old_version import OldQueue
from tests.integration.queue.producer import element, job_id

BOOTS = st.sampled_from(["a", "b"])
SLOTS = st.sampled_from(["a/0", "a/1", "b/0"])
NEW, OLD = "new", "old"


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
    receivers: int = 0
    op: str = ""
    """The operation that touched it last, unless it has moved on since."""
    was: tuple[JobState, int, int, int] = (JobState.READY, 0, 0, 0)
    """State, attempt, setbacks and crashes before that."""


@dataclass
class Operated:
    """What must be true of an operation."""

    verb: Verb
    plan: list[str]
    log: list[str] = field(default_factory=list)
    state: OperationState = OperationState.RUNNING
    done: int = 0
    skipped: int = 0
    undone: int = 0
    moved_on: int = 0


def protocol(url: str, *versions: str) -> type[RuleBasedStateMachine]:
    """`versions`: who may make a call."""
    either = st.sampled_from(versions)

    class Protocol(RuleBasedStateMachine):
        jobs = Bundle("jobs")
        hands = Bundle("hands")
        operations = Bundle("operations")

        def __init__(self) -> None:
            super().__init__()
            self.bench = Bench(url)
            self.bench.client.flushall()
            self.before = OldQueue(self.bench.client)
            self.queues: dict[str, JobQueue] = {NEW: self.bench.queue, OLD: self.before}
            self.registry = WorkerRegistry(self.bench.client)
            self.ear: Any = self.bench.client.pubsub()
            self.known: dict[str, Known] = {}
            self.operators = Operations(self.bench.client)
            self.operated: dict[str, Operated] = {}
            self.heard: Counter[bytes] = Counter()
            self.paused, self.held, self.listening = False, False, False
            self.quiet: set[str] = set()
            self.unheard: set[str] = set()
            self.the_backend_comes_or_goes()

        def teardown(self) -> None:
            if not self.listening:
                self.the_backend_comes_or_goes()
            self.relay(NEW)
            self.heard.update(told(self.ear))
            self.ear.close()
            self.bench.close()
            finished = {name.encode() for name, job in self.known.items() if job.state is JobState.DONE}
            assert set(self.heard) == finished
            assert set(self.heard.values()) <= {1}

        # --- backend ---

        @rule()
        def the_backend_comes_or_goes(self) -> None:
            self.listening = not self.listening
            if self.listening:
                self.ear.subscribe(RESULTS_CHANNEL)
            else:
                self.ear.unsubscribe()
            self._listen_until("subscribe" if self.listening else "unsubscribe")

        def _listen_until(self, kind: str) -> None:
            while (message := self.ear.get_message(timeout=60))["type"] != kind:
                self.heard[message["data"]] += 1

        @rule(by=either)
        def relay(self, by: str) -> None:
            assert self.queues[by].relay() == (len(self.unheard) if self.listening else 0)
            if self.listening:
                for name in self.unheard:
                    self.known[name].receivers = 1
                self.unheard.clear()

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

        @rule(target=jobs, by=either, priority=st.sampled_from([Priority.NORMAL, Priority.HIGH]))
        def submit(self, by: str, priority: Priority) -> str:
            raw = element()
            self.known[job_id(raw)] = Known(raw)
            assert self.queues[by].submit(raw, priority) is Submitted.ACCEPTED
            return job_id(raw)

        @rule(name=jobs, by=either)
        def submit_again(self, name: str, by: str) -> None:
            """What is only pushed has no record yet, and counts as new; the copy is dropped when it comes up."""
            seen = self.bench.queue.job(name) is not None
            assert self.queues[by].submit(self.known[name].raw) is (Submitted.DUPLICATE if seen else Submitted.ACCEPTED)

        # --- worker ---

        @rule(target=hands, slot=SLOTS, by=either)
        def claim(self, slot: str, by: str) -> Any:
            holding = [name for name, job in self.known.items() if job.state is JobState.RUNNING and job.slot == slot]
            reply = self.bench.claim(slot, self.queues[by])
            if isinstance(reply, Claimed):
                self._check_claimed(reply, holding)
                return reply
            assert not holding, "a slot that holds a job adopts it"
            if self.paused or slot[0] in self.quiet:
                assert isinstance(reply, Paused)
            elif self.held:
                assert isinstance(reply, Limited)
            else:
                assert isinstance(reply, Empty)
                # The version before knows no bulk: such jobs wait for a new one.
                bulk = self.bench.client.lrange(self.bench.keys.bulk, 0, -1) if by == OLD else []
                ready = (
                    name for name, job in self.known.items() if job.state is JobState.READY and job.raw not in bulk
                )
                waiting = list(ready)
                assert reply.wait_s == 0 or not waiting, "nothing that waits is overlooked"
            return multiple()

        def _check_claimed(self, reply: Claimed, holding: list[str]) -> None:
            job = self.known[reply.job_id]
            assert reply.raw == job.raw
            if holding:
                assert (reply.adopted, [reply.job_id]) == (True, holding)
            else:
                assert not any((reply.adopted, self.paused, self.held, reply.slot[0] in self.quiet))
                assert job.state is JobState.READY
                job.state, job.attempt, job.op = JobState.RUNNING, job.attempt + 1, ""
            assert (reply.attempt, reply.setbacks, reply.crashes) == (job.attempt, job.setbacks, job.crashes)
            job.slot, job.token, job.expired = reply.slot, reply.token, False

        @rule(slot=SLOTS, by=either)
        def claim_arrives_late(self, slot: str, by: str) -> None:
            latest = self.bench.last_seq(slot)
            if latest > 0:
                assert self.queues[by].claim(slot, latest - 1, "late") == Stale(latest)

        def ours(self, held: Claimed) -> Known | None:
            job = self.known[held.job_id]
            return job if job.state is JobState.RUNNING and job.token == held.token else None

        @rule(held=hands, by=either)
        def beat(self, held: Claimed, by: str) -> None:
            job = self.ours(held)
            answer = self.queues[by].beat(held.slot.partition("/")[0], {held.job_id: held.token}).leases[held.job_id]
            if job is None:
                assert answer is Beat.LOST
            else:
                assert answer is (Beat.CANCEL if job.cancel else Beat.OK)
                job.expired = False

        @rule(held=hands, by=either)
        def finish(self, held: Claimed, by: str) -> None:
            job, reply = self.ours(held), self.queues[by].finish(held.job_id, held.token, held.job_id.encode())
            known = self.known[held.job_id]
            if job is not None:
                job.receivers = int(self.listening)
                assert reply == Done(job.receivers)
                job.state = JobState.DONE
                if not self.listening:
                    self.unheard.add(held.job_id)
            elif known.state is JobState.DONE and known.token == held.token:
                assert reply == Done(known.receivers, repeated=True)
            else:
                assert reply == Fenced()

        @rule(held=hands, failure=st.sampled_from([LOST_CONNECTION, OUTAGE, POISON]), by=either)
        def fail(self, held: Claimed, failure: Any, by: str) -> None:
            job, reply = self.ours(held), self.queues[by].fail(held, failure)
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

        @rule(held=hands, by=either)
        def release(self, held: Claimed, by: str) -> None:
            job, reply = self.ours(held), self.queues[by].release(held.job_id, held.token)
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

        @rule(by=either)
        def reap(self, by: str, promoted: int = 0) -> None:
            due = {name for name, job in self.known.items() if job.state is JobState.RUNNING and job.expired}
            looked = self.queues[by].reap(lease_s=0, tick_s=0)
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

        @rule(by=either)
        def retries_come_due(self, by: str) -> None:
            """They are promoted by the next look or claim; here by a look."""
            waiting = {name for name, job in self.known.items() if job.state is JobState.DELAYED}
            self.bench.come_due()
            self.reap(by, promoted=len(waiting))
            for name in waiting:
                self.known[name].state = JobState.READY

        # --- operator ---

        @rule(name=jobs, by=either)
        def cancel(self, name: str, by: str) -> None:
            job = self.known[name]
            answer = self.queues[by].cancel(name)
            if job.state is JobState.RUNNING:
                job.cancel = True
            elif job.state in (JobState.READY, JobState.DELAYED):
                job.state = JobState.CANCELLED
            assert answer is job.state

        @rule(by=either)
        def pause_or_resume(self, by: str) -> None:
            if self.paused:
                assert self.queues[by].resume()
            else:
                self.queues[by].pause("model", "because")
            self.paused = not self.paused

        @rule(by=either)
        def hold_or_lift(self, by: str) -> None:
            if self.held:
                assert self.queues[by].unhold("faces")
            else:
                self.queues[by].hold("faces", 600, "they are down")
            self.held = not self.held

        @rule(boot=BOOTS)
        def quieten_or_wake(self, boot: str) -> None:
            self.registry.register(WorkerInfo(boot, "host", 1, "0", 2))
            self.registry.set_mode(boot, WorkerMode.RUNNING if boot in self.quiet else WorkerMode.QUIET)
            self.quiet ^= {boot}

        @rule(name=jobs)
        def requeue(self, name: str) -> None:
            """An operator of the version before, that had a script for it."""
            job = self.known[name]
            if job.state is JobState.DEAD:
                self.before.requeue(name)
                job.state, job.attempt, job.setbacks, job.crashes, job.token = JobState.READY, 0, 0, 0, ""

        @rule(name=jobs)
        def purge_and_push_again(self, name: str) -> None:
            """A letter that is forgotten is as good as new."""
            job = self.known[name]
            if job.state is JobState.DEAD:
                self.before.purge(name)
                self.known[name] = Known(job.raw)
                self.bench.push(job.raw)

        # --- operations on many jobs: the version before drops tombstones and keeps nothing for an undo ---

        @precondition(lambda self: OLD not in versions)
        @rule(
            target=operations,
            verb=st.sampled_from(Verb),
            some=st.none() | st.lists(jobs, min_size=1, max_size=4, unique=True),
            bulk=st.booleans(),
        )
        def plan(self, verb: Verb, some: list[str] | None, bulk: bool) -> str:
            """Over some jobs, or over all of them."""
            op, names = f"op-{len(self.operated)}", list(self.known) if some is None else some
            self.operators.open(Order(op, verb, "model", "because", "some", bulk=bulk), names)
            self.operated[op] = Operated(verb, list(names))
            return op

        @rule(op=operations, most=st.integers(1, 4))
        def act(self, op: str, most: int) -> None:
            order = self.operated[op]
            if order.state is OperationState.RUNNING:
                batch, order.plan = order.plan[:most], order.plan[most:]
                for name in batch:
                    if self._touch(op, order.verb, self.known[name]):
                        order.log.append(name)
                        order.done += 1
                    else:
                        order.skipped += 1
                if not order.plan:
                    order.state = OperationState.FINISHED
            told = self._run("op_act", op, most)
            assert told == Progress(order.state, len(order.plan), order.done, order.skipped)

        @rule(op=operations, most=st.integers(1, 4))
        def undo(self, op: str, most: int) -> None:
            order = self.operated[op]
            if order.state is not OperationState.UNDONE:
                order.plan, order.state = [], OperationState.UNDOING
                for _ in range(min(most, len(order.log))):
                    if self._take_back(op, order.verb, self.known[order.log.pop()]):
                        order.undone += 1
                    else:
                        order.moved_on += 1
                if not order.log:
                    order.state = OperationState.UNDONE
            told = self._run("op_undo", op, most, "model")
            assert told == Progress(order.state, len(order.log), order.undone, order.moved_on)

        def _run(self, script: str, op: str, most: int, *more: str) -> Progress:
            """In steps that are smaller than an operator's."""
            keys = self.operators._keys_of(op)
            state, *numbers = self.operators._scripts.run(script, keys, [op, most, ms(KEEP_S), *more])
            return Progress(OperationState(state.decode()), *map(int, numbers))

        def _touch(self, op: str, verb: Verb, job: Known) -> bool:
            if job.state not in verb.acts_on or (job.state is JobState.RUNNING and job.cancel):
                return False
            job.op, job.was = op, (job.state, job.attempt, job.setbacks, job.crashes)
            if verb is Verb.RETRY:
                if job.state is JobState.DEAD:
                    job.attempt, job.setbacks, job.crashes, job.token = 0, 0, 0, ""
                job.state = JobState.READY
            elif job.state is JobState.RUNNING:
                job.cancel = True
            else:
                job.state = JobState.CANCELLED
            return True

        def _take_back(self, op: str, verb: Verb, job: Known) -> bool:
            mine, job.op = job.op == op, "" if job.op == op else job.op
            left = JobState.READY if verb is Verb.RETRY else JobState.CANCELLED
            if mine and job.was[0] is JobState.RUNNING and job.state is JobState.RUNNING:
                job.cancel = False
            elif not mine or job.state is not left:
                return False
            elif job.was[0] is JobState.RUNNING:
                job.state, job.attempt, job.token, job.cancel = JobState.READY, job.was[1] - 1, "", False
            else:
                job.state, job.attempt, job.setbacks, job.crashes = job.was
            return True

        # --- always ---

        @invariant()
        def every_job_is_in_exactly_one_place_and_its_record_says_so(self) -> None:
            keys, names = self.bench.keys, list(self.known)
            with self.bench.client.pipeline(transaction=True) as pipe:
                for waiting in (keys.ready, keys.high, keys.bulk):
                    pipe.lrange(waiting, 0, -1)
                for index in (keys.delayed, keys.dead, keys.lease):
                    pipe.zrange(index, 0, -1)
                pipe.hgetall(keys.slots)
                for name in names:
                    pipe.hmget(keys.job(name), "state", "attempt")
                for name in names:
                    pipe.ttl(keys.job(name))
                ready, high, bulk, delayed, dead, leased, slots, *found = pipe.execute()
            records, lives = found[: len(names)], found[len(names) :]
            listed = {*ready, *high, *bulk}
            holders = {name: slot for slot, name in slots.items()}
            assert len(holders) == len(slots)
            for name, record, life_s in zip(names, records, lives, strict=True):
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
                    undoable = bool(job.op) and job.state is not JobState.DONE
                    assert life_s == -1 or life_s >= (KEEP_S if undoable else 86_400) - 600
                    assert (life_s == -1) or job.state not in (JobState.RUNNING, JobState.DELAYED, JobState.DEAD)
                    assert (life_s != -1) or job.state not in (JobState.CANCELLED, JobState.DONE)

    return Protocol


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("versions", "examples"),
    [((NEW,), times(150, 500)), ((OLD, NEW), times(75, 250))],
    ids=["this version", "two versions at once"],
)
def test_no_job_is_lost_doubled_or_taken_from_its_holder(
    redis_url: str, versions: tuple[str, ...], examples: int
) -> None:
    run_state_machine_as_test(
        protocol(redis_url, *versions),
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
