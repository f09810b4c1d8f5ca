"""Drawing samples and choosing golden photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lomi_ops.db import audit, media, samples
from lomi_ops.db.pool import Database
from lomi_ops.db.samples import Population
from lomi_ops.domain.audit import Action, AuditEntry, photo_subject
from lomi_ops.domain.sampling import Kind
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.domain.window import Window
from lomi_ops.errors import LomiError, NotFound, Refused


@dataclass(frozen=True, slots=True)
class Drawn:
    """One kind of a draw."""

    kind: Kind
    probability: float
    of: Population
    """As it was before."""
    drawn: int
    """0 in a dry run."""


def draw(
    database: Database, shares: Mapping[Kind, float], window: Window, *, actor: str, at: datetime, dry_run: bool = False
) -> tuple[Drawn, ...]:
    """Draws every decision of a worker in the window with its kind's probability, on its own. Raises LomiError where
    there is no place for samples."""
    _require(database)
    with database.transaction() as session:
        found = []
        for kind, share in shares.items():
            of = samples.population(session, kind, window, share)
            number = 0 if dry_run else samples.draw_on(session, kind, window, share, at=at)
            found.append(Drawn(kind, share, of, number))
        if not dry_run:
            after = {each.kind.value: {"probability": each.probability, "drawn": each.drawn} for each in found}
            entry = AuditEntry(actor, Action.DRAW, "samples", at, after={"window": str(window), **after})
            audit.record_on(session, entry)
    return tuple(found)


def golden(
    database: Database,
    media_id: UUID,
    status: MediaStatus,
    reason: Reason | None,
    *,
    actor: str,
    at: datetime,
    note: str = "",
) -> None:
    """Mixes a decided photo, whose right answer is known, into the queue once.

    Raises NotFound, and Refused for one that nobody has decided yet or that waits as a sample already.
    """
    _require(database)
    row = media.photos_of(database, [media_id]).get(media_id)
    if row is None:
        raise NotFound(f"there is no photo {media_id}", hint="lomi review list")
    if row.status not in (MediaStatus.APPROVED, MediaStatus.REJECTED):
        raise Refused(f"photo {media_id} is {row.status}: a golden one is approved or rejected already")
    with database.transaction() as session:
        if not samples.golden_on(session, media_id, status, reason, at=at):
            raise Refused(f"photo {media_id} waits as a sample already", hint="once it is judged it can be one again")
        after = {"status": status.value, "reason": reason.value if reason else None}
        entry = AuditEntry(actor, Action.GOLDEN, photo_subject(media_id), at, note, after=after)
        audit.record_on(session, entry)


def _require(database: Database) -> None:
    if not samples.has_samples(database):
        raise LomiError("no place for samples here: the schema lomi is missing or old", hint="lomi migrate apply")
