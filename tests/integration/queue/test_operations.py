"""Operations on many jobs: planned as a whole, done in steps, undone in steps, whoever dies in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lomi_ops.domain.job import Priority
from lomi_ops.domain.job_filter import parse
from lomi_ops.domain.job_state import JobState
from lomi_ops.errors import Conflict, NotFound
from lomi_ops.queue import entries
from lomi_ops.queue.operations import STEP, Operations, OperationState, Order, Verb
from lomi_ops.queue.replies import Cancelled, Claimed, Done, Empty
from lomi_ops.queue.workers import WorkerInfo, WorkerRegistry
from tests.integration.queue.conftest import LOST_CONNECTION, OUTAGE, POISON, Bench
from tests.integration.queue.producer import element, job_id
from tests.operating import dead_letters, retry


@pytest.fixture
def operations(bench: Bench) -> Operations:
    return Operations(bench.client)


def order(op: str, verb: Verb, **more: Any) -> Order:
    return Order(op, verb, "ada", "because", "state:dead", **more)


def ids(bench: Bench, text: str) -> list[str]:
    return [job.job_id for job in entries.find(bench.client, bench.keys, parse([text]), ordered=False)]


def run(operations: Operations, op: str, verb: Verb, job_ids: list[str], **more: Any) -> None:
    operations.open(order(op, verb, **more), job_ids)
    while operations.step(op).state is OperationState.RUNNING:
        pass


def undo(operations: Operations, op: str) -> tuple[int, int]:
    while (now := operations.undo_step(op, "ada")).state is OperationState.UNDOING:
        pass
    return now.done, now.skipped


def dead(bench: Bench, number: int = 1) -> list[str]:
    names = []
    for _ in range(number):
        bench.push(element())
        held = bench.take()
        bench.queue.fail(held, POISON)
        names.append(held.job_id)
    return names


def picture(bench: Bench) -> Mapping[str, Any]:
    """All that an undo promises to bring back: every record and every index, but for lists, which may hold copies."""
    keys = bench.keys
    found: dict[str, Any] = {}
    for name in bench.client.keys(keys.job_prefix + "*"):
        record = bench.client.hgetall(name)
        found[name.decode()] = {key: value for key, value in record.items() if key not in (b"token", b"cancel")}
    for name in (keys.delayed, keys.dead, keys.lease):
        found[name] = dict(bench.client.zrange(name, 0, -1, withscores=True))
    found[keys.slots] = bench.client.hgetall(keys.slots)
    return found


def runnable(bench: Bench) -> set[str]:
    """What workers would be handed from now on, until nothing is left."""
    found: set[str] = set()
    for number in range(10_000):
        reply = bench.claim(f"drain/{number}")
        if isinstance(reply, Claimed):
            found.add(reply.job_id)
        elif isinstance(reply, Empty) and reply.wait_s != 0:
            return found
    raise AssertionError("the queue does not end")


def test_dead_letters_are_tried_again_with_all_their_attempts(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 3)
    run(operations, "op", Verb.RETRY, names)
    assert operations.get("op").done == 3
    assert (bench.queue.stats().dead, bench.queue.stats().waiting) == (0, 3)
    assert {bench.take(f"b/{n}").attempt for n in range(3)} == {1}


def test_a_delayed_job_is_tried_now(bench: Bench, operations: Operations) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.fail(held, OUTAGE)
    run(operations, "op", Verb.RETRY, [held.job_id])
    again = bench.take()
    assert (again.job_id, again.setbacks) == (held.job_id, 1)


def test_a_deleted_dead_letter_never_runs_again_and_its_copy_is_dropped(bench: Bench, operations: Operations) -> None:
    (name,) = dead(bench)
    raw = bench.client.hget(bench.keys.job(name), "raw")
    run(operations, "op", Verb.DELETE, [name])
    assert dead_letters(bench.queue) == ()
    bench.push(raw)
    assert runnable(bench) == set()


def test_what_is_deleted_for_good_leaves_nothing_and_is_not_undone(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 2)
    run(operations, "op", Verb.DELETE, names, for_good=True)
    assert [bench.client.exists(bench.keys.job(name)) for name in names] == [0, 0]
    assert undo(operations, "op") == (0, 0)
    assert operations.get("op").state is OperationState.FINISHED


def test_a_waiting_job_that_no_worker_has_seen_is_cancelled_and_put_back(bench: Bench, operations: Operations) -> None:
    raw = element()
    bench.push(raw)
    run(operations, "op", Verb.CANCEL, [job_id(raw)])
    assert ids(bench, "state:ready") == []
    assert ids(bench, "state:cancelled") == [job_id(raw)]
    assert undo(operations, "op") == (1, 0)
    assert bench.client.llen(bench.keys.ready) == 1
    assert bench.take().raw == raw


def test_a_cancelled_job_is_put_back_although_a_claim_has_dropped_its_element(
    bench: Bench, operations: Operations
) -> None:
    raw = element()
    bench.push(raw)
    run(operations, "op", Verb.CANCEL, [job_id(raw)])
    assert isinstance(bench.claim(), Empty)
    assert bench.client.llen(bench.keys.ready) == 0
    assert undo(operations, "op") == (1, 0)
    assert bench.take().raw == raw


def test_a_running_job_is_cancelled_with_its_next_beat_and_can_be_put_back(
    bench: Bench, operations: Operations
) -> None:
    bench.push(element(), element())
    first, second = bench.take("b/0"), bench.take("b/1")
    run(operations, "op", Verb.CANCEL, [first.job_id, second.job_id])
    assert bench.queue.release(first.job_id, first.token) == Cancelled()
    assert undo(operations, "op") == (2, 0)
    assert bench.queue.finish(second.job_id, second.token, b"x") == Done(0)
    again = bench.take("b/2")
    assert (again.job_id, again.raw, again.attempt) == (first.job_id, first.raw, 1)


def test_jobs_that_have_moved_on_are_skipped_and_counted(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 3)
    operations.open(order("op", Verb.DELETE), names)
    retry(bench.queue, names[1])
    assert operations.step("op").skipped == 1
    assert operations.get("op").done == 2
    assert runnable(bench) == {names[1]}


def test_an_undo_leaves_alone_what_has_been_started_since(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 3)
    run(operations, "op", Verb.RETRY, names)
    held = bench.take()
    assert undo(operations, "op") == (2, 1)
    assert bench.queue.finish(held.job_id, held.token, b"x") == Done(0)
    assert set(ids(bench, "state:dead")) == set(names) - {held.job_id}
    assert runnable(bench) == set(), "what lies in the list of those that were put back is a copy"


def test_two_operators_at_once_share_the_jobs_between_them(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 250)
    operations.open(order("retry", Verb.RETRY), names)
    operations.open(order("delete", Verb.DELETE), names[::-1])
    while OperationState.RUNNING in {operations.step("retry").state, operations.step("delete").state}:
        pass
    retried, deleted = operations.get("retry"), operations.get("delete")
    assert retried.done + deleted.done == 250
    assert (retried.skipped, deleted.skipped) == (250 - retried.done, 250 - deleted.done)
    assert min(retried.done, deleted.done) >= 50
    assert len(runnable(bench)) == retried.done


def test_two_people_may_continue_the_same_operation(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 250)
    operations.open(order("op", Verb.RETRY), names)
    other = Operations(bench.client)
    while OperationState.RUNNING in {operations.step("op").state, other.step("op").state}:
        pass
    assert (operations.get("op").done, operations.get("op").skipped) == (250, 0)


def test_an_operation_touches_nothing_before_its_plan_is_whole(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 3)
    operations._scripts.run(  # killed after the first part of the plan
        "op_open",
        [bench.keys.op("op"), bench.keys.op_plan("op")],
        ["op", 1000, 0, 3, "delete", "normal", 0, "ada", "", "f", *names[:2]],
    )
    assert operations.step("op").state is OperationState.PLANNING
    assert operations.undo_step("op", "ada").state is OperationState.PLANNING
    assert bench.queue.stats().dead == 3


def test_opening_again_after_a_lost_reply_adds_nothing(bench: Bench, operations: Operations) -> None:
    names = dead(bench, 3)
    operations.open(order("op", Verb.RETRY), names)
    operations.open(order("op", Verb.RETRY), names)
    assert operations.step("op").done == 3
    with pytest.raises(Conflict, match="finished"):
        operations.open(order("op", Verb.RETRY), names)


def test_a_step_is_bounded(bench: Bench, operations: Operations) -> None:
    names = dead(bench, STEP + 1)
    operations.open(order("op", Verb.RETRY), names)
    assert (operations.step("op").left, operations.step("op").left) == (1, 0)


def test_an_unknown_operation_is_said_to_be_unknown(operations: Operations) -> None:
    for ask in (operations.get, operations.step, lambda op: operations.undo_step(op, "ada")):
        with pytest.raises(NotFound, match="no operation 1126-0000-dead"):
            ask("1126-0000-dead")


def test_everything_about_an_operation_goes_away_by_itself(bench: Bench, operations: Operations) -> None:
    names = dead(bench, STEP + 1)
    operations.open(order("op", Verb.DELETE), names)
    operations.step("op")
    keys = [bench.keys.op("op"), bench.keys.op_plan("op"), bench.keys.op_log("op"), bench.keys.job(names[0])]
    assert all(0 < bench.client.pttl(key) <= 7 * 86400 * 1000 for key in keys)


def test_an_undo_leaves_alone_what_was_started_since_and_waits_again(bench: Bench, operations: Operations) -> None:
    (name,) = dead(bench)
    run(operations, "op", Verb.RETRY, [name])
    held = bench.take()
    bench.expire(name)
    bench.reap()
    assert undo(operations, "op") == (0, 1)
    assert bench.take("b/1").job_id == name
    assert held.attempt == 1
    record = bench.queue.job(name)
    assert record is not None
    assert (record.attempt, record.crashes) == (2, 1)


def test_an_undo_leaves_alone_what_somebody_has_cancelled_since(bench: Bench, operations: Operations) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.fail(held, OUTAGE)
    run(operations, "op", Verb.RETRY, [held.job_id])
    bench.queue.cancel(held.job_id)
    assert undo(operations, "op") == (0, 1)
    bench.come_due()
    assert runnable(bench) == set()


def test_a_running_job_that_was_cancelled_can_be_put_back_for_as_long_as_any_other(
    bench: Bench, operations: Operations
) -> None:
    bench.push(element(), element(), element())
    released, failed, reaped = (bench.take(f"b/{number}") for number in range(3))
    names = [released.job_id, failed.job_id, reaped.job_id]
    run(operations, "op", Verb.CANCEL, names)
    bench.queue.release(released.job_id, released.token)
    bench.queue.fail(failed, POISON)
    bench.expire(reaped.job_id)
    bench.reap()
    assert [bench.client.ttl(bench.keys.job(name)) > 6.9 * 86400 for name in names] == [True] * 3


def test_the_record_of_a_waiting_job_that_was_put_back_lives_as_long_as_before(
    bench: Bench, operations: Operations
) -> None:
    first, second = element(), element()
    bench.queue.submit(first, Priority.BULK)
    bench.queue.submit(second, Priority.BULK)
    assert bench.client.lrange(bench.keys.ready, 0, -1) == [first], "nobody was there to yield to"
    run(operations, "op", Verb.CANCEL, [job_id(first), job_id(second)])
    undo(operations, "op")
    in_ready, in_bulk = (bench.client.ttl(bench.keys.job(job_id(raw))) for raw in (first, second))
    assert 6.9 * 86400 < in_ready <= 7 * 86400
    assert in_bulk == -1


def test_an_undo_takes_back_only_its_own_cancel_of_a_running_job(bench: Bench, operations: Operations) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.cancel(held.job_id)
    run(operations, "op", Verb.CANCEL, [held.job_id])
    assert (operations.get("op").done, operations.get("op").skipped) == (0, 1)
    undo(operations, "op")
    assert bench.queue.release(held.job_id, held.token) == Cancelled()


def test_the_history_hears_of_a_delayed_job_that_was_put_back(bench: Bench, operations: Operations) -> None:
    bench.push(element())
    held = bench.take()
    bench.queue.fail(held, OUTAGE)
    run(operations, "op", Verb.CANCEL, [held.job_id])
    undo(operations, "op")
    assert [each.what for each in bench.queue.ended()] == ["cancelled", "undone"]


def build(bench: Bench, recipe: list[str]) -> None:
    """Jobs in every state that an operator can meet."""
    for number, what in enumerate(recipe):
        bench.push(element())
        if what == "ready":
            continue
        if what == "retried":
            held = bench.take(f"x/{number}")
            bench.queue.fail(held, LOST_CONNECTION)
            bench.come_due()
            bench.reap()
            continue
        held = bench.take(f"x/{number}")
        if what != "running":
            bench.queue.fail(held, {"dead": POISON, "delayed": OUTAGE}[what])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    recipe=st.lists(st.sampled_from(["ready", "retried", "running", "dead", "delayed"]), max_size=8),
    verb=st.sampled_from(Verb),
    steps=st.integers(0, 3),
)
def test_what_was_done_and_undone_is_as_it_was_and_no_job_is_lost(
    redis_url: str, recipe: list[str], verb: Verb, steps: int
) -> None:
    bench = Bench(redis_url)
    bench.client.flushall()
    build(bench, recipe)
    operations = Operations(bench.client)
    before = picture(bench)
    wanted = parse([]).within(verb.acts_on)
    named = [job.job_id for job in entries.find(bench.client, bench.keys, wanted, ordered=False)]
    alive = {job.job_id for job in entries.find(bench.client, bench.keys, parse(["state:ready"]), ordered=False)}

    operations.open(order("op", verb), named)
    for _ in range(steps):
        operations.step("op")
    assert undo(operations, "op") == (min(len(named), steps * STEP), 0)

    assert picture(bench) == before
    assert runnable(bench) == alive
    bench.close()


# --- looking ----------------------------------------------------------------------------------------------------------


def test_jobs_are_found_by_what_is_known_of_them(bench: Bench) -> None:
    WorkerRegistry(bench.client).register(WorkerInfo("boot-1", "web-3", 77, "0.1", 1))
    raw = element(user_id="5f0c0000-0000-4000-8000-000000000000")
    bench.push(raw)
    held = bench.take("boot-1/0")
    bench.push(b"not json", element(created_at=None))
    for text in ("worker:web-3", "worker:web-3/77", "worker:boot-1", "user:5f0c*", "state:running", "held<1m"):
        assert ids(bench, text) == [held.job_id], text
    assert len(ids(bench, "state:ready")) == 2
    assert len(ids(bench, "state:ready age>1h")) == 0
    bench.queue.fail(held, POISON)
    assert ids(bench, "error:not_json") == [held.job_id]
    assert ids(bench, "error:poison state:dead") == [held.job_id]
    assert ids(bench, "died<1m") == [held.job_id]


def test_each_job_is_found_once_whatever_lies_in_the_list_twice(bench: Bench) -> None:
    raw = element()
    bench.push(raw, raw, raw)
    bench.take("b/0")
    assert ids(bench, "state:ready") == []
    assert ids(bench, "") == [job_id(raw)]


@pytest.mark.parametrize("state", [JobState.READY, JobState.DEAD, JobState.DELAYED])
def test_more_jobs_than_a_page_are_all_found_in_both_ways(bench: Bench, state: JobState) -> None:
    names = []
    for _ in range(450):
        bench.push(raw := element())
        names.append(job_id(raw))
        if state is not JobState.READY:
            bench.queue.fail(bench.take(), POISON if state is JobState.DEAD else OUTAGE)
    for ordered in (True, False):
        found = [
            job.job_id for job in entries.find(bench.client, bench.keys, parse([f"state:{state}"]), ordered=ordered)
        ]
        assert sorted(found) == sorted(names)
    if state is not JobState.DELAYED:
        bench.client.zincrby(bench.keys.dead, 1, names[-1])
        listed = entries.find(bench.client, bench.keys, parse([f"state:{state}"]), ordered=True)
        assert next(listed).job_id == names[0 if state is JobState.READY else -1]
