"""A person's decision: the photo, the log, the message and the audit change together, or nothing does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db import audit, claims, outbox
from lomi_ops.db.documents import readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry, photo_subject
from lomi_ops.domain.decision import PhotoDecision, ResultMessage, contract_scores
from lomi_ops.domain.review import Ruling, Seen
from lomi_ops.domain.shown import shown
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import Conflict, NotFound, Refused

ZERO_BATCH = UUID(int=0)
USER_TEXT = "user_text"
"""The key of `scores` with what the user is told, by language: readers of the contract pass over it."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """A person's decision that now holds."""

    media_id: UUID
    status_before: str
    reason_before: str | None
    status: MediaStatus
    reason: str | None
    job_id: str
    message: ResultMessage | None
    """Waits in the outbox under the same `job_id`; None where nothing is told."""
    due_at: datetime | None
    """When it is told; until then an undo is silent."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A photo that nobody else changes until our transaction ends."""

    media_id: UUID
    user_id: UUID
    batch_id: UUID | None
    telegram_id: int
    status: str | None
    reason: str | None
    scores: Any
    moderated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Last:
    """The last decision on a photo."""

    id: int
    job_id: str
    actor: str
    status_before: str | None
    reason_before: str | None
    moderated_before: datetime | None
    status: str
    reason: str | None
    step: UUID | None
    undoes: int | None


def override(db: Database, seen: Seen, ruling: Ruling, *, job_id: str) -> Overridden:
    """Decides a photo that still stands as it was seen, whoever decided before: old rows work as well.

    `job_id` is a fresh id for the message. Raises UsageError for a decision that no person can make, NotFound for an
    unknown photo, Conflict when the photo no longer stands as seen, when its claim was lost, or while somebody else
    looks at it, Refused when it already stands as asked, and for the approval of what no engine could judge unless
    somebody vouches for it.
    """
    ruling.check()
    with db.transaction() as session:
        photo = lock_on(session, seen.media_id)
        _compare(session, photo, seen, ruling)
        status = MediaStatus(str(photo.status)) if ruling.status is None else ruling.status
        reason = photo.reason if ruling.status is None else _word(ruling.reason)
        message = None if ruling.status is None else message_of(photo, status, reason, job_id, ruling)
        due_at = outbox.overtake_on(session, photo.media_id, ruling.due_at or ruling.at) if message else None
        if message and due_at:
            _write(session, photo, status, reason, ruling.at)
            outbox.put_on(session, message, due_at=due_at)
        log_on(session, photo, ruling, status.value, reason, job_id)
        claims.end_on(session, [photo.media_id])
        audit.record_on(session, _entry(photo, ruling, status, reason))
    return Overridden(seen.media_id, photo.status or "", photo.reason, status, reason, job_id, message, due_at)


def lock_on(session: Session, media_id: UUID) -> Locked:
    """Raises NotFound."""
    photo = session.one(Locked, "override_lock", media_id=media_id)
    if photo is None:
        raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
    return photo


def last_on(session: Session, media_id: UUID) -> Last | None:
    return session.one(Last, "override_last", media_id=media_id)


def message_of(photo: Locked, status: MediaStatus, reason: str | None, job_id: str, ruling: Ruling) -> ResultMessage:
    """What the backend is told, in the contract's shape."""
    scores = dict(photo.scores) if isinstance(photo.scores, dict) else contract_scores(None, None, 0.0)
    scores.pop(USER_TEXT, None)
    if ruling.texts:
        scores[USER_TEXT] = dict(ruling.texts)
    decision = PhotoDecision(photo.media_id, status, reason, scores)
    return ResultMessage(job_id, photo.batch_id or ZERO_BATCH, photo.user_id, photo.telegram_id, (decision,), ruling.at)


def log_on(
    session: Session,
    photo: Locked,
    ruling: Ruling,
    status: str,
    reason: str | None,
    job_id: str,
    *,
    undoes: int | None = None,
) -> None:
    """One row of the decision log."""
    session.run(
        "override_decision",
        at=ruling.at,
        media_id=photo.media_id,
        batch_id=photo.batch_id,
        user_id=photo.user_id,
        job_id=job_id,
        actor=readable(ruling.actor),
        status_before=photo.status,
        reason_before=photo.reason,
        moderated_before=photo.moderated_at,
        status=status,
        reason=reason,
        detail=readable(ruling.note),
        step=ruling.step,
        undoes=undoes,
    )


def _compare(session: Session, photo: Locked, seen: Seen, ruling: Ruling) -> None:
    """Raises Conflict and Refused."""
    last = last_on(session, photo.media_id)
    now = (photo.status, photo.reason or None, last.id if last else None)
    if now != (seen.status, seen.reason or None, seen.decision):
        by = f" by {shown(last.actor)}" if last and last.id != seen.decision else ""
        text = f"photo {photo.media_id} was {_standing(seen.status, seen.reason)} and is"
        raise Conflict(
            f"{text} {_standing(photo.status, photo.reason)} now{by}; nothing was changed", hint="look at it again"
        )
    if photo.status not in tuple(MediaStatus):
        text = f"photo {photo.media_id} stands as {photo.status!r}, which is no status of the contract"
        raise Conflict(text, hint="look at its row in media; nothing was changed")
    _compare_claim(session, seen, ruling)
    if ruling.status is MediaStatus.APPROVED and photo.status == MediaStatus.FAILED and not ruling.vouched:
        text = f"photo {photo.media_id} could not be judged ({shown(photo.reason or 'nobody said why')})"
        raise Refused(
            f"{text}: nothing speaks for it; nothing was changed", hint="look at it in lomi review, or --unseen"
        )
    if ruling.status is None and photo.status == MediaStatus.PENDING:
        raise Refused(f"photo {photo.media_id} waits for a decision: there is none to keep")
    if ruling.status is not None and (photo.status, photo.reason or None) == (ruling.status, _word(ruling.reason)):
        raise Refused(f"photo {photo.media_id} is {photo.status} already; its owner would be told twice")


def _compare_claim(session: Session, seen: Seen, ruling: Ruling) -> None:
    claim = claims.held_on(session, seen.media_id, ruling.at)
    if seen.token is not None and (claim is None or claim.token != seen.token):
        who = f"{shown(claim.actor)} looks at it now" if claim else "it had expired"
        raise Conflict(
            f"your claim on photo {seen.media_id} is lost, {who}; nothing was changed", hint="claim it again"
        )
    if seen.token is None and claim is not None and claim.actor != readable(ruling.actor) and not ruling.over_claims:
        who = shown(claim.actor)
        text = f"{who} looks at photo {seen.media_id} until {claim.expires_at:%H:%M:%S %Z}; nothing was changed"
        raise Conflict(text, hint="wait, or --force")


def _write(session: Session, photo: Locked, status: MediaStatus, reason: str | None, at: datetime) -> None:
    session.run(
        "override_media",
        media_id=photo.media_id,
        expect=photo.status,
        status=status,
        reason=reason,
        at=at,
        moderated_at=at,
    )


def _entry(photo: Locked, ruling: Ruling, status: MediaStatus, reason: str | None) -> AuditEntry:
    words = {None: Action.KEEP, MediaStatus.APPROVED: Action.APPROVE}
    more: dict[str, Any] = {"macro": ruling.macro, "user_text": dict(ruling.texts)} if ruling.macro else {}
    if ruling.step is not None:
        more["step"] = str(ruling.step)
    return AuditEntry(
        actor=ruling.actor,
        action=words.get(ruling.status, Action.REJECT),
        subject=photo_subject(photo.media_id),
        at=ruling.at,
        reason=ruling.note,
        before={"status": photo.status, "reason": photo.reason},
        after={"status": status, "reason": reason, **more},
    )


def _word(reason: Reason | None) -> str | None:
    return reason.value if reason else None


def _standing(status: str | None, reason: str | None) -> str:
    return shown(f"{status} ({reason})" if reason else str(status))
