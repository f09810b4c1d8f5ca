"""Claims: who looks at which photo now. A lease with a token, so that two people never decide the same photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from lomi_ops.db.documents import readable
from lomi_ops.domain.review import Claim, Seen

if TYPE_CHECKING:
    from lomi_ops.db.pool import Database, Session

FORGOTTEN = timedelta(hours=1)
"""What expired so long ago is of no use to anybody."""


def take(
    db: Database,
    wanted: Sequence[Seen],
    *,
    actor: str,
    token: UUID,
    at: datetime,
    lease_s: float,
    limit: int,
    fresh: bool,
) -> tuple[Claim, ...]:
    """Claims up to `limit` of these photos, in their order: those that still stand as seen and that nobody holds; only
    `fresh` ones that no person has decided, whose last decision need not be known."""
    expires_at = at + timedelta(seconds=lease_s)
    taken = {
        row.media_id
        for row in db.all(
            _Taken,
            "claims_take",
            ids=[each.media_id for each in wanted],
            statuses=[each.status for each in wanted],
            reasons=[each.reason for each in wanted],
            decisions=[each.decision for each in wanted],
            fresh=fresh,
            limit=limit,
            actor=readable(actor),
            token=token,
            at=at,
            expires_at=expires_at,
        )
    }
    return tuple(Claim(each.media_id, actor, token, at, expires_at) for each in wanted if each.media_id in taken)


def beat(db: Database, token: UUID, *, at: datetime, lease_s: float) -> tuple[Claim, ...]:
    """Holds on to what the token still holds; what is missing in the answer is lost."""
    return tuple(db.all(Claim, "claims_beat", token=token, at=at, expires_at=at + timedelta(seconds=lease_s)))


def release(db: Database, token: UUID, media_ids: Sequence[UUID] | None = None) -> int:
    """Gives photos back, all that the token holds by default; how many there were."""
    return db.run("claims_release", token=token, ids=None if media_ids is None else list(media_ids))


def held(
    db: Database, *, at: datetime, media_ids: Sequence[UUID] | None = None, actor: str | None = None
) -> tuple[Claim, ...]:
    """What is looked at, the longest first."""
    ids = None if media_ids is None else list(media_ids)
    return tuple(db.all(Claim, "claims_held", ids=ids, actor=None if actor is None else readable(actor), at=at))


def held_on(session: Session, media_id: UUID, at: datetime) -> Claim | None:
    """Who looks at a photo, within the caller's transaction."""
    return session.one(Claim, "claims_held", ids=[media_id], actor=None, at=at)


def end_on(session: Session, media_ids: Sequence[UUID]) -> tuple[Claim, ...]:
    """Takes photos away from whoever holds them; what was held, expired claims too."""
    return tuple(session.all(Claim, "claims_break", ids=list(media_ids)))


def sweep(db: Database, *, at: datetime) -> int:
    """Forgets what expired long ago."""
    return db.run("claims_sweep", before=at - FORGOTTEN)


@dataclass(frozen=True, slots=True)
class _Taken:
    media_id: UUID
