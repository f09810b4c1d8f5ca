"""Judging photos again: what was asked for, how far it is, and each verdict with its effect in one transaction.

The row of a photo in `lomi.remoderated` is the gate: it is there together with what it says, or not at all. So a run
may be killed at any point and go on, and two may be at the same run: no photo is changed twice, and none is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from lomi_ops.db import audit, claims, fingerprints, outbox
from lomi_ops.db.documents import cleaned, jsonb, log_columns, readable
from lomi_ops.db.fingerprints import Kept, Shelf
from lomi_ops.db.overrides import ZERO_BATCH, Last, Locked, last_on
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry, photo_subject
from lomi_ops.domain.decision import PhotoDecision, ResultMessage
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.remoderate import Fate
from lomi_ops.domain.review import WORKER, Seen
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import NotFound, Refused


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as it was asked for and as far as it is."""

    id: int
    at: datetime
    actor: str
    filter: str
    why: str
    model: str | None
    policy: str
    engines: str
    shadow: bool
    overrides: bool
    per_minute: float | None
    photos: int
    reached: UUID | None
    ended_at: datetime | None
    trimmed: int
    """Rows of its photos that went: they are through, and what came of them is no longer known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """So many photos of a run went the same way."""

    fate: Fate
    status_before: str | None
    reason_before: str | None
    status: str | None
    reason: str | None
    photos: int


def known(db: Database) -> bool:
    """False on a schema of before."""
    return bool(db.value("has_table", name="lomi.remoderations"))


def require_known(db: Database) -> None:
    """Raises Refused where there is no place to keep how far a run is."""
    if not known(db):
        raise Refused("there is no place for runs here; nothing was judged", hint="lomi migrate apply")


def counts_trimmed(db: Database | Session) -> bool:
    """False on a schema of before."""
    return bool(db.value("remoderation_counts_trimmed"))


def remove_on(session: Session, block: str, **values: Any) -> int:
    """Removes rows of photos within the caller's transaction, and has each run count its own; how many. `block` says
    how many went of which run."""
    gone = session.all(_of_run, block, **values)
    if counts_trimmed(session):
        for run, rows in gone:
            session.run("remoderation_trimmed", run=run, rows=rows)
    return sum(rows for _, rows in gone)


def begin(
    db: Database, *, at: datetime, actor: str, filter_: str, why: str, model: str | None, policy: str, engines: str,
    shadow: bool, overrides: bool, per_minute: float | None, photos: int,
) -> Run:  # fmt: skip
    number = db.value(
        "remoderation_begin", at=at, actor=readable(actor), filter=readable(filter_), why=readable(why), model=model,
        policy=policy, engines=readable(engines), shadow=shadow, overrides=overrides, per_minute=per_minute,
        photos=photos,
    )  # fmt: skip
    return get(db, number)


def get(db: Database, number: int) -> Run:
    """Raises NotFound."""
    found = db.one(Run, "remoderations", id=number, limit=1)
    if found is None:
        raise NotFound(f"there is no run {number}", hint="lomi remoderate status")
    return found


def runs(db: Database, *, limit: int) -> tuple[Run, ...]:
    """The latest first."""
    return tuple(db.all(Run, "remoderations", id=None, limit=limit))


def reached(db: Database, run: Run, media_id: UUID) -> None:
    db.run("remoderation_reached", id=run.id, media_id=media_id)


def end(db: Database, run: Run, *, at: datetime) -> None:
    db.run("remoderation_end", id=run.id, at=at)


def through(db: Database, run: Run, media_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of which it is noted what came of them; all of them once the run has ended."""
    return frozenset(db.all(_media_id, "remoderation_through", run=run.id, ids=list(media_ids)))


def tally(db: Database, run: Run) -> tuple[Outcome, ...]:
    """The most frequent first."""
    return tuple(db.all(_outcome, "remoderation_tally", run=run.id))


def decided_by_people(db: Database) -> frozenset[UUID]:
    """Photos of which a person's decision holds. Needs the schema `lomi`."""
    return frozenset(db.all(_media_id, "decided_by_people"))


def note(db: Database, run: Run, seen: Seen, fate: Fate, decision: PhotoDecision | None, *, at: datetime) -> None:
    """What came of a photo of which nothing is changed."""
    with db.session() as session:
        _put(session, run, seen, fate, decision, at)


def apply(
    db: Database, run: Run, seen: Seen, decision: PhotoDecision, policy: Policy, *, at: datetime, shelf: Shelf
) -> Fate | None:
    """Makes a new verdict hold where the photo still stands as it was seen, and nobody is at it; what became of it.
    None where it was through before."""
    decision = cleaned(decision)
    with db.transaction() as session:
        photo = session.one(Locked, "override_lock", media_id=seen.media_id)
        if session.all(_media_id, "remoderation_through", run=run.id, ids=[seen.media_id]):
            return None
        fate = Fate.GONE if photo is None else _compared(session, photo, seen, run, at)
        if photo is not None and fate is Fate.CHANGED:
            _change(session, run, photo, decision, policy, at)
            if decision.fingerprint is not None:
                shelf.keep_on(session, [Kept(photo.media_id, photo.user_id, decision.fingerprint)], at=at)
        _put(session, run, seen, fate, decision, at)
        return fate


def remember(db: Database, looks: Sequence[Kept], *, at: datetime) -> None:
    """What photos look like that old workers judged: their pixels were just seen anyway."""
    if looks and fingerprints.is_open(db):
        fingerprints.keep(db, looks, at=at)


def worker_name(run: Run) -> str:
    """Who judged, in the decision log."""
    return f"remoderate {run.id}"


def run_subject(number: int) -> str:
    """How a run is named in the audit."""
    return f"remoderation:{number}"


def _compared(session: Session, photo: Locked, seen: Seen, run: Run, at: datetime) -> Fate:
    last = last_on(session, photo.media_id)
    if _persons(last) and not run.overrides:
        return Fate.PERSON
    now = (photo.status, photo.reason or None, last.id if last else None)
    if now != (seen.status, seen.reason or None, seen.decision):
        return Fate.MOVED
    return Fate.HELD if claims.held_on(session, photo.media_id, at) else Fate.CHANGED


def _persons(last: Last | None) -> bool:
    return last is not None and last.actor != WORKER and last.undoes is None


def _change(
    session: Session, run: Run, photo: Locked, decision: PhotoDecision, policy: Policy, at: datetime
) -> None:  # fmt: skip
    job_id = str(uuid5(NAMESPACE_OID, f"lomi.remoderation:{run.id}:{photo.media_id}"))
    # Also where nothing is told: an earlier message that was not sent says what holds no more.
    due_at = outbox.overtake_on(session, photo.media_id, at)
    session.run(
        "remoderation_media", media_id=photo.media_id, expect=photo.status, status=decision.status.value,
        reason=decision.reason, scores=jsonb(decision.scores), at=at,
    )  # fmt: skip
    if decision.status is not MediaStatus.PENDING:
        batch_id = photo.batch_id or ZERO_BATCH
        message = ResultMessage(job_id, batch_id, photo.user_id, photo.telegram_id, (decision,), at)
        outbox.put_on(session, message, due_at=due_at)
    session.run(
        "remoderation_log", at=at, batch_id=photo.batch_id, user_id=photo.user_id, job_id=job_id,
        worker=worker_name(run), status_before=photo.status, reason_before=photo.reason,
        moderated_before=photo.moderated_at, decision=jsonb(log_columns(decision, policy)),
    )  # fmt: skip
    audit.record_on(session, _entry(run, photo, decision, at))


def _entry(run: Run, photo: Locked, decision: PhotoDecision, at: datetime) -> AuditEntry:
    return AuditEntry(
        actor=run.actor,
        action=Action.REMODERATE,
        subject=photo_subject(photo.media_id),
        at=at,
        reason=run.why,
        before={"status": photo.status, "reason": photo.reason},
        after={"status": decision.status.value, "reason": decision.reason, "run": run.id},
    )


def _put(
    session: Session, run: Run, seen: Seen, fate: Fate, decision: PhotoDecision | None, at: datetime
) -> None:  # fmt: skip
    session.run(
        "remoderation_put", run=run.id, media_id=seen.media_id, at=at, fate=fate.value, status_before=seen.status,
        reason_before=seen.reason, status=decision.status.value if decision else None,
        reason=decision.reason if decision else None,
    )  # fmt: skip


def _outcome(*, fate: str, **columns: Any) -> Outcome:
    return Outcome(Fate(fate), **columns)


def _of_run(run: int, rows: int) -> tuple[int, int]:
    return run, rows


def _media_id(media_id: UUID) -> UUID:
    return media_id
