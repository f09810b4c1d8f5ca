"""Erasing what is held on a user.

The rows go last, in one transaction with the entry that says so: until then they lead a run that was interrupted to
what is left. So each run goes on where the last one stopped, and one that finds nothing changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lomi_ops.db import audit, privacy
from lomi_ops.domain import privacy as domain
from lomi_ops.domain.privacy import Person, Trail
from lomi_ops.errors import LomiError, Refused, UsageError
from lomi_ops.ops.privacy.survey import Handles, Survey, look
from lomi_ops.queue import personal

LOOKS = 3
"""A job that is in a list twice is met again after its first element is gone."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What went, by place; and what came while it went."""

    gone: Mapping[str, int]
    left: Mapping[str, int]
    shared: tuple[str, ...] = ()
    """Objects that another user's photo is, too: they were left alone."""


def plan(at: Handles, who: Person) -> Survey:
    """What would go. Raises Refused where a hold or a worker is in the way, LomiError where there is no audit."""
    if not audit.has_chain(at.database):
        raise LomiError("there is no audit here: an erasure could not be recorded", hint="lomi migrate apply")
    privacy.require_no_hold(at.database, who.user_id)
    found = look(at, who)
    require_idle(found.queue, who)
    return found


def require_idle(found: personal.Held, who: Person, *, went: Mapping[str, int] | None = None) -> None:
    """Raises Refused while a worker has one of the user's jobs in hand; `went` was erased before that."""
    for job in found.running:
        worker = f" by {job.worker[0]}" if job.worker else ""
        text = f"job {job.job_id} of user {who.user_id} is being worked on{worker}; {domain.told(went or {})}"
        raise Refused(text, hint=f"again when it is over, in seconds; or stop it: lomi queue cancel {job.job_id}")


def require_count(found: Survey, confirmed: int | None, again: str) -> None:
    """Refuses what was not confirmed by its true number of photos. `again` is the command line without it."""
    photos = photos_of(found)
    if confirmed == photos:
        return
    said = "must be confirmed by their number" if confirmed is None else f"were confirmed as {confirmed}"
    text = f"{photos} {'photo' if photos == 1 else 'photos'} of user {found.trail.person.user_id} {said}"
    raise Refused(f"{text}; nothing was erased", hint=f"{again} --confirm-count {photos}")


def photos_of(found: Survey) -> int:
    """Photos that are known, by a row or by what was decided on one."""
    return len(found.trail.media_ids)


def require_silence(who: Person, reason: str) -> None:
    """Raises UsageError for a reason that names the user: it stays when everything else is gone."""
    if not reason.strip():
        raise UsageError("--reason says nothing", hint="say why in a few words: an erasure is on record")
    if domain.names(who, reason):
        raise UsageError("--reason names the user, and stays in the audit", hint="say whose wish it was without the id")


def erase(
    at: Handles,
    found: Survey,
    *,
    actor: str,
    reason: str,
    now: Callable[[], datetime],
    tell: Callable[[], None] = lambda: None,
) -> Erased:
    """Jobs, objects, then rows; `tell` hears of each object that is gone. Raises Refused where a worker or a hold came
    first, LomiError where the rows could not go, and whatever is unavailable: then a second run goes on. A worker or a
    hold that comes in the middle stops it there, and what had gone by then is told and on record."""
    who, other = found.trail.person, dict[str, int]()
    privacy.rehearse(at.database, found.trail)
    try:
        _forget_jobs(at, found.queue, who, other)
        for number, each in enumerate(found.objects, start=1):
            privacy.require_no_hold(at.database, who.user_id, went=other)
            at.store.delete(each.bucket, each.key)
            other["objects"] = number
            tell()
        gone = privacy.erase(at.database, found.trail, actor=actor, reason=reason, at=now(), other=other)
    except Refused:
        if other:
            privacy.note_stopped(at.database, actor=actor, reason=reason, at=now(), gone=other)
        raise
    return Erased({**gone, **other}, look(at, who).counts, tuple(found.shared))


def _forget_jobs(at: Handles, found: personal.Held, who: Person, gone: dict[str, int]) -> None:
    for _ in range(LOOKS):
        if not found.counts:
            break
        for job in found.jobs:
            if not at.queue.forget(job.job_id, job.raw or b""):
                text = f"a worker took job {job.job_id} just now and is told to let go; {domain.told(gone)}"
                raise Refused(text, hint="the same command once more, in ten seconds")
            gone["queue.jobs"] = gone.get("queue.jobs", 0) + 1
        personal.forget(at.redis, at.queue.keys, found)
        for place, number in found.counts.items():
            if place != "queue.jobs":
                gone[place] = gone.get(place, 0) + number
        trail = found.job_ids
        found = personal.held(at.redis, at.queue.keys, who.user_id, (), trail, Trail(who).telegram)
        require_idle(found, who, went=gone)
