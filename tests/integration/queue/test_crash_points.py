"""Every point where a crash could hurt, and every crash there: afterwards each job has ended once, with one effect.

A real worker runs behind a tap on its way to Redis and one on its way to Postgres. The tap stops it at the named point,
on the wire: the request of one script, or the commit of the ledger. There somebody dies, or the request or its answer
gets lost. Then the survivors, or a second worker, go on.
"""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from lomi_ops.db import outbox
from lomi_ops.db.pool import Database
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.decision import PhotoDecision, ResultMessage
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.queue.replies import Claimed, JobState
from tests.integration.queue.crashing import (
    HELD_MS,
    KEYS,
    PATIENCE_S,
    SLOW_MS,
    Case,
    Crash,
    Job,
    Site,
    open_site,
    until,
)
from tests.integration.queue.tap import Moment, Trap
from tests.integration.queue.victim import OP, say, start_operator


@pytest.fixture(scope="module")
def long_lived() -> Iterator[Site]:
    with open_site() as made:
        yield made


@pytest.fixture
def site(long_lived: Site) -> Site:
    long_lived.clear()
    return long_lived


Scene = Callable[[Case], Trap]


# --- the points -------------------------------------------------------------------------------------------------------


def register(case: Case) -> Trap:
    trap = case.at_script("register")
    case.job()
    case.work()
    return trap


def claim(case: Case) -> Trap:
    case.work()
    until(lambda: case.said("worker_ready"))
    job = case.job(push=False)
    return case.at_script("claim", prepare=lambda: case.site.push(job))


def beat(case: Case) -> Trap:
    job = case.job(look_ms=SLOW_MS)
    trap = case.at_script("beat", job.id.encode())
    case.work()
    return trap


def finish(case: Case) -> Trap:
    job = case.job()
    trap = case.at_script("advance", job.id.encode())
    case.work()
    return trap


def fail_and_retry(case: Case) -> Trap:
    """The rows are committed later than the job is pushed, and before its next attempt, however soon that comes."""
    job = case.job(rows=False, attempts=2)
    trap = case.at_script("fail", job.id.encode(), b"rows_missing", prepare=lambda: case.site.insert(job))
    case.work()
    return trap


def fail_for_good(case: Case) -> Trap:
    job = case.job(rows=False, poison=True)
    trap = case.at_script("fail", job.id.encode(), b"bury")
    case.work()
    return trap


def fail_in_bad_weather(case: Case) -> Trap:
    return _without_postgres(case, lambda job: case.at_script("fail", job.id.encode()))


def hold(case: Case) -> Trap:
    return _without_postgres(case, lambda job: case.at_script("hold", b"postgres"))


def _without_postgres(case: Case, trap_for: Callable[[Job], Trap]) -> Trap:
    case.work()
    until(lambda: case.said("worker_ready"))
    job = case.job(push=False)
    trap = trap_for(job)
    case.site.postgres_tap.refuse()
    case.later.append(lambda: setattr(case.site.postgres_tap, "refusing", False))
    case.site.push(job)
    return trap


def release(case: Case) -> Trap:
    """Told twice to go, with a job in hand. It says so once: where that is lost, the lease runs out as it is."""
    unheard = case.moment is Moment.BEFORE and case.crash in (Crash.LOST_REQUEST, Crash.REDIS)
    job = case.job(look_ms=HELD_MS, attempts=1 + unheard)  # longer than two signals take on a busy machine
    trap = case.at_script("release", job.id.encode())
    case.work()
    until(lambda: case.site.client.zcard(KEYS.lease))
    case.signal(signal.SIGTERM)
    until(lambda: case.said("drain"))
    case.signal(signal.SIGTERM)
    return trap


def deregister(case: Case) -> Trap:
    case.work()
    until(lambda: case.said("worker_ready"))
    trap = case.at_script("deregister")
    case.job(look_ms=SLOW_MS)
    until(lambda: case.site.client.zcard(KEYS.lease))
    case.signal(signal.SIGTERM)
    return trap


def reap(case: Case) -> Trap:
    """Another worker died with a job in hand."""
    job = case.job(attempts=2)
    held = case.site.queue.claim("ghost/0", 1, "token", 60)
    assert isinstance(held, Claimed)
    case.work()
    until(lambda: case.said("worker_ready"))

    def it_runs_out() -> None:
        client = case.site.client
        client.set(KEYS.server, f"{client.info('server')['run_id']}|1")
        client.delete(KEYS.tick)
        client.zadd(KEYS.lease, {job.id: 1})

    # The look that is held back is the one that takes the lease: a tick of 50 ms is over while it is away.
    return case.at_script("upkeep", prepare=it_runs_out)


def relay(case: Case) -> Trap:
    site = case.site
    site.subscriber.leave(60)
    until(lambda: not site.somebody_listens())
    case.job()
    case.work()
    until(lambda: site.client.zcard(KEYS.unsent))

    def somebody_comes() -> None:
        site.subscriber.leave(0)
        until(site.somebody_listens)

    return case.at_script("upkeep", prepare=somebody_comes)


def announce(case: Case) -> Trap:
    """A person's decision has come due."""
    decision = PhotoDecision(uuid.uuid4(), MediaStatus.APPROVED, None, {})
    message = ResultMessage(str(uuid.uuid4()), uuid.uuid4(), uuid.uuid4(), 77, (decision,))
    with Database(case.site.postgres.url) as db, db.transaction() as session:
        outbox.put_on(session, message, due_at=datetime.now(UTC) - timedelta(seconds=1))
    case.messages.append(message.job_id)
    case.later.append(lambda: _claimed_long_ago(case))
    trap = case.at_script("announce", message.job_id.encode())
    case.work()
    return trap


def _claimed_long_ago(case: Case) -> None:
    """Whoever claimed the message and never marked it is given up after a minute."""
    with psycopg.connect(case.site.postgres.url) as connection:
        connection.execute("UPDATE lomi.outbox SET claimed_at = claimed_at - interval '2 minutes'")


def commit(case: Case) -> Trap:
    trap = case.at_commit()
    case.job()
    case.work()
    return trap


POINTS: tuple[Scene, ...] = (
    register, claim, beat, finish, fail_and_retry, fail_for_good, fail_in_bad_weather, hold, release, deregister, reap,
    relay, announce, commit,
)  # fmt: skip
CRASHES = (
    (Crash.KILL, Moment.BEFORE), (Crash.KILL, Moment.AFTER), (Crash.LOST_REQUEST, Moment.BEFORE),
    (Crash.LOST_REPLY, Moment.AFTER), (Crash.REDIS, Moment.BEFORE), (Crash.REDIS, Moment.AFTER),
    (Crash.POSTGRES, Moment.BEFORE), (Crash.POSTGRES, Moment.AFTER),
)  # fmt: skip


@pytest.mark.parametrize("scene", POINTS, ids=lambda scene: scene.__name__)
@pytest.mark.parametrize(("crash", "moment"), CRASHES, ids=lambda word: word.value)
def test_a_crash_at_any_point_costs_no_job_and_doubles_no_effect(
    site: Site, scene: Scene, crash: Crash, moment: Moment
) -> None:
    case = Case(site, crash, moment)
    trap = scene(case)

    case.recover(trap)

    case.check()


# --- an operator's verbs ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deed:
    """What an operator does to a job, where it is interrupted, and how the job must end."""

    verb: str
    script: str
    prepare: Callable[[Site, Job], tuple[Any, ...]]
    """Brings the job to where it can be done; the arguments of the verb."""
    ends: JobState


def _nothing(site: Site, job: Job) -> tuple[Any, ...]:
    return (job.raw,)


def _waits(site: Site, job: Job) -> tuple[Any, ...]:
    site.push(job)
    return (job.id,)


def _runs(site: Site, job: Job) -> tuple[Any, ...]:
    site.push(job)
    assert isinstance(site.queue.claim("boot/0", 1, "token", 60), Claimed)
    return (job.id,)


def _is_delayed(site: Site, job: Job) -> tuple[Any, ...]:
    return _failed(site, job, Failure(ErrorClass.OUTAGE, "down", "faces are down", 600))


def _is_dead(site: Site, job: Job) -> tuple[Any, ...]:
    return _failed(site, job, Failure(ErrorClass.POISON, "not_json", "no JSON object"))


def _failed(site: Site, job: Job, failure: Failure) -> tuple[Any, ...]:
    site.push(job)
    held = site.queue.claim("boot/0", 1, "token", 60)
    assert isinstance(held, Claimed)
    site.queue.fail(held, failure)
    return (job.id,)


DEEDS = {
    "submit": Deed("submit", "submit", _nothing, JobState.DONE),
    "cancel one that waits": Deed("cancel_one", "cancel", _waits, JobState.CANCELLED),
    "cancel one that runs": Deed("cancel_one", "cancel", _runs, JobState.CANCELLED),
    "cancel one that is delayed": Deed("cancel_one", "cancel", _is_delayed, JobState.CANCELLED),
    "plan a retry": Deed("retry", "op_open", _is_dead, JobState.DONE),
    "retry": Deed("retry", "op_act", _is_dead, JobState.DONE),
    "retry what is delayed": Deed("retry", "op_act", _is_delayed, JobState.DONE),
    "delete": Deed("delete", "op_act", _is_dead, JobState.CANCELLED),
    "cancel what waits": Deed("cancel", "op_act", _waits, JobState.CANCELLED),
    "cancel what runs": Deed("cancel", "op_act", _runs, JobState.CANCELLED),
}


@pytest.mark.parametrize("what", DEEDS)
@pytest.mark.parametrize(("crash", "moment"), CRASHES[:6], ids=lambda word: word.value)
def test_an_operator_who_crashes_and_says_it_again_has_said_it_once(
    site: Site, what: str, crash: Crash, moment: Moment
) -> None:
    deed, case = DEEDS[what], Case(site, crash, moment)
    job = case.job(push=False)
    arguments = deed.prepare(site, job)
    trap = case.at_script(deed.script, (OP if deed.script == "op_act" else job.id).encode())
    case.victim = start_operator(site.settings()["redis"]["url"], deed.verb, arguments)

    until(trap.sprung.is_set)
    case.victim.join(PATIENCE_S)
    assert case.victim.exitcode != 0, "it cannot have had an answer"
    if crash is Crash.REDIS:
        site.redis.start()
    say(site.queue, deed.verb, arguments)
    case.expire()  # of whoever held the job
    case.work()
    until(case.quiet)
    case.leave()

    record = site.queue.job(job.id)
    assert record is not None
    assert record.state is deed.ends
    case.check() if deed.ends is JobState.DONE else case.check_undone(job)
