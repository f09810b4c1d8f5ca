"""Looking everywhere for what is held on a user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lomi_ops.clients.objects.keys import BadKey, check_key
from lomi_ops.db import audit, media, privacy
from lomi_ops.db.pool import Database
from lomi_ops.db.privacy import Held as HeldRow
from lomi_ops.domain import privacy as domain
from lomi_ops.domain.privacy import Person, Trail
from lomi_ops.errors import NotFound, PhotoError
from lomi_ops.ops.unknowns import Unknown
from lomi_ops.queue import personal

if TYPE_CHECKING:
    import redis

    from lomi_ops.clients.objects import ObjectStore
    from lomi_ops.queue.jobs import JobQueue

NO_RECORD = Unknown(
    "there is no record of lomi's yet: decisions, notes and the audit are not known", "lomi migrate apply"
)


@dataclass(frozen=True, slots=True)
class Handles:
    database: Database
    redis: redis.Redis
    queue: JobQueue
    store: ObjectStore
    buckets: tuple[str, ...]
    """That of the photos first."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object of the user's."""

    bucket: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that is held on a user, as far as it is known."""

    trail: Trail
    media: Sequence[dict[str, Any]]
    rows: Sequence[HeldRow]
    entries: Sequence[dict[str, Any]]
    """Of the audit."""
    queue: personal.Held
    objects: Sequence[Found]
    shared: Sequence[str] = ()
    """Objects that rows of the user name and another user's do, too: they are left alone."""
    unnameable: Sequence[str] = ()
    """Objects of the user whose key means one thing here and another one there: they are neither read nor deleted."""
    unknown: tuple[Unknown, ...] = field(default=())

    @property
    def counts(self) -> dict[str, int]:
        """How many things of each place, none where there are none."""
        tables = Counter(f"lomi.{each.place}" for each in self.rows)
        places = {"media": len(self.media), **tables, "lomi.audit": len(self.entries)}
        found = {**places, **self.queue.counts, "objects": len(self.objects)}
        return {place: number for place, number in found.items() if number}


def person(database: Database, text: str) -> Person:
    """Of a user id or a Telegram id. Raises NotFound."""
    try:
        return privacy.person(database, UUID(text))
    except ValueError:
        number = domain.telegram_id(text)
    found = None if number is None else privacy.person_of(database, number)
    if found is None:
        what = (
            f"{text!r} is neither a user id nor a Telegram id"
            if number is None
            else f"nobody has the Telegram id {text}"
        )
        raise NotFound(
            what, hint="SELECT id FROM users in the backend's database; an erased user is known by no number"
        )
    return found


def look(at: Handles, who: Person) -> Survey:
    """Raises RedisUnavailable, DatabaseUnavailable, ObjectsUnavailable."""
    known = audit.has_chain(at.database)
    rows = privacy.media_rows(at.database, who) if media.has_media(at.database) else []
    trail = privacy.trail(at.database, who, rows)
    queue = personal.held(at.redis, at.queue.keys, who.user_id, trail.media_ids, trail.job_ids, trail.telegram)
    photos = _photos(queue)
    photos -= privacy.photos_of_others(at.database, who, photos) if rows or known else frozenset()
    trail = replace(trail, job_ids=trail.job_ids | queue.job_ids, media_ids=trail.media_ids | photos)
    listed = _listed(at, trail.person)
    named, shared = _named(at, trail)
    return Survey(
        trail=trail,
        media=rows,
        rows=tuple(privacy.rows(at.database, trail)) if known else (),
        entries=tuple(privacy.entries(at.database, trail)) if known else (),
        queue=queue,
        objects=(*(each for each in listed if _nameable(each)), *named),
        shared=shared,
        unnameable=tuple(f"{each.bucket}/{each.key}" for each in listed if not _nameable(each)),
        unknown=() if known else (NO_RECORD,),
    )


def _photos(found: personal.Held) -> frozenset[UUID]:
    """Of jobs that name the user, as they were pushed."""
    ids = set()
    for job in found.jobs:
        for each in job.photos:
            try:
                ids.add(UUID(each))
            except ValueError:
                continue
    return frozenset(ids)


def _listed(at: Handles, who: Person) -> tuple[Found, ...]:
    """By the place where the backend puts a user's objects."""
    prefix = domain.prefix_of(who)
    return tuple(Found(bucket, each.key, each.size) for bucket in at.buckets for each in at.store.list(bucket, prefix))


def _nameable(found: Found) -> bool:
    """False for `..` and the like, which a program on the way to the object may resolve: to somebody else's."""
    try:
        check_key(found.key)
    except BadKey:
        return False
    return True


def _named(at: Handles, trail: Trail) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """What rows name elsewhere; and what of it is another user's, too."""
    prefix = domain.prefix_of(trail.person)
    found = []
    elsewhere = {key for url in trail.keys if not (key := domain.key_of(url, at.buckets)).startswith(prefix)}
    shared = privacy.keys_of_others(at.database, trail.person, elsewhere)
    for bucket in at.buckets:
        for key in sorted(elsewhere - shared):
            try:
                size = at.store.size(bucket, key)
            except PhotoError:
                continue  # a key that no object can have
            if size is not None:
                found.append(Found(bucket, key, size))
    return tuple(found), tuple(sorted(shared))
