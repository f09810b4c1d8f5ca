"""Reading every key of the queue, in small pages, while jobs go on.

No call keeps Redis busy and nothing is locked, so what is read is no single moment. It is read in an order in which no
job is missed that was in the queue when the reading began: first the lists, each from the producers' end, then all the
rest. A job that leaves a list meanwhile has a record from then on, with its element, and records are read afterwards;
one that was in a list already when its record was read is found by both. `plan` makes one job of the two again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import redis

from lomi_ops.queue import scan
from lomi_ops.queue.backup.pages import Kind, Page
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys

SCAN = 1000
"""Keys that one SCAN looks at. The whole key space is walked: the queue may share its server."""
CHUNK = 200
"""Keys, or members of one, in a round trip."""
_SPECIAL = re.compile(r"([\\\[\]*?^])")


def pages(client: redis.Redis, keys: Keys) -> Iterator[Page]:
    """All of it. Raises RedisUnavailable."""
    with guarded(client, "reading the queue"):
        for name in (keys.ready, keys.high, keys.bulk):
            yield from _list(client, name)
        done = {keys.high, keys.bulk}
        for names in _names(client, keys, done):
            records = [name for name in names if name.startswith(keys.job_prefix)]
            for at in range(0, len(records), CHUNK):
                yield from _records(client, records[at : at + CHUNK])
            for name in names:
                if not name.startswith(keys.job_prefix):
                    yield from _other(client, name)


def _names(client: redis.Redis, keys: Keys, done: set[str]) -> Iterator[list[str]]:
    """Names of the queue's keys but for `done`, each once."""
    pattern = _SPECIAL.sub(r"\\\1", keys.high.removesuffix("high")) + "*"
    cursor: Any = 0
    while True:
        cursor, found = call(client, "SCAN", cursor, "MATCH", pattern, "COUNT", SCAN)
        fresh = dict.fromkeys(name for raw in found if (name := _name(raw)) not in done)
        done.update(fresh)
        if fresh:
            yield list(fresh)
        if int(cursor) == 0:
            return


def _list(client: redis.Redis, name: str) -> Iterator[Page]:
    """A list from its left end. What is pushed meanwhile moves the rest to the right, so each page begins with the last
    element of the one before, and goes on behind it."""
    at, size, last = 0, scan.FIRST_PAGE, None
    while True:
        page: list[bytes] = call(client, "LRANGE", name, at, at + size)
        full = len(page) > size
        fresh = page if last is None else behind(page, last)
        if fresh:
            yield Page(name, Kind.LIST, tuple(fresh))
        if not full:
            return
        at, last = at + len(page) - 1, page[-1]
        size = scan.page_size(page)


def behind(page: Sequence[bytes], last: bytes) -> Sequence[bytes]:
    """What follows an element that was seen; all of the page where it is not there, rather twice than never."""
    return page[page.index(last) + 1 :] if last in page else page


def _records(client: redis.Redis, names: Sequence[str]) -> Iterator[Page]:
    """Records of jobs; one that has gone meanwhile is left out."""
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hgetall(name)
            pipe.pttl(name)
        found = pipe.execute()
    for name, fields, ttl in zip(names, found[::2], found[1::2], strict=True):
        if fields:
            yield Page(name, Kind.HASH, tuple(fields.items()), _ttl(ttl))


def _other(client: redis.Redis, name: str) -> Iterator[Page]:
    kind, ttl = _name(call(client, "TYPE", name)), _ttl(call(client, "PTTL", name))
    match kind:
        case "string":
            value = call(client, "GET", name)
            items: Iterable[tuple[Any, ...]] = [(value,)] if value is not None else []
        case "list":
            items = (page.items for page in _list(client, name))
        case "hash":
            items = _scanned(client, "HSCAN", name)
        case "zset":
            items = _scanned(client, "ZSCAN", name)
        case "set":
            items = _scanned(client, "SSCAN", name)
        case "stream":
            items = _stream(client, name)
        case _:  # gone meanwhile
            return
    for page in items:
        yield Page(name, Kind(kind), page, ttl)


def _scanned(client: redis.Redis, command: str, name: str) -> Iterator[tuple[Any, ...]]:
    """Members of a set, a sorted set or a hash, each once, though a scan may show some twice."""
    seen: set[bytes] = set()
    cursor: Any = 0
    while True:
        cursor, found = call(client, command, name, cursor, "COUNT", CHUNK)
        entries = list(found.items()) if isinstance(found, dict) else list(found)
        fresh = {_member(entry): entry for entry in entries if _member(entry) not in seen}
        seen.update(fresh)
        if fresh:
            yield tuple(fresh.values())
        if int(cursor) == 0:
            return


def _member(entry: Any) -> bytes:
    member: bytes = entry[0] if isinstance(entry, tuple) else entry
    return member


def _stream(client: redis.Redis, name: str) -> Iterator[tuple[Any, ...]]:
    start = "-"
    while page := call(client, "XRANGE", name, start, "+", "COUNT", CHUNK):
        yield tuple((entry, tuple(fields.items())) for entry, fields in page)
        start = f"({_name(page[-1][0])}"


def _ttl(answer: Any) -> int | None:
    return int(answer) if int(answer) >= 0 else None


def _name(raw: Any) -> str:
    return raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else str(raw)
