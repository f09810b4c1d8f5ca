"""Taking back a person's decision: silently as long as nothing was told, else as a new decision that is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lomi_ops.db import audit, claims, outbox
from lomi_ops.db.overrides import Last, Locked, last_on, lock_on, log_on, message_of
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry, photo_subject
from lomi_ops.domain.review import WORKER, Ruling, check_actor
from lomi_ops.domain.shown import shown
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import Conflict, Refused

TOLD = (MediaStatus.APPROVED, MediaStatus.REJECTED, MediaStatus.FAILED)
"""What the contract has a message for."""


class Undoing(StrEnum):
    """What the app hears of it."""

    SILENT = "silent"
    """Nothing: it had not been told."""
    PUBLISHED = "published"
    """The earlier decision, as a new message."""
    NOT_TOLD = "not_told"
    """Nothing, though it was told the decision that is gone: for what stood before there is no message."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A photo that stands as it did before."""

    media_id: UUID
    status_before: str
    status: str
    reason: str | None
    how: Undoing
    job_id: str


def undo(
    db: Database, media_id: UUID, *, actor: str, at: datetime, job_id: str, note: str = "",
    step: UUID | None = None, of_step: UUID | None = None,
) -> Undone:  # fmt: skip
    """Takes back the last decision on a photo, if a person made it; with `of_step`, only if that step made it.

    Raises NotFound, Refused where there is nothing to take back, Conflict where the photo has changed since.
    """
    check_actor(actor)
    with db.transaction() as session:
        photo = lock_on(session, media_id)
        last = _reversible(photo, last_on(session, media_id), of_step)
        ruling = Ruling(None, None, actor, at, note, step)
        how = _how(session, photo, last)
        status, due_at = last.status_before or MediaStatus.PENDING.value, at
        if (photo.status, photo.reason) != (status, last.reason_before):
            due_at = outbox.overtake_on(session, media_id, at)
            _restore(session, photo, last, how, at)
        if how is Undoing.PUBLISHED:
            outbox.put_on(
                session, message_of(photo, MediaStatus(status), last.reason_before, job_id, ruling), due_at=due_at
            )
        log_on(session, photo, ruling, status, last.reason_before, job_id, undoes=last.id)
        claims.end_on(session, [media_id])
        audit.record_on(session, _entry(photo, last, ruling, how))
    return Undone(media_id, photo.status or "", status, last.reason_before, how, job_id)


def _reversible(photo: Locked, last: Last | None, of_step: UUID | None) -> Last:
    if last is None or last.actor == WORKER:
        raise Refused(
            f"nobody has decided photo {photo.media_id}: a worker's decision is overridden, not undone",
            hint=f"lomi review show {photo.media_id}",
        )
    if last.undoes is not None:
        raise Refused(f"the last decision on photo {photo.media_id} is taken back already, by {shown(last.actor)}")
    hint = f"look at it again: lomi review show {photo.media_id}"
    if of_step is not None and last.step != of_step:
        text = f"{shown(last.actor)} has decided photo {photo.media_id} since; it was left as it is"
        raise Conflict(text, hint=hint)
    if (photo.status, photo.reason or None) != (last.status, last.reason or None):
        text = f"photo {photo.media_id} is {photo.status} now, no longer {last.status}: something else changed it"
        raise Conflict(text, hint=hint)
    return last


def _how(session: Session, photo: Locked, last: Last) -> Undoing:
    """Withdraws the message where nobody has begun to send it."""
    if (last.status, last.reason) == (last.status_before, last.reason_before):
        return Undoing.SILENT
    tellable = last.status_before in TOLD
    if session.run("outbox_withdraw", job_id=last.job_id):
        untold = tellable and session.value("override_untold", media_id=photo.media_id, id=last.id)
        return Undoing.PUBLISHED if untold else Undoing.SILENT
    return Undoing.PUBLISHED if tellable else Undoing.NOT_TOLD


def _restore(session: Session, photo: Locked, last: Last, how: Undoing, at: datetime) -> None:
    decided_again = how is Undoing.PUBLISHED
    session.run(
        "override_media",
        media_id=photo.media_id,
        expect=photo.status,
        status=last.status_before or MediaStatus.PENDING.value,
        reason=last.reason_before,
        at=at,
        moderated_at=at if decided_again else last.moderated_before,
    )


def _entry(photo: Locked, last: Last, ruling: Ruling, how: Undoing) -> AuditEntry:
    after = {"status": last.status_before, "reason": last.reason_before, "undid": last.actor, "told": how.value}
    if ruling.step is not None:
        after["step"] = str(ruling.step)
    return AuditEntry(
        actor=ruling.actor,
        action=Action.UNDO,
        subject=photo_subject(photo.media_id),
        at=ruling.at,
        reason=ruling.note,
        before={"status": photo.status, "reason": photo.reason},
        after=after,
    )
