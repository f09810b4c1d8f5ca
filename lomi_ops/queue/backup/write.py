"""Writing a saved queue into a server. What is there stays, only what is missing is added: so a restore that was
interrupted is simply done again, and one beside new jobs takes none of them away.

Nobody may claim meanwhile: pause the queue first. A producer may push, a reaper may promote what is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import redis

from lomi_ops.queue import scan
from lomi_ops.queue.backup import plan
from lomi_ops.queue.backup.pages import Kind, Page, Pages
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.wire import identity

CHUNK = 200
"""Keys, elements or members in one round trip."""
TRIES = 10
"""Against somebody who keeps writing to a stream."""
DRAFT_TTL_MS = 3600 * 1000
"""What an interrupted restore has left half done is forgotten after this long."""
_MOVED_ON = (b"running", b"delayed", b"dead", b"done", b"cancelled")


@dataclass(slots=True)
class Written:
    """What was added, and what was there already."""

    elements: int = 0
    records: int = 0
    kept: int = 0
    """Records and elements of the backup that were left out, since the queue knows these jobs."""


def put_back(client: redis.Redis, keys: Keys, saved: Pages, *, lives: bool = True) -> Written:
    """What was saved, as `plan.restored` wants it. Raises RedisUnavailable; then call it again.

    Without `lives` nothing that is written ever expires.
    """
    with guarded(client, "restoring the queue"):
        writer = _Writer(client, keys)
        writer.look(saved())
        pages = plan.restored(saved, keys)
        return writer.run(pages if lives else (replace(page, ttl_ms=None) for page in pages))


@dataclass(slots=True)
class _Writer:
    client: redis.Redis
    keys: Keys
    done: Written = field(default_factory=Written)
    moved_on: set[str] = field(default_factory=set)
    """Jobs whose own story had gone on here before we came: their elements must not come back."""
    listed: dict[str, set[str]] = field(default_factory=dict)
    """Jobs by the list that held them before we came."""

    def look(self, pages: Iterable[Page]) -> None:
        """At the jobs that the saved lists name, before any record is written: a job that has one here has a story of
        its own."""
        for page in pages:
            if page.key in self._lists():
                jobs = list(map(identity, page.items))
                states = self._states(jobs)
                self.moved_on.update(job for job, state in zip(jobs, states, strict=True) if state in _MOVED_ON)

    def run(self, pages: Iterable[Page]) -> Written:
        lists, indexes = self._lists(), self._indexes()
        for record, group in groupby(pages, key=lambda page: page.key.startswith(self.keys.job_prefix)):
            if record:
                for chunk in _chunks(group):
                    self._records(chunk)
                continue
            for key, whole in groupby(group, key=lambda page: page.key):
                if key in lists:
                    self._elements(key, whole)
                elif key in indexes:
                    for page in whole:
                        self._index(page, indexes[key])
                else:
                    self._other(key, whole)
        return self.done

    def _states(self, jobs: Sequence[str]) -> list[bytes | None]:
        with self.client.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.hget(self.keys.job(job), "state")
            return list(pipe.execute())

    def _lists(self) -> tuple[str, ...]:
        return (self.keys.ready, self.keys.high, self.keys.bulk)

    def _indexes(self) -> dict[str, tuple[bytes | None, ...]]:
        """Sorted sets that name jobs, with the states that such a job may have; None: no record any more."""
        keys = self.keys
        return {
            keys.delayed: (b"delayed",),
            keys.dead: (b"dead",),
            keys.doubt: (b"dead",),
            keys.done: (b"done", b"cancelled", None),
            keys.unsent: (b"done", b"cancelled", None),
        }

    def _records(self, chunk: Sequence[Page]) -> None:
        """Where a record is there already, somebody knows better."""
        jobs = [page.key.removeprefix(self.keys.job_prefix) for page in chunk]
        with self.client.pipeline(transaction=False) as pipe:
            for page, job, state in zip(chunk, jobs, self._states(jobs), strict=True):
                if state is not None:
                    self.done.kept += 1
                    if state in _MOVED_ON:
                        self.moved_on.add(job)
                    continue
                self.done.records += 1
                pipe.hset(page.key, mapping=dict(page.items))
                if page.ttl_ms is not None:
                    pipe.pexpire(page.key, max(1, page.ttl_ms))
            pipe.execute()

    def _index(self, page: Page, wanted: Sequence[bytes | None]) -> None:
        states = self._states([member.decode("utf-8", "surrogateescape") for member, _ in page.items])
        fit = {pair[0]: pair[1] for pair, state in zip(page.items, states, strict=True) if state in wanted}
        if fit:
            self.client.zadd(page.key, fit, nx=True)

    def _elements(self, key: str, pages: Iterable[Page]) -> None:
        """At the end that is taken from, so they are older than what waits here already."""
        for page in pages:
            fresh = [raw for raw in page.items if not self._known(key, identity(raw))]
            self.done.kept += len(page.items) - len(fresh)
            self.done.elements += len(fresh)
            if fresh:
                self.client.rpush(key, *fresh)

    def _known(self, key: str, job_id: str) -> bool:
        """Whether this job waits here already, or has gone on. What we push ourselves does not count: a producer may
        have pushed an element twice, and a claim knows what to do about that."""
        if not self.listed:
            self.listed = {name: set(map(identity, scan.elements(self.client, name))) for name in self._lists()}
        return job_id in self.moved_on or any(job_id in jobs for jobs in self.listed.values())

    def _other(self, key: str, found: Iterable[Page]) -> None:
        pages = list(found)
        if pages[0].kind is Kind.STREAM:
            for _ in range(TRIES):
                if self._stream(key, pages):
                    return
        elif not self.client.exists(key):
            self._whole(key, pages)

    def _stream(self, key: str, pages: Sequence[Page]) -> bool:
        """Older entries go before those that are here, which only a new stream in place of the old one can do. False
        where somebody wrote meanwhile. One that has readers with a memory (groups) is left alone."""
        with self.client.pipeline() as pipe:
            pipe.watch(key)  # type: ignore[no-untyped-call]
            present: Any = pipe.xrange(key)
            first = _entry(present[0][0]) if present else None
            older = [(at, fields) for page in pages for at, fields in page.items if first is None or _entry(at) < first]
            if not older or (present and pipe.xinfo_groups(key)):
                return True
            self._draft([*older, *((at, tuple(fields.items())) for at, fields in present)])
            pipe.multi()
            pipe.persist(self.keys.restoring)
            pipe.rename(self.keys.restoring, key)
            try:
                pipe.execute()
            except redis.WatchError:
                return False
        return True

    def _draft(self, entries: Sequence[Any]) -> None:
        draft = self.keys.restoring
        call(self.client, "UNLINK", draft)
        for at in range(0, len(entries), CHUNK):
            with self.client.pipeline(transaction=False) as pipe:
                for entry, fields in entries[at : at + CHUNK]:
                    pipe.xadd(draft, dict(fields), id=entry)
                pipe.pexpire(draft, DRAFT_TTL_MS)
                pipe.execute()

    def _whole(self, key: str, pages: Sequence[Page]) -> None:
        """Under another name first, so that nobody meets a half of it."""
        draft = self.keys.restoring
        call(self.client, "UNLINK", draft)
        for page in pages:
            self._add(draft, page)
            call(self.client, "PEXPIRE", draft, DRAFT_TTL_MS)
        ttl = pages[0].ttl_ms
        call(self.client, *(("PERSIST", draft) if ttl is None else ("PEXPIRE", draft, max(1, ttl))))
        call(self.client, "RENAMENX", draft, key)

    def _add(self, name: str, page: Page) -> None:
        match page.kind:
            case Kind.STRING:
                call(self.client, "SET", name, page.items[0])
            case Kind.LIST:
                call(self.client, "RPUSH", name, *page.items)
            case Kind.SET:
                call(self.client, "SADD", name, *page.items)
            case Kind.HASH:
                call(self.client, "HSET", name, *(part for pair in page.items for part in pair))
            case Kind.ZSET:
                call(self.client, "ZADD", name, *(part for member, score in page.items for part in (score, member)))
            case Kind.STREAM:
                raise AssertionError("a stream is written entry by entry")


def _entry(name: bytes) -> tuple[int, int]:
    """The two numbers of a stream entry's id."""
    time, _, number = name.partition(b"-")
    return int(time), int(number or 0)


def _chunks(pages: Iterable[Page]) -> Iterator[list[Page]]:
    chunk: list[Page] = []
    for page in pages:
        chunk.append(page)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
