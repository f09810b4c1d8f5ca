"""A person's decision: the photo, the log, the audit and the message change together, or nothing does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db import audit, outbox
from lomi_ops.db.documents import readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry, photo_subject
from lomi_ops.domain.decision import PhotoDecision, ResultMessage, contract_scores
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import Conflict, NotFound, Refused, UsageError

ZERO_BATCH = UUID(int=0)
REASONS = (Reason.BLURRY, Reason.NO_FACE, Reason.GROUP_PHOTO, Reason.UNDERAGE, Reason.NSFW)
"""What the backend can word for a rejected photo."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """A person's decision that now holds."""

    media_id: UUID
    status_before: str
    reason_before: str | None
    status: MediaStatus
    reason: Reason | None
    message: ResultMessage
    """Waits in the outbox under its `job_id`."""


@dataclass(frozen=True, slots=True)
class _Photo:
    media_id: UUID
    user_id: UUID
    batch_id: UUID | None
    telegram_id: int
    status: str | None
    reason: str | None
    scores: Any


def override(
    db: Database,
    media_id: UUID,
    new_status: MediaStatus,
    reason: Reason | None,
    actor: str,
    *,
    expect: MediaStatus,
    at: datetime,
    job_id: str,
    note: str = "",
    due_at: datetime | None = None,
) -> Overridden:
    """Approves or rejects a photo that stands as `expect`, whoever decided before: old rows work as well.

    `job_id` is a fresh id for the message; `note` says why, in the person's words; the message is due at `due_at`, at
    once by default. Raises UsageError for a decision that no person can make, NotFound for an unknown photo, Conflict
    when the photo no longer stands as `expect`, Refused when it already stands as asked.
    """
    _check(new_status, reason, actor)
    with db.transaction() as session:
        photo = session.one(_Photo, "override_lock", media_id=media_id)
        if photo is None:
            raise NotFound(f"there is no photo {media_id}")
        _compare(photo, new_status, reason, expect)
        session.run("override_media", media_id=media_id, expect=expect, status=new_status, reason=reason, at=at)
        message = _message(photo, new_status, reason, job_id, at)
        _log(session, photo, message, actor, note)
        outbox.put_on(session, message, due_at=due_at or at)
    return Overridden(media_id, photo.status or "", photo.reason, new_status, reason, message)


def _check(status: MediaStatus, reason: Reason | None, actor: str) -> None:
    if not actor.strip():
        raise UsageError("a decision needs the name of who made it", hint="--as NAME, or set LOMI_ACTOR")
    if status is MediaStatus.APPROVED and reason is None:
        return
    if status is MediaStatus.REJECTED and reason in REASONS:
        return
    words = ", ".join(REASONS)
    raise UsageError(f"a person approves without a reason, or rejects with one of: {words}")


def _compare(photo: _Photo, status: MediaStatus, reason: Reason | None, expect: MediaStatus) -> None:
    if photo.status != expect:
        raise Conflict(
            f"photo {photo.media_id} is {photo.status}, no longer {expect}; nothing was changed",
            hint="look at it again",
        )
    if photo.status == status and (photo.reason or None) == reason:
        raise Refused(f"photo {photo.media_id} is {status} already; its owner would be told twice")


def _message(photo: _Photo, status: MediaStatus, reason: Reason | None, job_id: str, at: datetime) -> ResultMessage:
    scores = photo.scores if isinstance(photo.scores, dict) else contract_scores(None, None, 0.0)
    decision = PhotoDecision(photo.media_id, status, reason.value if reason else None, scores)
    return ResultMessage(job_id, photo.batch_id or ZERO_BATCH, photo.user_id, photo.telegram_id, (decision,), at)


def _log(session: Session, photo: _Photo, message: ResultMessage, actor: str, note: str) -> None:
    decision = message.decisions[0]
    session.run(
        "override_decision",
        at=message.processed_at,
        media_id=photo.media_id,
        batch_id=photo.batch_id,
        user_id=photo.user_id,
        job_id=message.job_id,
        actor=readable(actor),
        status_before=photo.status,
        reason_before=photo.reason,
        status=decision.status.value,
        reason=decision.reason,
        detail=readable(note),
    )
    audit.record_on(
        session,
        AuditEntry(
            actor=actor,
            action=Action.APPROVE if decision.status is MediaStatus.APPROVED else Action.REJECT,
            subject=photo_subject(photo.media_id),
            at=message.processed_at,
            reason=note,
            before={"status": photo.status, "reason": photo.reason},
            after={"status": decision.status, "reason": decision.reason},
        ),
    )
