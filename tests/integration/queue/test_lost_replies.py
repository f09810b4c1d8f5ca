"""A thousand lost replies per script: the server has acted, the client does not know, and asks again.

Nothing is lost by that, nothing happens twice, and no attempt is spent.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import Failure
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.autoscale import AutoscaleNotes, Noted
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.fleet import Claimant, FleetLease
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL
from lomi_ops.queue.operations import Operations, OperationState, Order, Verb
from lomi_ops.queue.replies import (
    Beat,
    Buried,
    Claimed,
    Delayed,
    Done,
    Empty,
    JobState,
    Released,
    Submitted,
    WorkerMode,
)
from lomi_ops.queue.scripts import digest, source
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.ears import told
from tests.integration.queue.conftest import OUTAGE, POISON, SCRIPTS, Bench
from tests.integration.queue.producer import element, job_id
from tests.integration.queue.tap import Moment, Tap, Trap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.no_cover]

TIMES = 1000
Answer = TypeVar("Answer")
P = ParamSpec("P")


class Unlucky:
    """A queue on a connection that loses the reply of every first call."""

    def __init__(self, bench: Bench, url: str) -> None:
        target = urlsplit(url)
        self.tap = Tap(target.port or 0)
        at = f"redis://:{target.password}@127.0.0.1:{self.tap.port}/0"
        self.client = queue_client(RedisSection.model_validate({"url": at}))
        self.queue = JobQueue(self.client, chance=lambda: 0.5)
        self.registry = WorkerRegistry(self.client)
        self.bench = bench
        self.lost: Counter[str] = Counter()

    def twice(self, script: str, step: Callable[P, Answer], *args: P.args, **options: P.kwargs) -> Answer:
        """Do it, never hear of it, and do it again."""
        sha = digest(script).encode()
        trap = self.tap.set(Trap(lambda data: sha in data, Moment.AFTER, lambda: False))
        with pytest.raises(RedisUnavailable):
            step(*args, **options)
        assert trap.sprung.is_set()
        self.lost[script] += 1
        return step(*args, **options)

    def close(self) -> None:
        self.client.close()
        self.tap.close()


@pytest.fixture
def unlucky(bench: Bench, redis_url: str) -> Iterator[Unlucky]:
    for name in SCRIPTS:
        bench.client.script_load(source(name))  # else the reply that gets lost is only NOSCRIPT
    made = Unlucky(bench, redis_url)
    yield made
    made.close()


@pytest.fixture
def ear(bench: Bench) -> Iterator[Any]:
    listening = bench.client.pubsub()
    listening.subscribe(RESULTS_CHANNEL)
    listening.get_message(timeout=5)
    yield listening
    listening.close()


def filled(bench: Bench) -> list[str]:
    raws = [element() for _ in range(TIMES)]
    bench.push(*raws)
    return [job_id(raw) for raw in raws]


def settled(bench: Bench, **expected: int) -> None:
    """The counters of the queue after all; those that are not named are 0."""
    counters = bench.queue.stats().counters
    watched = ("buried", "cancelled", "duplicates", "finished", "lost", "reaped", "refunded", "released", "retried",
               "submitted", "announced", "requeued", "purged")  # fmt: skip
    assert {name: counters[name] for name in watched if counters.get(name)} == expected


def test_a_claim_hands_out_the_same_job_with_its_first_attempt(bench: Bench, unlucky: Unlucky) -> None:
    names = filled(bench)
    for seq, name in enumerate(names, 1):
        held = unlucky.twice("claim", unlucky.queue.claim, "boot/0", seq, f"token-{seq}")
        assert isinstance(held, Claimed)
        assert (held.job_id, held.attempt, held.adopted) == (name, 1, True)
        bench.queue.finish(held.job_id, held.token)
    assert [name.decode() for name in bench.results()] == names
    assert bench.queue.stats().waiting == bench.queue.stats().running == 0
    settled(bench, finished=TIMES)


def test_a_beat_keeps_the_lease(bench: Bench, unlucky: Unlucky) -> None:
    bench.push(element())
    held = bench.take()
    for _ in range(TIMES):
        beats = unlucky.twice("beat", unlucky.queue.beat, "boot", {held.job_id: held.token})
        assert beats.leases == {held.job_id: Beat.OK}
    assert bench.reap().requeued == ()
    settled(bench)


def test_a_finish_publishes_once(bench: Bench, unlucky: Unlucky, ear: Any) -> None:
    names = filled(bench)
    for _ in names:
        held = bench.take()
        reply = unlucky.twice("finish", unlucky.queue.finish, held.job_id, held.token, held.job_id.encode())
        assert reply == Done(1, repeated=True)
    assert Counter(told(ear)) == Counter(name.encode() for name in names)
    assert [name.decode() for name in bench.results()] == names
    settled(bench, finished=TIMES)


def test_a_failure_in_bad_weather_delays_once_and_refunds_once(bench: Bench, unlucky: Unlucky) -> None:
    names = filled(bench)
    for _ in names:
        assert isinstance(fail(bench, unlucky, OUTAGE), Delayed)
    assert bench.client.zcard(bench.keys.delayed) == TIMES
    records = [bench.queue.job(name) for name in names]
    assert {(record.attempt, record.setbacks) for record in records if record} == {(0, 1)}
    settled(bench, refunded=TIMES)


def test_a_failure_for_good_buries_once(bench: Bench, unlucky: Unlucky) -> None:
    filled(bench)
    for _ in range(TIMES):
        assert fail(bench, unlucky, POISON) == Buried()
    assert bench.client.zcard(bench.keys.dead) == TIMES
    settled(bench, buried=TIMES)


def fail(bench: Bench, unlucky: Unlucky, failure: Failure) -> object:
    held = bench.take()
    return unlucky.twice("fail", unlucky.queue.fail, held, failure)


def test_a_release_gives_back_once_and_refunds_once(bench: Bench, unlucky: Unlucky) -> None:
    bench.push(element())
    for _ in range(TIMES):
        held = bench.take()
        assert held.attempt == 1
        assert unlucky.twice("release", unlucky.queue.release, held.job_id, held.token) == Released()
        assert bench.client.llen(bench.keys.ready) == 1
    settled(bench, released=TIMES)


def test_a_look_for_dead_workers_takes_back_once(bench: Bench, unlucky: Unlucky) -> None:
    names = filled(bench)
    for number, name in enumerate(names):
        assert bench.take(f"ghost-{number}/0").job_id == name
    for name in names:
        bench.expire(name)
        assert unlucky.twice("reap", unlucky.queue.reap, lease_s=0, tick_s=0).requeued == ()
    assert bench.client.llen(bench.keys.ready) == TIMES
    records = [bench.queue.job(name) for name in names]
    assert {(record.state, record.attempt, record.crashes) for record in records if record} == {(JobState.READY, 1, 1)}
    settled(bench, reaped=TIMES)


def test_what_nobody_heard_is_heard_once(bench: Bench, unlucky: Unlucky, ear: Any) -> None:
    ear.unsubscribe()
    ear.get_message(timeout=5)
    for _ in range(TIMES):
        name = str(uuid.uuid4())
        assert bench.queue.announce(name, name.encode()).receivers == 0
        ear.subscribe(RESULTS_CHANNEL)
        ear.get_message(timeout=5)
        assert unlucky.twice("relay", unlucky.queue.relay) == 0
        ear.unsubscribe()
        assert heard_until_gone(ear) == [name.encode()]
    settled(bench, announced=TIMES)


def heard_until_gone(ear: Any) -> list[bytes]:
    found = []
    while (message := ear.get_message(timeout=5))["type"] != "unsubscribe":
        found.append(message["data"])
    return found


def test_an_announcement_is_published_once(bench: Bench, unlucky: Unlucky, ear: Any) -> None:
    names = [str(uuid.uuid4()) for _ in range(TIMES)]
    for name in names:
        reply = unlucky.twice("announce", unlucky.queue.announce, name, name.encode())
        assert reply == Done(1, repeated=True)
    assert Counter(told(ear)) == Counter(name.encode() for name in names)
    settled(bench, announced=TIMES)


def test_a_submit_puts_in_once(bench: Bench, unlucky: Unlucky) -> None:
    for _ in range(TIMES):
        raw = element()
        assert unlucky.twice("submit", unlucky.queue.submit, raw) is Submitted.DUPLICATE
    assert bench.client.llen(bench.keys.ready) == TIMES
    settled(bench, submitted=TIMES)


def test_a_cancel_stops_once_wherever_the_job_is(bench: Bench, unlucky: Unlucky) -> None:
    names = filled(bench)
    for number, name in enumerate(names):
        if number % 3:
            held = bench.take(f"boot-{number}/0")
            if number % 3 == 2:
                bench.queue.fail(held, OUTAGE)
            name = held.job_id
        state = unlucky.twice("cancel", unlucky.queue.cancel, name)
        assert state is (JobState.RUNNING if number % 3 == 1 else JobState.CANCELLED)
    running = sum(number % 3 == 1 for number in range(TIMES))
    assert bench.queue.stats().running == running
    settled(bench, cancelled=TIMES - running, refunded=sum(number % 3 == 2 for number in range(TIMES)))


def test_an_advance_finishes_once_and_hands_out_the_next_job_with_its_first_attempt(
    bench: Bench, unlucky: Unlucky, ear: Any
) -> None:
    names = filled(bench)
    held: Any = unlucky.queue.claim("boot/0", 0, "token-0")
    for seq, name in enumerate([*names[1:], None], 1):
        payload = held.job_id.encode()
        finished, following = unlucky.twice(
            "advance", unlucky.queue.advance, held.job_id, held.token, payload, "boot/0", seq, f"token-{seq}", 60.0
        )
        assert finished == Done(1, repeated=True)
        held = following
        assert (held.job_id, held.attempt, held.adopted) == (name, 1, True) if name else held == Empty(None)
    assert Counter(told(ear)) == Counter(name.encode() for name in names)
    settled(bench, finished=TIMES)


def test_a_round_of_upkeep_takes_back_once(bench: Bench, unlucky: Unlucky) -> None:
    bench.push(*[element() for _ in range(TIMES)])
    for _ in range(TIMES):
        held = bench.take()
        bench.expire(held.job_id)
        tended = unlucky.twice("upkeep", unlucky.queue.upkeep, lease_s=0, tick_s=0)
        assert (tended.reaped.requeued, tended.ended) == ((), 0)
        again = bench.take()
        assert (again.job_id, again.attempt, again.crashes) == (held.job_id, 2, 1)
        bench.queue.finish(again.job_id, again.token)
    settled(bench, reaped=TIMES, finished=TIMES)


def test_an_operation_touches_and_puts_back_each_job_once(bench: Bench, unlucky: Unlucky) -> None:
    operations = Operations(unlucky.client)
    for name in filled(bench):
        bench.queue.fail(bench.take(), POISON)
        order = Order(f"op-{name}", Verb.RETRY, "ada", "because", f"job:{name}")
        unlucky.twice("op_open", operations.open, order, [name])
        done = unlucky.twice("op_act", operations.step, order.op)
        assert (done.state, done.done, done.skipped) == (OperationState.FINISHED, 1, 0)
        undone = unlucky.twice("op_undo", operations.undo_step, order.op, "ada")
        assert (undone.state, undone.done, undone.skipped) == (OperationState.UNDONE, 1, 0)
    assert bench.client.zcard(bench.keys.dead) == TIMES
    # What an undo puts back leaves its element in the list: a copy, that the next claim drops.
    settled(bench, buried=TIMES, requeued=TIMES, duplicates=TIMES - 1)


def test_a_job_of_a_test_is_forgotten_for_good(bench: Bench, unlucky: Unlucky) -> None:
    for _ in range(TIMES):
        raw = element()
        bench.push(raw)
        assert unlucky.twice("forget", unlucky.queue.forget, job_id(raw), raw)
    assert bench.client.llen(bench.keys.ready) == 0
    assert bench.client.keys(bench.keys.job("*")) == []
    settled(bench)


def test_a_doubt_is_settled_once(bench: Bench, unlucky: Unlucky, ear: Any) -> None:
    names = filled(bench)
    for name in names:
        bench.queue.fail(bench.take(), POISON)
        bench.client.zadd(bench.keys.doubt, {name: 1})
        assert unlucky.twice("absolve", unlucky.queue.absolve, name, settled=True, payload=name.encode()) is None
    assert Counter(told(ear)) == Counter(name.encode() for name in names)
    assert bench.client.zcard(bench.keys.dead) == 0
    settled(bench, buried=TIMES)


def test_a_switch_stands_where_it_was_put(bench: Bench, unlucky: Unlucky) -> None:
    queue, registry = unlucky.queue, unlucky.registry
    info = WorkerInfo("boot", "host", 1, "0", 1)
    for number in range(TIMES):
        unlucky.twice("pause", queue.pause, "test", "because")
        assert bench.queue.stats().pause is not None
        assert not unlucky.twice("resume", queue.resume)
        assert bench.queue.stats().pause is None
        unlucky.twice("hold", queue.hold, "faces", 60 + number / 1000, "down")
        assert len(bench.queue.stats().holds) == 1
        assert not unlucky.twice("unhold", queue.unhold, "faces")
        queue.hold("faces", 60, "down")
        assert unlucky.twice("served", queue.served, ["faces"], bench.queue.now_ms() + 60_000) == 0
        assert queue.stats().holds == ()
        assert bench.queue.stats().holds == ()
        assert unlucky.twice("register", registry.register, info) is WorkerMode.RUNNING
        unlucky.twice("mode", registry.set_mode, "boot", WorkerMode.QUIET)
        assert unlucky.twice("epitaph", registry.epitaph, "host", 1, "killed by SIGKILL")
        assert [worker.mode for worker in registry.list()] == [WorkerMode.QUIET]
        unlucky.twice("deregister", registry.deregister, "boot")
        assert registry.list() == ()
    assert set(unlucky.lost.values()) == {TIMES}


def test_the_fleet_has_one_holder(bench: Bench, unlucky: Unlucky) -> None:
    fleet, other = FleetLease(unlucky.client), FleetLease(bench.client)
    ada, ben = Claimant("ada", "lomi scale 6", "a"), Claimant("ben", "lomi scale 7", "b")
    for _ in range(TIMES):
        assert unlucky.twice("fleet_take", fleet.take, "token", ada, 60) is None
        assert other.take("other", ben, 60) is not None
        assert unlucky.twice("fleet_keep", fleet.keep, "token", 60)
        assert not unlucky.twice("fleet_leave", fleet.leave, "token"), "the first one has done it"
        assert fleet.tenure() is None


def test_a_note_of_autoscaling_is_written_once(bench: Bench, unlucky: Unlucky) -> None:
    notes, keys = AutoscaleNotes(unlucky.client), bench.keys
    lease = FleetLease(bench.client, at=keys.autoscale_lease)
    assert lease.take("token", Claimant("autoscale", "lomi autoscale", "a"), 600) is None
    for number in range(TIMES):
        entry = {"number": number}
        noted = unlucky.twice("autoscale_note", notes.note, "token", f"note {number}", {"workers": number}, entry)
        assert noted is Noted.NOTED
        assert notes.remembered() == {"workers": number}
        assert [each["number"] for each in notes.entries(2)] == [*range(number, max(-1, number - 2), -1)]


def test_every_script_has_lost_its_thousand_replies() -> None:
    lost = set(re.findall(r'twice\(\s*"(\w+)"', Path(__file__).read_text()))
    assert lost == set(SCRIPTS)
