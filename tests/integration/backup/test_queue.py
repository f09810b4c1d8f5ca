"""The queue as a file and back, on real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from lomi_ops.domain.job import Priority
from lomi_ops.queue.backup import export, pages, plan, write
from lomi_ops.queue.backup.pages import Damaged, Kind, Page
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.replies import Claimed, Empty
from tests.integration.backup.conftest import ODD, Bench, Busy, contents, fill
from tests.integration.queue.conftest import LOST_CONNECTION
from tests.integration.queue.producer import element, job_id
from tests.integration.servers import farm
from tests.services import RedisServer

KEYS = Keys()
BEHIND = ("lease", "slots", "seq:", "worker:", "workers", "tick", "server", "paused", "holds", "limits", "samples")


def saved(client: Any, folder: Path) -> Callable[[], Iterator[Page]]:
    """The whole queue, through a file."""
    path = folder / "queue.jsonl.gz"
    path.write_bytes(b"".join(pages.written(KEYS.ready, export.pages(client, KEYS))))
    return lambda: pages.read(path)


def put_back(client: Any, whole: Callable[[], Iterator[Page]]) -> write.Written:
    return write.put_back(client, KEYS, whole)


def lists(client: Any) -> dict[str, list[bytes]]:
    return {name: client.lrange(name, 0, -1) for name in (KEYS.ready, KEYS.high, KEYS.bulk)}


def state(client: Any, job: str) -> bytes | None:
    found: bytes | None = client.hget(KEYS.job(job), "state")
    return found


def test_what_was_read_comes_out_of_the_file_as_it_was(busy: Busy, tmp_path: Path) -> None:
    read = list(export.pages(busy.bench.client, KEYS))
    path = tmp_path / "queue.jsonl.gz"
    path.write_bytes(b"".join(pages.written(KEYS.ready, read)))

    assert list(pages.read(path)) == read
    assert any(ODD in page.items for page in read)
    assert {page.kind for page in read} == set(Kind)


def test_a_restored_queue_is_byte_for_byte_what_it_was_but_for_what_ran(busy: Busy, tmp_path: Path) -> None:
    client = busy.bench.client
    before, whole = contents(client, KEYS), saved(client, tmp_path)
    client.flushall()

    put_back(client, whole)

    after = contents(client, KEYS)
    changed = {KEYS.ready, KEYS.done, *(KEYS.job(job) for job in (*busy.running, busy.leaving))}
    left = {name for name in before if name.partition("}:")[2].startswith(BEHIND)}
    assert {name: after[name] for name in before.keys() - changed - left - {KEYS.stats}} == {
        name: before[name] for name in before.keys() - changed - left - {KEYS.stats}
    }
    assert after.keys() == before.keys() - left
    assert after[KEYS.ready][: len(busy.ready)] == busy.ready


def test_what_ran_is_next_in_line_and_has_its_attempt_back(busy: Busy, tmp_path: Path) -> None:
    client = busy.bench.client
    elements = [client.hget(KEYS.job(job), "raw") for job in busy.running]
    whole = saved(client, tmp_path)
    client.flushall()

    put_back(client, whole)

    assert client.lrange(KEYS.ready, -2, -1) == [elements[1], elements[0]]
    for job in busy.running:
        record = client.hgetall(KEYS.job(job))
        assert (record[b"state"], record[b"attempt"], record[b"token"]) == (b"ready", b"0", b"")
    assert busy.bench.take("fresh/0").raw == busy.high
    first = busy.bench.take("fresh/1")
    assert (first.job_id, first.attempt) == (busy.running[0], 1)


def test_a_running_job_that_somebody_had_cancelled_is_over(busy: Busy, tmp_path: Path) -> None:
    client = busy.bench.client
    raw = client.hget(KEYS.job(busy.leaving), "raw")
    whole = saved(client, tmp_path)
    client.flushall()

    put_back(client, whole)

    assert state(client, busy.leaving) == b"cancelled"
    assert raw not in client.lrange(KEYS.ready, 0, -1)
    assert client.zscore(KEYS.done, busy.leaving) is not None


def test_every_waiting_job_can_be_worked_off_after_a_restore(busy: Busy, tmp_path: Path) -> None:
    client = busy.bench.client
    whole = saved(client, tmp_path)
    client.flushall()
    put_back(client, whole)
    busy.bench.come_due()

    seen = []
    while not isinstance(reply := busy.bench.claim("fresh/0"), Empty):
        assert isinstance(reply, Claimed)
        seen.append(reply.job_id)
        busy.bench.queue.finish(reply.job_id, reply.token)

    assert {*busy.running, busy.delayed} < set(seen)
    assert len(seen) == len(set(seen)) == len(set(busy.ready)) + len(busy.running) + 3
    assert lists(client) == {KEYS.ready: [], KEYS.high: [], KEYS.bulk: []}


def test_records_keep_what_was_left_of_their_life(bench: Bench, tmp_path: Path) -> None:
    bench.push(element())
    job = bench.take()
    bench.queue.finish(job.job_id, job.token)
    left = bench.client.pttl(KEYS.job(job.job_id))
    whole = saved(bench.client, tmp_path)
    bench.client.flushall()

    put_back(bench.client, whole)

    assert 0 < bench.client.pttl(KEYS.job(job.job_id)) <= left
    assert bench.client.ttl(KEYS.results) == -1


def test_a_second_time_adds_nothing(busy: Busy, tmp_path: Path) -> None:
    client = busy.bench.client
    whole = saved(client, tmp_path)
    client.flushall()
    put_back(client, whole)
    once = contents(client, KEYS)

    again = put_back(client, whole)

    assert contents(client, KEYS) == once
    assert (again.elements, again.records) == (0, 0)


@pytest.mark.parametrize("stop", [1, 4, 8, 12, 16, 20, 24, 26])
def test_a_restore_that_was_killed_is_simply_done_again(
    busy: Busy, tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = busy.bench.client
    whole = saved(client, tmp_path)
    client.flushall()
    put_back(client, whole)
    once = contents(client, KEYS)
    client.flushall()
    everything = list(plan.restored(whole, KEYS))
    assert stop < len(everything)
    with monkeypatch.context() as patch:
        patch.setattr(plan, "restored", lambda *_: iter(everything[:stop]))
        put_back(client, whole)
    assert contents(client, KEYS) != once

    put_back(client, whole)

    assert contents(client, KEYS) == once


def test_jobs_that_came_after_the_loss_stay_and_come_after_the_restored_ones(busy: Busy, tmp_path: Path) -> None:
    client = busy.bench.client
    whole = saved(client, tmp_path)
    client.flushall()
    fresh = [element(), element()]
    busy.bench.push(*fresh)
    running = busy.bench.take("other/0")

    done = put_back(client, whole)

    waiting = client.lrange(KEYS.ready, 0, -1)
    assert waiting[0] == fresh[1]
    assert waiting[1 : 1 + len(busy.ready)] == busy.ready
    assert state(client, running.job_id) == b"running"
    assert done.kept == 0
    assert [entry[1][b"event"] for entry in client.xrange(KEYS.events)][-1] == b"running"
    assert len(client.xrange(KEYS.events)) > 10


def test_a_job_whose_story_went_on_is_not_brought_back(bench: Bench, tmp_path: Path) -> None:
    """The queue was not lost after all: the backup's element of a job that is done by now must not run again."""
    raw, other = element(), element()
    bench.push(raw, other)
    whole = saved(bench.client, tmp_path)
    job = bench.take()
    bench.queue.finish(job.job_id, job.token)
    before = contents(bench.client, KEYS)

    put_back(bench.client, whole)

    assert contents(bench.client, KEYS) == before
    assert lists(bench.client)[KEYS.ready] == [other]


def test_a_queue_that_only_old_workers_know_is_saved_and_restored(bench: Bench, tmp_path: Path) -> None:
    elements = [element() for _ in range(700)]
    bench.push(*elements)
    whole = saved(bench.client, tmp_path)
    bench.client.flushall()

    put_back(bench.client, whole)

    assert bench.client.lrange(KEYS.ready, 0, -1) == elements[::-1]
    assert list(contents(bench.client, KEYS)) == [KEYS.ready]


Step = Callable[[Bench, int], None]


def _pushes(bench: Bench, step: int) -> None:
    bench.push(element(), element(), element())


def _taken(bench: Bench, step: int) -> Claimed | None:
    """By a slot of its own; None when nothing waits any more."""
    reply = bench.claim(f"boot/{step}")
    return reply if isinstance(reply, Claimed) else None


def _claims(bench: Bench, step: int) -> None:
    _taken(bench, step)


def _finishes(bench: Bench, step: int) -> None:
    if job := _taken(bench, step):
        bench.queue.finish(job.job_id, job.token)


def _claims_and_gives_back(bench: Bench, step: int) -> None:
    job = _taken(bench, step)
    if job and step % 2:
        bench.queue.release(job.job_id, job.token)


def _retries(bench: Bench, step: int) -> None:
    if job := _taken(bench, step):
        bench.queue.fail(job, LOST_CONNECTION)
    if step % 3 == 0:
        bench.come_due()


@pytest.mark.parametrize("act", [_pushes, _claims, _finishes, _claims_and_gives_back, _retries])
def test_no_job_is_missed_while_workers_and_producers_go_on(bench: Bench, tmp_path: Path, act: Step) -> None:
    """Between any two pages something happens; every job that was there at the beginning is in the file."""
    elements = [element() for _ in range(300)]
    for at, raw in enumerate(elements):
        bench.queue.submit(raw, Priority.BULK) if at % 10 == 0 else bench.push(raw)
    read = []
    for step, page in enumerate(export.pages(bench.client, KEYS)):
        read.append(page)
        act(bench, step)
    over = {name for name in map(job_id, elements) if state(bench.client, name) == b"done"}
    bench.client.flushall()

    put_back(bench.client, lambda: iter(read))

    bench.come_due()
    seen = set()
    while not isinstance(reply := bench.claim("fresh/0"), Empty):
        assert isinstance(reply, Claimed)
        seen.add(reply.job_id)
        bench.queue.finish(reply.job_id, reply.token)
    assert set(map(job_id, elements)) - seen <= over
    assert len(read) > 10


def test_a_job_that_is_given_back_after_its_list_was_read_is_not_missed(bench: Bench) -> None:
    """In hand while the list is read, in the list again when its record is read."""
    elements = [element() for _ in range(100)]
    bench.push(*elements)
    taken: list[Claimed] = []
    read = []
    for page in export.pages(bench.client, KEYS):
        read.append(page)
        if page.key == KEYS.ready and not taken:
            taken = [bench.take(f"boot/{number}") for number in range(3)]
            bench.queue.submit(element(priority=2), Priority.HIGH)
        if page.key == KEYS.high:
            for job in taken:
                bench.queue.release(job.job_id, job.token)
    listed = [item for page in read if page.key == KEYS.ready for item in page.items]
    assert len(listed) == len(elements) - len(taken)
    bench.client.flushall()

    put_back(bench.client, lambda: iter(read))

    assert sorted(bench.client.lrange(KEYS.ready, 0, -1)) == sorted(elements)


@pytest.mark.parametrize(
    ("state", "time", "index"), [(b"delayed", b"due_ms", "delayed"), (b"dead", b"dead_ms", "dead")]
)
def test_a_job_whose_place_was_read_before_it_came_there_is_put_there(
    bench: Bench, state: bytes, time: bytes, index: str
) -> None:
    """Sorted sets and records are read at different moments: what the record says holds."""
    raw = element()
    record = Page(KEYS.job(job_id(raw)), Kind.HASH, ((b"state", state), (b"raw", raw), (time, b"4102444800000")))
    other = Page(getattr(KEYS, index), Kind.ZSET, ((b"gone-since", 5.0),))

    put_back(bench.client, lambda: iter([other, record]))

    assert bench.client.zrange(getattr(KEYS, index), 0, -1, withscores=True) == [
        (job_id(raw).encode(), 4102444800000.0)
    ]


def test_a_delayed_job_that_is_done_by_now_is_not_delayed_again(bench: Bench, tmp_path: Path) -> None:
    bench.push(element(), element())
    gone, still = bench.take("boot/0"), bench.take("boot/1")
    bench.queue.fail(gone, LOST_CONNECTION)
    bench.queue.fail(still, LOST_CONNECTION)
    whole = saved(bench.client, tmp_path)
    bench.client.zadd(KEYS.delayed, {gone.job_id: 1})
    again = bench.take()
    bench.queue.finish(again.job_id, again.token)
    bench.client.delete(KEYS.job(still.job_id), KEYS.delayed)

    put_back(bench.client, whole)

    assert bench.client.zrange(KEYS.delayed, 0, -1) == [still.job_id.encode()]
    assert state(bench.client, gone.job_id) == b"done"


def test_a_push_while_a_list_is_read_shows_no_element_twice(bench: Bench) -> None:
    elements = [element() for _ in range(400)]
    bench.push(*elements)
    read: list[bytes] = []
    for page in export.pages(bench.client, KEYS):
        read += page.items
        bench.push(element())

    assert read == elements[::-1]


def test_a_file_that_was_cut_short_or_changed_is_noticed(busy: Busy, tmp_path: Path) -> None:
    saved(busy.bench.client, tmp_path)
    path = tmp_path / "queue.jsonl.gz"
    good = path.read_bytes()
    half = bytearray(good)
    half[len(good) // 2] ^= 0xFF

    for bad in (good[:-9], good[: len(good) // 2], bytes(half), b"", b"no gzip"):
        path.write_bytes(bad)
        with pytest.raises(Damaged):
            list(pages.read(path))


@pytest.fixture(scope="module", params=farm.ALL)
def source(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with farm.running(request.param) as running:
        yield running


@pytest.fixture(scope="module", params=farm.ALL)
def target(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with farm.running(request.param) as running:
        yield running


def test_what_one_kind_of_server_held_any_other_takes(source: RedisServer, target: RedisServer, tmp_path: Path) -> None:
    with redis.Redis.from_url(source.url) as one, redis.Redis.from_url(target.url) as other:
        one.flushall()
        bench = Bench(source.url)
        busy = fill(bench)
        whole = saved(one, tmp_path)
        other.flushall()

        put_back(other, whole)

        assert other.lrange(KEYS.ready, 0, len(busy.ready) - 1) == busy.ready
        expected = plan.likenesses(plan.restored(whole, KEYS), KEYS)
        assert plan.likenesses(export.pages(other, KEYS), KEYS) == expected
        bench.close()


def test_two_queues_that_differ_in_one_byte_do_not_look_alike(busy: Busy, tmp_path: Path) -> None:
    client = busy.bench.client
    whole = saved(client, tmp_path)
    client.flushall()
    put_back(client, whole)
    expected = plan.likenesses(plan.restored(whole, KEYS), KEYS)
    assert plan.likenesses(export.pages(client, KEYS), KEYS) == expected

    client.hset(KEYS.job(busy.dead), "error", "something else")
    assert _differences(client, expected) == {plan.RECORDS}
    client.lset(KEYS.ready, 0, busy.ready[0] + b" ")
    assert _differences(client, expected) == {plan.RECORDS, KEYS.ready}
    first, second = client.lrange(KEYS.ready, -2, -1)
    client.lset(KEYS.ready, 0, busy.ready[0])
    client.lset(KEYS.ready, -1, first)
    client.lset(KEYS.ready, -2, second)
    assert _differences(client, expected) == {plan.RECORDS, KEYS.ready}
    client.zadd(KEYS.delayed, {busy.delayed: 1})
    assert _differences(client, expected) == {plan.RECORDS, KEYS.ready, KEYS.delayed}


def _differences(client: Any, expected: dict[str, plan.Likeness]) -> set[str]:
    found = plan.likenesses(export.pages(client, KEYS), KEYS)
    return {key for key in expected if expected[key] != found.get(key)}
