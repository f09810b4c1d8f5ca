"""Which photos the jobs of the queue name. Reads in small pages: no call keeps Redis busy, nothing is locked.

While we read, jobs move. Of a list the pages count from the producers' end: a push shows an element twice, and what is
taken or given back at the other end shifts nothing that is still to come. What runs or is delayed is read before and
after the lists, so a job that moves once is seen at one of its two places. One that moves more often may be missed: its
photos then get a second job, and the ledger lets only one of the two decide.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import redis
from numpy.typing import NDArray
from pydantic_core import from_json

from lomi_ops.domain.reconcile import NameState, name_state
from lomi_ops.queue import scan
from lomi_ops.queue.client import guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.replies import JobState
from lomi_ops.queue.scripts import text

WAITING = frozenset({JobState.READY.value, JobState.DELAYED.value, JobState.RUNNING.value})


class Digests:
    """Photos, at eight bytes each: 100,000 jobs of nine take 7 MB.

    A digest is Python's keyed hash of the id, so two photos with the same one (1 in 10^13 at that size) differ in the
    next run.
    """

    def __init__(self) -> None:
        self._kept = array("q")

    def add(self, raw: bytes) -> None:
        """The photos that an element names."""
        self._kept.extend(hash(photo.bytes) for photo in media_ids(raw))

    def sealed(self) -> NDArray[np.int64]:
        return np.unique(np.frombuffer(self._kept, dtype=np.int64)) if self._kept else np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Who is named by a job, as sorted digests."""

    live: NDArray[np.int64]
    dead: NDArray[np.int64]

    def of(self, photos: Sequence[UUID]) -> list[tuple[bool, bool]]:
        """Of each photo: whether a live job names it, and whether a dead letter does."""
        wanted = np.fromiter((hash(photo.bytes) for photo in photos), dtype=np.int64, count=len(photos))
        return list(zip(np.isin(wanted, self.live).tolist(), np.isin(wanted, self.dead).tolist(), strict=True))


def media_ids(raw: bytes) -> Iterator[UUID]:
    """The photos that an element names, as far as it can be read: a job that cannot run is about somebody, too."""
    try:
        found = from_json(raw)
    except ValueError:
        return
    photos = found.get("photos") if isinstance(found, dict) else None
    for photo in photos if isinstance(photos, list) else ():
        name = photo.get("media_id") if isinstance(photo, dict) else None
        try:
            yield UUID(name)
        except (TypeError, ValueError, AttributeError):
            continue


def look(client: redis.Redis, keys: Keys) -> Whereabouts:
    """Reads the whole queue. Raises RedisUnavailable."""
    live, dead = Digests(), Digests()
    known: set[bytes] = set()
    with guarded(client, "a look at all jobs"):
        _add(live, _indexed(client, keys, known))
        for name in (keys.high, keys.bulk, keys.ready):
            _add(live, scan.elements(client, name))
        _add(live, _indexed(client, keys, known))
        _add(dead, (raw for names in scan.members(client, "ZSCAN", keys.dead) for raw in _raw(client, keys, names)))
    return Whereabouts(live.sealed(), dead.sealed())


def names_known(
    client: redis.Redis, keys: Keys, job_ids: Collection[str], settled: Collection[str], older_s: float
) -> dict[str, NameState]:
    """Whether jobs may be submitted under these names; `settled` are those that the ledger has. Raises
    RedisUnavailable."""
    with guarded(client, "a look at jobs"), client.pipeline(transaction=False) as pipe:
        pipe.time()
        for job_id in job_ids:
            pipe.hmget(keys.job(job_id), "state", "first_seen_ms")
        (seconds, micros), *found = pipe.execute()
    now = int(seconds) + int(micros) / 1e6
    states = {}
    for job_id, (state, seen_ms) in zip(job_ids, found, strict=True):
        seen_s = None if state is None else now - int(seen_ms or 0) / 1000
        waits = state is not None and text(state) in WAITING
        states[job_id] = name_state(waits, seen_s, settled=job_id in settled, older_than_s=older_s)
    return states


def _add(digests: Digests, elements: Iterable[bytes]) -> None:
    for raw in elements:
        digests.add(raw)


def _indexed(client: redis.Redis, keys: Keys, known: set[bytes]) -> Iterator[bytes]:
    """Elements of what runs or is delayed, but for the jobs `known`, which grow."""
    for command, name in (("HSCAN", keys.slots), ("ZSCAN", keys.lease), ("ZSCAN", keys.delayed)):
        for names in scan.members(client, command, name):
            fresh = [job_id for job_id in names if job_id not in known]
            known.update(fresh)
            yield from _raw(client, keys, fresh)


def _raw(client: redis.Redis, keys: Keys, names: Collection[bytes]) -> Iterator[bytes]:
    """The elements of jobs; of one whose record is gone there is none."""
    if not names:
        return
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hget(keys.job(text(name)), "raw")
        yield from (raw for raw in pipe.execute() if raw is not None)
