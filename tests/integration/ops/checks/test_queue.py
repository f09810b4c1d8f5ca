"""Each check of the queue with a queue of which just that is wrong."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Claimed
from tests.integration.ops.checks.conftest import Find, assert_only, detail, hint, value
from tests.integration.ops.conftest import Sound, troubled
from tests.integration.ops.old_cluster import QUEUE

HOUR_MS = 3600 * 1000


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield JobQueue(client, attempts=1)
    client.close()


def job(sound: Sound, *, ago: timedelta = timedelta()) -> str:
    return sound.cluster.job(uuid.uuid4(), [uuid.uuid4()], ago=ago)


def claimed(sound: Sound, queue: JobQueue) -> Claimed:
    sound.cluster.push(job(sound))
    held = queue.claim("b1/0", 1, "t1")
    assert isinstance(held, Claimed)
    return held


def milliseconds(client: redis.Redis) -> int:
    seconds, micros = client.time()
    return int(seconds) * 1000 + int(micros) // 1000


# --- what is in it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "put"),
    [
        (QUEUE, lambda client, key: client.set(key, "x")),
        (QUEUE, lambda client, key: client.zadd(key, {"x": 1})),
        (f"{{{QUEUE}}}:dead", lambda client, key: client.sadd(key, "x")),
        (f"{{{QUEUE}}}:stats", lambda client, key: client.rpush(key, "x")),
        (f"{{{QUEUE}}}:samples", lambda client, key: client.hset(key, "x", "y")),
    ],
    ids=["list as string", "list as zset", "dead as set", "stats as list", "samples as hash"],
)
def test_a_key_that_is_something_else_is_one_failure_with_its_name(
    sound: Sound, client: redis.Redis, find: Find, key: str, put: Any
) -> None:
    client.delete(key)
    put(client, key)

    said = find()

    assert_only(said, "queue.keys", "fail")
    assert detail(said, "queue.keys").startswith(f"{key} is a ")
    assert "another program uses one of the queue's keys" in hint(said, "queue.keys")


@pytest.mark.parametrize(
    "element",
    ["not json", "[]", '{"job_id": 7}', json.dumps({"job_id": "j", "batch_id": "b", "photos": []}), "\xff\xfe"],
)
def test_an_element_that_is_no_job_fails(sound: Sound, client: redis.Redis, find: Find, element: str) -> None:
    sound.cluster.push(job(sound))
    client.rpush(QUEUE, element)

    said = find()

    assert_only(said, "queue.readable", "fail")
    assert detail(said, "queue.readable").startswith("1 of the next 2 elements are no jobs: ")


def test_more_than_a_few_jobs_that_wait_are_a_warning(sound: Sound, find: Find) -> None:
    for _ in range(11):
        sound.cluster.push(job(sound))

    said = find()

    assert_only(said, "queue.backlog", "warn")
    assert detail(said, "queue.backlog") == "11 jobs wait"
    assert value(said, "queue.backlog") == 11


def test_as_many_as_the_setting_allows_are_fine(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_CHECKS__BACKLOG", "11")
    for _ in range(11):
        sound.cluster.push(job(sound))

    assert troubled(find()) == {}


def test_a_job_that_has_waited_for_long_is_a_warning(sound: Sound, find: Find) -> None:
    sound.cluster.push(job(sound, ago=timedelta(minutes=3)))

    said = find()

    assert_only(said, "queue.oldest", "warn")
    assert detail(said, "queue.oldest") == "the next job is 3 min old"


def test_a_dead_letter_fails(sound: Sound, queue: JobQueue, find: Find) -> None:
    held = claimed(sound, queue)
    queue.fail(held, Failure(ErrorClass.PERMANENT, "object_missing", "it is not there"))

    said = find()

    assert_only(said, "queue.dead", "fail")
    assert hint(said, "queue.dead") == "lomi queue dead"


# --- whether it moves -------------------------------------------------------------------------------------------------


def test_a_pause_is_a_warning_with_who_and_why(sound: Sound, queue: JobQueue, find: Find) -> None:
    queue.pause("Hana", "deploy")

    said = find()

    assert_only(said, "queue.open", "warn")
    assert detail(said, "queue.open") == "paused by Hana: deploy"
    assert "lomi queue resume" in hint(said, "queue.open")


def test_an_upstream_on_hold_is_a_warning_with_its_name(sound: Sound, queue: JobQueue, find: Find) -> None:
    queue.hold("faces", 60, "gone")

    said = find()

    assert_only(said, "queue.open", "warn")
    assert detail(said, "queue.open") == "claims wait for faces"


def test_nobody_who_listens_is_a_failure(sound: Sound, find: Find) -> None:
    sound.ear.close()

    said = find()

    assert_only(said, "queue.listened", "fail")
    assert detail(said, "queue.listened") == "nobody listens on moderation_results"


def test_a_result_that_nobody_heard_is_a_warning(
    sound: Sound, client: redis.Redis, queue: JobQueue, find: Find
) -> None:
    held = claimed(sound, queue)
    queue.finish(held.job_id, held.token, b"{}")
    client.zadd(queue.keys.unsent, {held.job_id: milliseconds(client)})

    said = find()

    assert_only(said, "queue.heard", "warn")
    assert detail(said, "queue.heard") == "1 result had no listener on moderation_results"


def test_a_job_that_runs_for_hours_is_stuck(sound: Sound, client: redis.Redis, queue: JobQueue, find: Find) -> None:
    held = claimed(sound, queue)
    client.hset(queue.keys.job(held.job_id), "claimed_ms", milliseconds(client) - 2 * HOUR_MS)

    said = find()

    assert_only(said, "queue.stuck", "fail")
    assert detail(said, "queue.stuck") == "1 job run for more than 60 min, the longest for 2.0 h"
    assert hint(said, "queue.stuck") == f"lomi queue show {held.job_id}"


def test_a_retry_that_nobody_promotes_is_stuck(sound: Sound, client: redis.Redis, queue: JobQueue, find: Find) -> None:
    client.zadd(queue.keys.delayed, {"j1": milliseconds(client) - 90_000})

    said = find()

    assert_only(said, "queue.stuck", "fail")
    assert detail(said, "queue.stuck") == "1 job overdue for another try: no worker promotes them"
