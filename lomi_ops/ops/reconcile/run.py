"""One run: looks at every pending photo, and brings back those that nobody would ever look at.

A run may die at any point. Rows of the old endpoint get their batch first and their job after that: in between they are
photos of a batch without a job, which the next run finds. A job's name follows from its photos, so a second push is
refused by the queue; and a photo that was decided meanwhile is not decided again, since settling is guarded.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import redis

from lomi_ops.clients.objects.keys import BadKey
from lomi_ops.clients.objects.store import ObjectStore
from lomi_ops.db import reconcile as book
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.reconcile import Bucket, Group, NameState, PendingPhoto, Trace, bucket_of, group, job_id_of
from lomi_ops.errors import Conflict, JobError
from lomi_ops.ops import unknowns
from lomi_ops.ops.reconcile import whereabouts
from lomi_ops.ops.reconcile.outcome import Order, Outcome, QueuedJob
from lomi_ops.ops.reconcile.whereabouts import Whereabouts
from lomi_ops.ops.unknowns import Unknown
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Submitted
from lomi_ops.queue.wire import dump_job

T = TypeVar("T")

CHUNK = 50
"""Jobs in one transaction, and batches in one question."""
APPLY_CHUNK = 500
ROUNDS = 8
"""Names of one job that are looked up at once."""
ASKERS = 8
OLD_WORKER_S = 30.0
"""An old worker takes a job out of the list and leaves no trace of it; by then its result is in `media`."""
NO_RECORD = Unknown(
    "there is no ledger: results that were not applied, and jobs that are open, are not known", "lomi migrate apply"
)


@dataclass(frozen=True, slots=True)
class Handles:
    """What a run works on."""

    database: Database
    queue: JobQueue
    redis: redis.Redis
    bucket: str
    link: Callable[[str], str]
    """`r2_url` by key."""
    store: ObjectStore | None = None
    """Asked for the objects of photos that are queued again; None to leave that to the worker."""
    wait: Callable[[float], None] = time.sleep


def reconcile(at: Handles, order: Order, fresh_id: Callable[[], UUID] = uuid.uuid4) -> Outcome:
    """Repairs what can be repaired; a dry run only looks.

    Raises LockHeld where another run is at work, RedisUnavailable, DatabaseUnavailable and ObjectsUnavailable; what was
    done by then holds, and the next run does the rest.
    """
    with at.database.session() if order.dry_run else book.exclusive(at.database) as session:
        return _Run(at, order, session, fresh_id).go()


class _Run:
    def __init__(self, at: Handles, order: Order, session: Session, fresh_id: Callable[[], UUID]) -> None:
        self._at = at
        self._order = order
        self._session = session
        self._fresh_id = fresh_id
        self._recorded = book.has_record(session)
        self._outcome = Outcome(order.dry_run)

    def go(self) -> Outcome:
        workers = unknowns.of_workers(self._at.queue.stats().workers)
        self._outcome.unknown = workers if self._recorded else (*workers, NO_RECORD)
        place = whereabouts.look(self._at.redis, self._at.queue.keys)
        found = self._examine(place)
        self._ask_for_objects([*found[Bucket.LOST], *found[Bucket.NEVER_QUEUED]])
        if not (self._recorded or self._order.dry_run) and found[Bucket.LOST]:
            self._at.wait(OLD_WORKER_S)
        self._apply(found[Bucket.UNAPPLIED])
        self._bring_back(found[Bucket.LOST], place)
        self._adopt(found[Bucket.NEVER_QUEUED])
        return self._outcome

    def _examine(self, place: Whereabouts) -> Mapping[Bucket, list[PendingPhoto]]:
        """Counts all pending photos, and keeps the oldest ones to repair."""
        counts: Counter[Bucket] = Counter()
        kept: dict[Bucket, list[PendingPhoto]] = {bucket: [] for bucket in Bucket if bucket.repairable}
        room = self._order.limit
        for page in book.pending(self._session, older_s=self._order.older_than_s):
            for photo, bucket in self._sorted_out(page, place):
                counts[bucket] += 1
                if bucket.repairable and room > 0:
                    kept[bucket].append(photo)
                    room -= 1
        self._outcome.counts = {bucket: counts[bucket] for bucket in Bucket}
        self._outcome.left = self._outcome.repairable - sum(map(len, kept.values()))
        return kept

    def _sorted_out(self, page: Sequence[PendingPhoto], place: Whereabouts) -> Iterator[tuple[PendingPhoto, Bucket]]:
        ids = [photo.media_id for photo in page]
        record = book.recorded(self._session, ids) if self._recorded else {}
        for photo, (live, dead) in zip(page, place.of(ids), strict=True):
            noted = record.get(photo.media_id)
            trace = Trace(live, dead, noted.open, noted.decided_s) if noted else Trace(live, dead)
            yield photo, bucket_of(photo, trace, include_dead=self._order.include_dead)

    def _ask_for_objects(self, photos: Sequence[PendingPhoto]) -> None:
        store, bucket = self._at.store, self._at.bucket
        if store is None or not photos:
            return

        def absent(photo: PendingPhoto) -> bool:
            try:
                return store.size(bucket, photo.key) is None
            except BadKey:
                return True

        with ThreadPoolExecutor(ASKERS) as askers:
            answers = askers.map(absent, photos)
            self._outcome.missing = tuple(photo.media_id for photo, gone in zip(photos, answers, strict=True) if gone)

    def _apply(self, photos: Sequence[PendingPhoto]) -> None:
        if self._order.dry_run:
            self._outcome.applied = len(photos)
            return
        for chunk in _chunks([photo.media_id for photo in photos], APPLY_CHUNK):
            hit = book.apply(self._session, chunk, actor=self._order.actor, at=self._order.at)
            self._outcome.applied += len(hit)

    def _bring_back(self, photos: Sequence[PendingPhoto], place: Whereabouts) -> None:
        """Each batch is looked at again, as a whole: the limit may have cut it, and photos may be decided by now."""
        batches = list(dict.fromkeys(photo.batch_id for photo in photos))
        cut = 0
        for chunk in _chunks(batches, CHUNK):
            pages = book.pending(self._session, older_s=self._order.older_than_s, batches=chunk)
            lost = [photo for page in pages for photo, bucket in self._sorted_out(page, place) if bucket is Bucket.LOST]
            cut += len(lost)
            self._queue(group(lost))
        self._outcome.left = max(0, self._outcome.left - max(0, cut - len(photos)))

    def _adopt(self, photos: Sequence[PendingPhoto]) -> None:
        for chunk in _chunks(group(photos), CHUNK):
            if self._order.dry_run:
                self._outcome.adopted += sum(len(each.photos) for each in chunk)
                self._outcome.jobs += [QueuedJob(None, None, each.media_ids) for each in chunk]
                continue
            wanted = {self._fresh_id(): each for each in chunk}
            hit = book.adopt(self._session, wanted, actor=self._order.actor, at=self._order.at, journal=self._recorded)
            self._outcome.adopted += len(hit)
            joined = (each.joined(batch_id, hit) for batch_id, each in wanted.items())
            self._queue([each for each in joined if each is not None])

    def _queue(self, groups: Sequence[Group]) -> None:
        named = self._named(groups)
        self._outcome.known += sum(len(each.photos) for each in groups) - sum(len(g.photos) for g in named.values())
        if self._recorded and named and not self._order.dry_run:
            # Before the push: nothing is queued that the audit does not know. What was noted and not pushed, the next
            # run pushes.
            book.journal_jobs(self._session, named, actor=self._order.actor, at=self._order.at)
        for job_id, each in named.items():
            if self._order.dry_run or self._pushed(job_id, each):
                self._outcome.jobs.append(QueuedJob(job_id, each.batch_id, each.media_ids))

    def _pushed(self, job_id: str, each: Group) -> bool:
        try:
            submitted = self._at.queue.submit(dump_job(self._job(job_id, each)))
        except Conflict:
            # The same photos under the same name, at another time: somebody was quicker.
            submitted = Submitted.DUPLICATE
        except JobError as failure:
            self._outcome.refused.append(f"job {job_id}: {failure.message}")
            return False
        if submitted is Submitted.DUPLICATE:
            self._outcome.known += len(each.photos)
        return submitted is Submitted.ACCEPTED

    def _job(self, job_id: str, each: Group) -> Job:
        """As the producer would write it now."""
        refs = tuple(
            PhotoRef(photo.media_id, photo.key, self._at.bucket, self._at.link(photo.key)) for photo in each.photos
        )
        return Job(job_id, each.batch_id, each.user_id, each.photos[0].telegram_id, refs, self._order.at)

    def _named(self, groups: Sequence[Group]) -> dict[str, Group]:
        """Each group under the first name that was not used up; without those of which a job was just queued."""
        named: dict[str, Group] = {}
        unnamed, first = list(groups), 0
        while unnamed:
            names = {each: _names(each, first) for each in unnamed}
            states = self._states([name for several in names.values() for name in several])
            unnamed, first = [], first + ROUNDS
            for each, several in names.items():
                chosen = next((name for name in several if states[name] is not NameState.USED), None)
                if chosen is None:
                    unnamed.append(each)
                elif states[chosen] is NameState.FREE:
                    named[chosen] = each
        return named

    def _states(self, job_ids: Sequence[str]) -> Mapping[str, NameState]:
        settled = book.in_ledger(self._session, job_ids) if self._recorded else frozenset()
        return whereabouts.names_known(self._at.redis, self._at.queue.keys, job_ids, settled, self._order.older_than_s)


def _names(each: Group, first: int) -> list[str]:
    return [job_id_of(each.batch_id, each.media_ids, number) for number in range(first, first + ROUNDS)]


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    whole = list(items)
    return (whole[at : at + size] for at in range(0, len(whole), size))
