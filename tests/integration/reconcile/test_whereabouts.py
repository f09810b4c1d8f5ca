"""Reading the whole queue while it moves."""

from __future__ import annotations

import uuid
from typing import Any
from uuid import UUID

import pytest
import redis

from lomi_ops.ops.reconcile.whereabouts import look
from lomi_ops.queue.client import call
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scan import FIRST_PAGE, LARGEST_PAGE, PAGE_BYTES
from tests.integration.queue.producer import body, element

KEYS = Keys()


def jobs(count: int, padding: int = 0) -> dict[UUID, bytes]:
    """Elements by the photo that they name."""
    made = {}
    for _ in range(count):
        media_id = uuid.uuid4()
        photo = body()["photos"][0] | {"media_id": str(media_id), "r2_url": "x" * padding}
        made[media_id] = element(photos=[photo])
    return made


class Watched:
    """Passes commands on, and lets something happen before each LRANGE of the list."""

    def __init__(self, client: redis.Redis, happening: Any = None) -> None:
        self._client = client
        self._happening = happening
        self.pages: list[int] = []
        self.bytes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def execute_command(self, *command: Any) -> Any:
        reply = call(self._client, *command)
        if command[0] == "LRANGE" and command[1] == KEYS.ready:
            self.pages.append(command[3] - command[2] + 1)
            self.bytes.append(sum(map(len, reply)))
            if self._happening is not None:
                self._happening()
        return reply


def test_a_long_list_is_read_in_small_pages_and_nobody_is_missed(client: redis.Redis) -> None:
    made = jobs(3_000)
    client.lpush(KEYS.ready, *made.values())
    watched = Watched(client)

    place = look(watched, KEYS)  # type: ignore[arg-type]

    assert place.of(list(made)) == [(True, False)] * len(made)
    assert place.of([uuid.uuid4()]) == [(False, False)]
    assert watched.pages[0] == FIRST_PAGE
    assert max(watched.pages) == LARGEST_PAGE


def test_pages_of_large_elements_are_short(client: redis.Redis) -> None:
    made = jobs(80, padding=50_000)
    client.lpush(KEYS.ready, *made.values())
    watched = Watched(client)

    place = look(watched, KEYS)  # type: ignore[arg-type]

    assert all(live for live, _ in place.of(list(made)))
    assert max(watched.bytes[1:]) <= PAGE_BYTES


def test_what_moves_while_we_read_is_seen(client: redis.Redis) -> None:
    """Between two pages the producer pushes five, and workers take three and give one of them back."""
    made = jobs(1_000)
    client.lpush(KEYS.ready, *made.values())
    fresh = iter(jobs(500).values())
    gone: list[bytes] = []

    def meanwhile() -> None:
        client.lpush(KEYS.ready, *(next(fresh) for _ in range(5)))
        given_back, *taken = call(client, "RPOP", KEYS.ready, 3)
        gone.extend(taken)
        client.rpush(KEYS.ready, given_back)

    place = look(Watched(client, meanwhile), KEYS)  # type: ignore[arg-type]

    missed = [made[media_id] for media_id, (live, _) in zip(made, place.of(list(made)), strict=True) if not live]
    assert set(missed) <= set(gone)


def test_jobs_that_run_or_are_delayed_are_found_by_every_index_and_in_a_long_one(client: redis.Redis) -> None:
    made = jobs(700)
    with client.pipeline(transaction=False) as pipe:
        for number, (media_id, raw) in enumerate(made.items()):
            pipe.hset(KEYS.job(str(media_id)), mapping={"raw": raw, "state": "delayed"})
            match number % 4:
                case 0:
                    pipe.zadd(KEYS.delayed, {str(media_id): number})
                case 1:
                    pipe.zadd(KEYS.lease, {str(media_id): number})
                case 2:
                    pipe.hset(KEYS.slots, f"boot/{number}", str(media_id))
                case 3:
                    pipe.zadd(KEYS.dead, {str(media_id): number})
        pipe.execute()
    client.zadd(KEYS.delayed, {"without-a-record": 1})

    place = look(client, KEYS)

    assert place.of(list(made)) == [(number % 4 != 3, number % 4 == 3) for number in range(700)]


def test_a_job_that_is_claimed_while_the_list_is_read_is_seen_where_it_runs(client: redis.Redis) -> None:
    made = jobs(40)
    client.lpush(KEYS.ready, *made.values())
    first = next(iter(made))

    def claimed() -> None:
        raw = client.rpop(KEYS.ready)
        if raw is not None:
            client.hset(KEYS.job("a"), mapping={"raw": made[first], "state": "running"})
            client.hset(KEYS.slots, "boot/0", "a")

    place = look(Watched(client, claimed), KEYS)  # type: ignore[arg-type]

    assert place.of([first]) == [(True, False)]


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"{}", b'{"photos":[{"media_id":7}]}'])
def test_elements_that_are_no_jobs_do_not_stop_the_look(client: redis.Redis, raw: bytes) -> None:
    made = jobs(1)
    client.lpush(KEYS.ready, raw, *made.values(), raw)

    assert look(client, KEYS).of(list(made)) == [(True, False)]
