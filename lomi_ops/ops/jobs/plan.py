"""From what was asked to jobs: which photos these are, which of them wait for nobody yet, and how they go together."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db import reconcile as book
from lomi_ops.db import submissions
from lomi_ops.db.pool import Session
from lomi_ops.db.submissions import NamedPhoto
from lomi_ops.domain.reconcile import NO_BATCH, Bucket, Group, PendingPhoto, Trace, bucket_of, group
from lomi_ops.domain.submission import (
    MAX_NAMED,
    Request,
    Submission,
    SubmittedJob,
    job_id_of,
    split_names,
)
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import NotFound, UsageError
from lomi_ops.ops.jobs.handles import Handles
from lomi_ops.ops.reconcile import whereabouts

DECIDED = "decided"
SHOWN = 5
CHUNK = 50
"""Batches that are given in one transaction."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be submitted, and what is left alone."""

    groups: tuple[Group, ...]
    left: Mapping[str, int]
    """Photos by why they are left alone: `decided`, or a `Bucket` of reconciling."""
    elsewhere: tuple[UUID, ...] = ()
    """Submissions that have some of these photos already."""

    @property
    def photos(self) -> int:
        return sum(len(each.photos) for each in self.groups)

    @property
    def stuck(self) -> bool:
        """Something was asked for that only a person or another command brings further."""
        return any(word != DECIDED and (Bucket(word).stuck or word == Bucket.UNAPPLIED) for word in self.left)


def plan(at: Handles, session: Session, request: Request) -> Plan:
    """Reads only. Raises NotFound for a name that no photo has, RedisUnavailable."""
    found = _named(session, request)
    pending = [each.photo for each in found if each.status == MediaStatus.PENDING]
    ids = [photo.media_id for photo in pending]
    elsewhere = submissions.busy(session, ids)
    left: dict[str, int] = {}

    def leave(why: str) -> None:
        left[why] = left.get(why, 0) + 1

    for _ in range(len(found) - len(pending)):
        leave(DECIDED)
    free: list[PendingPhoto] = []
    for photo, bucket in _sorted_out(at, session, pending):
        if bucket in (Bucket.LOST, Bucket.NEVER_QUEUED) and photo.media_id not in elsewhere:
            free.append(photo)
        elif bucket in (Bucket.LOST, Bucket.NEVER_QUEUED):
            leave(Bucket.ON_ITS_WAY.value)  # recorded and not pushed yet, or forgotten by Redis
        else:
            leave(bucket.value)
    return Plan(group(free), left, tuple(dict.fromkeys(elsewhere.values())))


def _named(session: Session, request: Request) -> list[NamedPhoto]:
    ids, keys = split_names(request.names)
    found = submissions.named(session, ids, keys, request.prefix, limit=MAX_NAMED + 1)
    if len(found) > MAX_NAMED:
        raise UsageError(f"more than {MAX_NAMED} photos are meant", hint="lomi jobs submit --prefix, with a longer one")
    if request.prefix is not None and not found:
        raise NotFound(f"no photo's key begins with {request.prefix!r}", hint="lomi report --window today")
    known_ids, known_keys = {each.photo.media_id for each in found}, {each.photo.key for each in found}
    unknown = [str(each) for each in ids if each not in known_ids] + [key for key in keys if key not in known_keys]
    if unknown:
        shown = ", ".join(unknown[:SHOWN]) + (f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else "")
        raise NotFound(
            f"no photo is known by {shown}; nothing was submitted",
            hint="name photos by media id or by key, as in media; a file is judged by `lomi moderate`",
        )
    return found


def _sorted_out(at: Handles, session: Session, photos: Sequence[PendingPhoto]) -> list[tuple[PendingPhoto, Bucket]]:
    if not photos:
        return []
    ids = [photo.media_id for photo in photos]
    place = whereabouts.look(at.redis, at.queue.keys)
    record = book.recorded(session, ids)
    sorted_out = []
    for photo, (live, dead) in zip(photos, place.of(ids), strict=True):
        noted = record.get(photo.media_id)
        trace = Trace(live, dead, noted.open, noted.decided_s) if noted else Trace(live, dead)
        sorted_out.append((photo, bucket_of(photo, trace)))
    return sorted_out


def settle_batches(
    session: Session, groups: Sequence[Group], *, actor: str, at: datetime, fresh_id: Callable[[], UUID] = uuid.uuid4
) -> list[Group]:
    """The same groups with photos of the old endpoint in a batch of their own, written into their rows. Dying after
    this leaves photos of a batch without a job, which the next submit or reconcile finds."""
    ready: list[Group] = [each for each in groups if each.batch_id != NO_BATCH]
    loose = [each for each in groups if each.batch_id == NO_BATCH]
    for start in range(0, len(loose), CHUNK):
        wanted = {fresh_id(): each for each in loose[start : start + CHUNK]}
        hit = book.adopt(session, wanted, actor=actor, at=at, journal=True)
        joined = (each.joined(batch_id, hit) for batch_id, each in wanted.items())
        ready += [each for each in joined if each is not None]
    return sorted(ready, key=lambda each: (each.photos[0].place, each.photos[0].media_id))


def to_jobs(submission_id: UUID, groups: Sequence[Group]) -> list[SubmittedJob]:
    return [
        SubmittedJob(
            seq=seq,
            job_id=job_id_of(submission_id, seq),
            batch_id=each.batch_id,
            user_id=each.user_id,
            telegram_id=each.photos[0].telegram_id,
            media_ids=each.media_ids,
            object_keys=tuple(photo.key for photo in each.photos),
        )
        for seq, each in enumerate(groups)
    ]


def asked(request: Request, left: Mapping[str, int]) -> dict[str, object]:
    """For the record: how the photos were named, not which."""
    named = {"named": len(request.names)} if request.prefix is None else {"prefix": request.prefix}
    return {**named, "left_alone": dict(left)}


def recorded(
    request: Request, submission_id: UUID, jobs: Sequence[SubmittedJob], left: Mapping[str, int], *, actor: str,
    at: datetime,
) -> Submission:  # fmt: skip
    return Submission(
        id=submission_id,
        at=at,
        actor=actor,
        asked=asked(request, left),
        fingerprint=request.fingerprint,
        priority=request.priority_of(len(jobs)),
        per_minute=request.per_minute,
        photos=sum(len(job.media_ids) for job in jobs),
        jobs=len(jobs),
    )
